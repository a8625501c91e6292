"""`helpdesk tickets`: where a ticket would go, without making one; tickets as a sheet; how well they are served."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.ticket_export import export
from cli.ticket_report import report
from core import clock
from core.clock import CHINA
from core.errors import HelpdeskError
from core.scope import CITIES
from core.settings import settings
from escalation.routing import Need, Route, RuleBook, load_rules
from escalation.rules import URGENCIES, Place

tickets = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The desk of the school teams.")
tickets.command()(export)
tickets.command()(report)


@tickets.callback()
def _tickets() -> None:
    """Keep `tickets` a group."""


@tickets.command()
def route(  # noqa: PLR0917 - each is an option
    city: Annotated[str, typer.Option(help="chongqing or qingdao.")],
    district: Annotated[str | None, typer.Option(help="District or county, e.g. 渝北区.")] = None,
    school: Annotated[str | None, typer.Option(help="The school's name.")] = None,
    entry: Annotated[str | None, typer.Option(help="Official answer that was not enough, e.g. cq-11.")] = None,
    branch: Annotated[str | None, typer.Option(help="Branch of that answer, e.g. birth_name.")] = None,
    topic: Annotated[str | None, typer.Option(help="Topic, where there is no entry.")] = None,
    urgency: Annotated[str, typer.Option(help="normal, soon or urgent.")] = "normal",
    closes: Annotated[str | None, typer.Option(help="When the batch closes, ISO 8601; without offset: China.")] = None,
    at: Annotated[str | None, typer.Option(help="When the ticket comes, ISO 8601; default: now.")] = None,
    rules: Annotated[Path | None, typer.Option(help="Folder with rules to try; default: the service's.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why, step by step.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say where a ticket would go and until when an answer is expected; nothing is made or sent."""
    if city not in CITIES or urgency not in URGENCIES:
        raise HelpdeskError(f"--city is one of {', '.join(CITIES)}, --urgency one of {', '.join(URGENCIES)}")
    if school and not district:
        raise HelpdeskError("--school needs the school's --district")
    book = load_rules(rules or settings().escalation_rules)
    place = Place(city, district, school)
    need = Need(place, entry, branch, topic, urgency, _moment(closes))
    now = _moment(at) or clock.now()
    decided = book.route(need, now)
    if as_json:
        typer.echo(json.dumps(_facts(book, need, now, decided), ensure_ascii=False, default=str))
        return
    for name, value in _facts(book, need, now, decided).items():
        if name != "reasons":
            typer.echo(f"{name:<16}{value if value is not None else '–'}")
    for number, reason in enumerate(decided.reasons if explain else (), start=1):
        typer.echo(f"{number:>3}. {reason}")


def _facts(book: RuleBook, need: Need, now: datetime, decided: Route) -> dict[str, object]:
    times = decided.times
    return {
        "level": decided.level,
        "team": decided.team,
        "urgency": times.urgency,
        "answer_by": _shown(times.due_at),
        "working_hours": round(book.calendar.between(now, times.due_at, need.place), 2),
        "late_soon_from": _shown(times.warn_at),
        "climbs_at": _shown(times.climb_at) if times.climb_at else None,
        "guidance": decided.guidance or None,
        "reasons": list(decided.reasons),
    }


def _shown(moment: datetime) -> str:
    return moment.astimezone(CHINA).isoformat(sep=" ", timespec="minutes")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise HelpdeskError(f"not a moment by ISO 8601: {text!r}; e.g. 2026-07-01T09:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=CHINA)
