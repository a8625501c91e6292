"""`helpdesk knowledge`: check the entries, list them, and make Rasa's examples from them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.ticket_export import period
from conversations.feedback import taken_between
from conversations.migrate import migrate
from conversations.snapshot import snapshot
from conversations.storage import open_engine
from core.settings import ROOT, settings
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


@knowledge.command()
def chosen(
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="First day, in China.")],
    until: Annotated[str, typer.Option("--to", metavar="DATE", help="Last such day.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List which question of theirs parents took to which entry or branch, and how often; words are masked."""
    first, end = period(since, until)
    engine = open_engine(settings().database)
    migrate(engine)
    with snapshot(engine) as connection:
        taken = taken_between(connection, first, end)
    engine.dispose()
    if as_json:
        for one in taken:
            typer.echo(json.dumps(asdict(one), ensure_ascii=False))
        return
    table = Table("times", "entry", "branch", "question", box=None)
    for one in taken:
        table.add_row(str(one.times), one.entry, one.branch, Text(one.question or ""))
    Console().print(table)
