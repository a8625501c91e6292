"""`helpdesk knowledge`: check the entries, list them, and make Rasa's examples from them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.ticket_export import period
from conversations.feedback import taken_between
from conversations.migrate import migrate
from conversations.snapshot import snapshot
from conversations.storage import open_engine
from core.settings import ROOT, settings
from knowledge.loader import Knowledge, load_knowledge
from knowledge.nlu import write_nlu

knowledge = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The published Q&A.")
NLU_FOLDER = ROOT / "bot/data/nlu"


@knowledge.command()
def check() -> None:
    """Prove every answer equal to its source; exit 2 with file, entry and reason if one is not.

    Says as well if the questions have moved far from those that the judges were tuned on.
    """
    known = load_knowledge()
    similar = sum(len(entry.similar_questions) for entry in known.entries.values())
    typer.echo(
        f"{len(known.entries)} entries equal their sources; "
        f"{similar} similar questions, {len(known.near_misses)} near misses"
    )
    for line in _drifted(known):
        typer.echo(line)


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


def _drifted(known: Knowledge) -> Iterator[str]:
    """Yield a line for each judge that was tuned on questions which have moved far since."""
    from retrieval.doubles import DOUBLE_FILE
    from retrieval.drift import FAR, counts_of, drift
    from retrieval.judge import JUDGE_FILE

    counts = counts_of(known)
    for path in (JUDGE_FILE, DOUBLE_FILE):
        moved = drift(yaml.safe_load(path.read_text(encoding="utf-8"))["run"], counts)
        if far := [f"{name} {share:+.0%}" for name, share in moved.items() if abs(share) > FAR]:
            yield f"{path.relative_to(ROOT)}: tuned on other questions ({', '.join(far)}): run `helpdesk tune`"
