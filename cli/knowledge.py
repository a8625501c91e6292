"""`helpdesk knowledge`: check the entries, list them, and make Rasa's examples from them."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from core.settings import ROOT
from knowledge.loader import load_knowledge
from knowledge.nlu import write_nlu

knowledge = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The published Q&A.")
NLU_FOLDER = ROOT / "bot/data/nlu"


@knowledge.command()
def check() -> None:
    """Prove every answer equal to its source; exit 2 with file, entry and reason if one is not."""
    known = load_knowledge()
    similar = sum(len(entry.similar_questions) for entry in known.entries.values())
    typer.echo(
        f"{len(known.entries)} entries equal their sources; "
        f"{similar} similar questions, {len(known.near_misses)} near misses"
    )


@knowledge.command("list")
def list_entries(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False) -> None:
    """List the entries."""
    for entry in load_knowledge().entries.values():
        fields = {"id": entry.id, "city": entry.city, "topic": entry.topic, "question": entry.question}
        typer.echo(json.dumps(fields, ensure_ascii=False) if as_json else "\t".join(fields.values()))


@knowledge.command()
def nlu() -> None:
    """Write Rasa's examples of the topic intents from the entries."""
    for path in write_nlu(load_knowledge(), NLU_FOLDER):
        typer.echo(path.relative_to(ROOT))
