"""`helpdesk evaluate-peers`: measure what others would do with Rasa alone; once for each version of the data."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from core.settings import settings
from evaluation.peers.measure import measure_peers
from evaluation.peers.report import FOLDER, as_markdown, inputs_of, load_kept
from evaluation.questions import DEVELOPMENT, load_questions
from knowledge.loader import load_knowledge


def evaluate_peers(
    force: Annotated[bool, typer.Option("--force", help="Measure even what is up to date.")] = False,
) -> None:
    """Train Rasa alone on our training questions, measure it and keep the report; takes about an hour."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    typer.echo(keep_up_to_date(settings().rasa_python, force))


def keep_up_to_date(python: Path, force: bool, folder: Path = FOLDER) -> str:
    """Measure the peers, unless the report kept in `folder` is of the present data; return what to tell.

    Raises:
        HelpdeskError: Rasa failed, or the kept report cannot be read.
    """
    known = load_knowledge()
    questions = load_questions(DEVELOPMENT, known.entries)
    kept = None if force else load_kept(inputs_of(known, questions), folder)
    if kept and kept.current:
        return f"up to date: {folder} is of these data"
    report = measure_peers(known, questions, python, lambda step: typer.echo(step, err=True))
    report.save(folder)
    return as_markdown(report)
