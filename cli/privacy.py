"""`helpdesk privacy`: erase what is not needed any more, or what a family asks to have erased."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Annotated

import typer
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from conversations.migrate import migrate
from conversations.purge import Counts, Erased, Guardian, Idle, count
from conversations.purge import purge as erase
from conversations.storage import open_engine
from core import clock
from core.errors import HelpdeskError
from core.settings import settings
from escalation.purge import count_tickets, purge_tickets
from hotline.purge import count_calls, purge_calls

privacy = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Erase conversations, calls and links.")


@privacy.callback()
def _privacy() -> None:
    """Keep `privacy` a group."""


@privacy.command()
def purge(
    older_than: Annotated[
        int | None, typer.Option(min=1, metavar="DAYS", help="Days without a message; default: the setting.")
    ] = None,
    guardian: Annotated[str | None, typer.Option(help="Everything of this guardian, however new.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing; say how much it would be.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as one JSON object.")] = False,
) -> None:
    """Delete old conversations and calls, or all of one guardian, with the links that none needs any more."""
    if guardian is not None and older_than is not None:
        raise typer.BadParameter("give --older-than or --guardian, not both")
    days = older_than or settings().retention_days
    what = Guardian(guardian) if guardian is not None else Idle(clock.now() - timedelta(days=days))
    counts = _counts(what, dry_run)
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, **counts}))
    else:
        typer.echo("would delete:" if dry_run else "deleted:")
        for table, rows in sorted(counts.items()):
            typer.echo(f"{rows:>9}  {table}")


def _counts(what: Erased, dry_run: bool) -> Counts:
    engine = open_engine(settings().database)
    migrate(engine)
    try:
        counts = _aged(engine, what, dry_run)
        counts.update(count(engine, what) if dry_run else erase(engine, what))
        return counts
    except OperationalError as error:
        raise HelpdeskError(f"stopped, nothing is half deleted; run it again: {error.orig}") from error


def _aged(engine: Engine, what: Erased, dry_run: bool) -> Counts:
    """Erase old calls and tickets that hang on no conversation; of these none is known to be a guardian's."""
    counts: Counts = Counter()
    if isinstance(what, Idle):
        for erase_old in (count_calls, count_tickets) if dry_run else (purge_calls, purge_tickets):
            counts.update(erase_old(engine, what.before))  # not added: a sum of Counters leaves noughts out
    return counts
