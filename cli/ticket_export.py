"""`helpdesk tickets export`: the tickets of some days as a sheet; who took it is in the audit log first."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, cast

import typer
from sqlalchemy import Connection, Engine

from cli.ticket_sheet import LARGEST_SHEET, Cell, Format, cells, headings, write_csv, write_xlsx
from cli.ticket_words import words
from conversations.audit import AuditLog, Look, open_audit_log
from conversations.migrate import migrate
from conversations.snapshot import snapshot
from conversations.storage import open_engine
from core import clock
from core.clock import CHINA
from core.errors import HelpdeskError
from core.private_files import written_whole
from core.scope import CITIES
from core.settings import settings
from escalation.listing import Reach
from escalation.records import TicketRecord, Wanted, count, records
from escalation.routing import RuleBook, load_rules

From = Annotated[str, typer.Option("--from", metavar="DATE", help="First day on which tickets were made, in China.")]
To = Annotated[str, typer.Option("--to", metavar="DATE", help="Last such day.")]
CityOption = Annotated[str | None, typer.Option("--city", help="chongqing or qingdao; default: both.")]
District = Annotated[str | None, typer.Option(help="Only this district; needs --city.")]
School = Annotated[str | None, typer.Option(help="Only this school; needs --district.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file of that name.")]


def export(  # noqa: PLR0917 - each is an option
    out: Annotated[Path, typer.Argument(help="File to write.")],
    since: From,
    until: To,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who takes the tickets out; recorded in the audit log.")],
    city: CityOption = None,
    district: District = None,
    school: School = None,
    kind: Annotated[str, typer.Option("--format", help="csv or xlsx.")] = "csv",
    with_words: Annotated[
        bool, typer.Option("--with-words", help="Add the parents' words; each ticket is recorded as looked at.")
    ] = False,
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write the tickets that were made on some days into a sheet, without the parents' words."""
    if kind not in ("csv", "xlsx"):
        raise HelpdeskError("--format is csv or xlsx")
    if not by.strip() or len(by) > 200:
        raise HelpdeskError("--by names who takes the tickets out, in 1 to 200 characters")
    wanted, current = wanted_of(since, until, city, district, school), settings()
    book, engine = load_rules(current.escalation_rules), open_engine(current.database)
    migrate(engine)
    audit = open_audit_log(current, engine)
    try:
        taken = _Export(engine, audit, book, wanted, by.strip(), with_words)
        written = taken.write(out, cast("Format", kind), force)
    finally:
        audit.close()
        engine.dispose()
    typer.echo(json.dumps({"file": str(out), "tickets": written}) if as_json else f"{written} tickets in {out}")


@dataclass(frozen=True)
class _Export:
    """One export: what is taken out, by whom, and how it is recorded."""

    engine: Engine
    audit: AuditLog
    book: RuleBook
    wanted: Wanted
    by: str
    with_words: bool

    def write(self, out: Path, kind: Format, force: bool) -> int:
        """Write the file and return how many tickets are in it."""
        with snapshot(self.engine) as connection, written_whole(out, force) as file:
            total = count(connection, self.wanted)
            if kind == "xlsx" and total > LARGEST_SHEET:
                raise HelpdeskError(f"{total} tickets are more than a sheet holds: give fewer days, or --format csv")
            self._record_export()
            rows = self._rows(connection, total)
            if kind == "csv":
                write_csv(rows, file)
            else:
                write_xlsx(rows, file, words().export_title)
        return total

    def _rows(self, connection: Connection, total: int) -> Iterator[list[Cell]]:
        yield [*headings(words(), self.with_words)]
        found = records(connection, self.wanted, clock.now(), self.with_words)
        with typer.progressbar(found, length=total, label="tickets", file=sys.stderr) as shown:
            for record in shown:
                if self.with_words:
                    self._record_look(record)
                yield cells(record, self.book, words(), self.with_words)

    def _record_export(self) -> None:
        city = self.wanted.reach.city or "all"
        shown = ("tickets", "words") if self.with_words else ("tickets",)
        self.audit.record(Look(self.by, "admin", city, (), "export", shown))

    def _record_look(self, record: TicketRecord) -> None:
        ticket = record.ticket
        look = Look(self.by, "admin", ticket.place.city, (ticket.id,), "export", ("words",), ticket.conversation_id)
        self.audit.record(look)


def wanted_of(since: str, until: str, city: str | None, district: str | None, school: str | None) -> Wanted:
    """Return which tickets the options name.

    Raises:
        HelpdeskError: a day is none, they are in the wrong order, or a place lacks the one that it lies in.
    """
    if city is not None and city not in CITIES:
        raise HelpdeskError(f"--city is one of {', '.join(CITIES)}")
    if (district and not city) or (school and not district):
        raise HelpdeskError("--district needs its --city, --school its --district")
    return Wanted(*period(since, until), Reach(city, district, school))


def period(since: str, until: str) -> tuple[datetime, datetime]:
    """Return when the first of some days begins in China, and when the last one ends.

    Raises:
        HelpdeskError: a day is none, or they are in the wrong order.
    """
    first, last = _day("--from", since), _day("--to", until)
    if last < first:
        raise HelpdeskError("--to is before --from")
    return _midnight(first), _midnight(last + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), CHINA)


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise HelpdeskError(f"{option}: not a day: {text!r}; e.g. 2026-07-01") from error
