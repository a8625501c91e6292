"""`helpdesk tickets report`: how fast tickets are answered, by city, district and school."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from cli.ticket_export import CityOption, District, Force, From, School, To, wanted_of
from cli.ticket_words import ReportColumn, Words, words
from conversations.migrate import migrate
from conversations.snapshot import snapshot
from conversations.storage import open_engine
from core import clock
from core.clock import CHINA
from core.private_files import written_whole
from core.settings import settings
from escalation.records import records
from escalation.routing import load_rules
from escalation.service import ServiceLine, service_report

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Shown:
    """A line as the table shows it: its texts in the columns' order, and how deep its place lies (0: a city)."""

    line: ServiceLine
    depth: int
    cells: tuple[str, ...]


def report(  # noqa: PLR0917 - each is an option
    since: From,
    until: To,
    city: CityOption = None,
    district: District = None,
    school: School = None,
    html: Annotated[Path | None, typer.Option(metavar="OUT", help="Write one HTML page with charts, too.")] = None,
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Tell of the tickets made on some days: how many, answered, on time, hours to the first answer, open and late."""
    wanted, current, now = wanted_of(since, until, city, district, school), settings(), clock.now()
    book, engine = load_rules(current.escalation_rules), open_engine(current.database)
    migrate(engine)
    with snapshot(engine) as connection:
        lines = service_report(records(connection, wanted, now), book.calendar)
    engine.dispose()
    if html:
        with written_whole(html, force) as file:
            file.write(_page(lines, since, until).encode())
    if as_json:
        for line in lines:
            typer.echo(json.dumps(asdict(line), ensure_ascii=False))
    else:
        _print(lines)


def _print(lines: list[ServiceLine]) -> None:
    from rich.console import Console
    from rich.table import Table

    heads = words().report
    table = Table()
    for name, head in heads.items():
        table.add_column(head, no_wrap=name == "place")  # the others' headings are broken first
    for one in map(_shown, lines):
        table.add_row("  " * one.depth + one.cells[0], *one.cells[1:])
    Console().print(table)


def _page(lines: list[ServiceLine], since: str, until: str) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    shown = [*map(_shown, lines)]
    charted = [one for one in shown if not one.line.school]
    return pages.get_template("service_report.html").render(
        lines=shown,
        charted=charted,
        heads=words().report,
        since=since,
        until=until,
        made_at=f"{clock.now().astimezone(CHINA):%Y-%m-%d %H:%M}",
        longest=max((one.line.p90_hours or 0 for one in charted), default=0) or 1,
        most=max((one.line.open for one in charted), default=0) or 1,
    )


def _shown(line: ServiceLine) -> Shown:
    said = words()
    texts: dict[ReportColumn, str] = {
        "place": _place(line, said),
        "tickets": str(line.tickets),
        "answered": str(line.answered),
        "on_time_share": "–" if line.on_time_share is None else f"{line.on_time_share:.1%}",
        "median_hours": _hours(line.median_hours),
        "p90_hours": _hours(line.p90_hours),
        "open": str(line.open),
        "late": str(line.late),
    }
    depth = 2 if line.school else 1 if line.district or not line.known else 0
    return Shown(line, depth, tuple(texts[name] for name in said.report))


def _place(line: ServiceLine, said: Words) -> str:
    if not line.known:
        return said.unknown_district
    return line.school or line.district or f"{said.cities[line.city]}（{said.whole_city}）"


def _hours(hours: float | None) -> str:
    return "–" if hours is None else f"{hours:.1f}"
