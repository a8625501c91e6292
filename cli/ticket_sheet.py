"""A sheet of tickets, as CSV or XLSX, row by row: what a spreadsheet program opens without running anything in it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from datetime import datetime
from typing import IO, Literal

from cli.ticket_words import ExportColumn, Words
from core.clock import CHINA
from escalation.records import TicketRecord
from escalation.routing import RuleBook

Format = Literal["csv", "xlsx"]
Cell = str | int | datetime | None
LARGEST_SHEET = 1_048_575
"""Tickets that one XLSX sheet holds beside its heading."""
LONGEST_CELL = 32_767
"""Characters that a spreadsheet program takes in one cell."""
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def headings(words: Words, with_words: bool) -> list[str]:
    """Return the first row."""
    return [*words.export.values(), *([words.words_heading] if with_words else [])]


def cells(record: TicketRecord, book: RuleBook, words: Words, with_words: bool) -> list[Cell]:
    """Return a ticket's row: times are China's, without a zone."""
    ticket, levels = record.ticket, book.levels
    facts: dict[ExportColumn, Cell] = {
        "number": ticket.number,
        "city": words.cities[ticket.place.city],
        "district": ticket.place.district,
        "school": ticket.place.school,
        "level": levels.team(ticket.level, ticket.place),
        "state": levels.states[ticket.state],
        "urgency": levels.urgencies[ticket.urgency],
        "topic": ticket.topic,
        "entry": ticket.entry,
        "created_at": _in_china(ticket.created_at),
        "due_at": _in_china(ticket.due_at),
        "first_answer_at": _in_china(record.first_answer_at),
        "resolved_at": _in_china(ticket.settled_at),
        "late": words.is_late if record.late else words.not_late,
        "holder_name": ticket.holder_name,
        "messages": record.messages,
        "transfers": record.transfers,
    }
    row = [facts[name] for name in words.export]
    return [_harmless(one, words) for one in (*row, *(["\n".join(record.words)] if with_words else []))]


def write_csv(rows: Iterable[list[Cell]], file: IO[bytes]) -> None:
    """Write CSV with the mark by which Excel knows UTF-8."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    csv.writer(text).writerows([_minutes(cell) for cell in row] for row in rows)
    text.detach()  # written out; the file stays open


def write_xlsx(rows: Iterable[list[Cell]], file: IO[bytes], title: str) -> None:
    """Write XLSX; rows wait in a temporary file, not in memory."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    for row in rows:
        sheet.append(row)
    book.save(file)


def _in_china(moment: datetime | None) -> datetime | None:
    return moment.astimezone(CHINA).replace(tzinfo=None, microsecond=0) if moment else None


def _minutes(cell: Cell) -> Cell:
    return cell.isoformat(sep=" ", timespec="minutes") if isinstance(cell, datetime) else cell


def _harmless(cell: Cell, words: Words) -> Cell:
    """Return the cell so that nothing in it is taken for a formula, is refused, or is cut unseen."""
    if not isinstance(cell, str):
        return cell
    plain = _NOT_IN_XML.sub(" ", cell)
    if plain.startswith(_FORMULA_STARTS):
        plain = f"'{plain}"
    return plain if len(plain) <= LONGEST_CELL else plain[: LONGEST_CELL - len(words.cut)] + words.cut
