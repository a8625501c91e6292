"""`helpdesk benchmark`: start the whole product, take design.md's figures, print each beside its target."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import HelpdeskError
from core.settings import Settings, settings
from evaluation.benchmark.figures import Figure, as_json, as_table, save
from evaluation.questions import SETS, Group, Question, load_questions
from knowledge.loader import load_knowledge

if TYPE_CHECKING:
    from retrieval.retriever import Retriever

NOT_TAKEN = 3


def benchmark(
    as_json_object: Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")] = False,
    out: Annotated[Path | None, typer.Option(help="File for the figures; default: var/benchmark.json.")] = None,
) -> None:
    """Measure the whole product on this machine; takes two to three minutes.

    Exit codes: 0 the figures were taken, reached or not; 3 they could not be taken.
    """
    current = settings()
    _tell(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; other work spoils the figures")
    try:
        figures = take_figures(current, load_texts())
    except HelpdeskError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(NOT_TAKEN) from error
    save(figures, out or current.var_dir / "benchmark.json")
    typer.echo(as_json(figures) if as_json_object else as_table(figures))


def load_texts() -> list[Question]:
    """Return what is said: the development sets' single questions with a city, shuffled the same way each time."""
    asked = [q for q in load_questions(SETS) if q.city and q.group is Group.ANSWERABLE]
    random.Random(7).shuffle(asked)  # noqa: S311 - not a secret
    return asked


def take_figures(current: Settings, questions: list[Question]) -> list[Figure]:
    """Take all figures, telling each step on standard error."""
    from channels.tokens import demo_staff_token, demo_token
    from cli.serve import running_service
    from evaluation.benchmark import agents, cases, parts, turns
    from evaluation.benchmark.bare import bare_rasa

    key = current.demo_key_file or current.var_dir / "benchmark-key.pem"
    current = current.model_copy(update={"demo_key_file": key})
    _tell("starting the product")
    began = time.perf_counter()
    with running_service(HELPDESK_DEMO_KEY_FILE=str(key)) as service:
        turns.first_answer(service, questions[0])
        start = time.perf_counter() - began
        processes = parts.service_processes()
        _tell("whole turns against bare turns")
        with bare_rasa(current, current.var_dir / "log" / "bare-rasa.log") as rasa:
            found = turns.against_bare(service, rasa, questions)
        _tell("16 clients")
        found += turns.sustained(service, questions)
        _tell("a long conversation")
        found.append(turns.growth(service, questions))
        _tell("suggestions")
        agent = demo_staff_token(current, "agent", questions[0].city or "")
        found += parts.suggestions(service, agent, questions)
        _tell("20 agents typing")
        found += agents.typing(service, agent, questions)
        _tell("families' own cases")
        found.append(cases.against_questions(service, lambda: demo_token(current, "cq-zhang"), questions))
        found.append(parts.memory(processes))
    _tell("questions beside a slow backend")
    with cases.slow_backend() as (address, backend):
        slow = {"HELPDESK_REFERENCE_BACKEND": "false", "HELPDESK_ENROLLMENT_URL": address}
        slow |= {"HELPDESK_ENROLLMENT_TIMEOUT": "2.5", "HELPDESK_ENROLLMENT_READ_TIMEOUT": "2.5"}
        with running_service(HELPDESK_DEMO_KEY_FILE=str(key), **slow) as service:
            turns.first_answer(service, questions[0])
            found += cases.beside_slow_backend(service, backend, lambda: demo_token(current, "nobody"), questions)
    _tell("retrieval alone")
    found.append(parts.retrieval_alone(_retriever(current), questions))
    found.append(parts.training(current.var_dir / "training.json"))
    how = "from the command to the first answered question, everything trained"
    return [*found, Figure("start until the first answer", start, " s", 30, "lower", how)]


def _retriever(current: Settings) -> Retriever:
    from retrieval.retriever import load_retriever

    return load_retriever(current.var_dir / "retrieval", load_knowledge(), current.encoder_folder)


def _tell(step: str) -> None:
    typer.echo(step, err=True)
