"""Tickets as they are accounted for: what became of each, read in one pass, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, func, select

from conversations.snapshot import CHUNK, STREAMED
from escalation.listing import Reach
from escalation.rows import EVENTS, MESSAGES, TICKETS, ticket_of
from escalation.rules import LEVELS, Ticket

_ANSWERABLE = ("new", "assigned", "working")
_PARENTS = ("question", "parent")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The tickets of a reach that were made from `since` on and before `until`."""

    since: datetime
    until: datetime
    reach: Reach

    def where(self) -> list[ColumnElement[bool]]:
        """Return what a ticket's row must fulfil."""
        return [TICKETS.c.created_at >= self.since, TICKETS.c.created_at < self.until, *self.reach.where()]


@dataclass(frozen=True, slots=True)
class TicketRecord:
    """What became of a ticket.

    Args:
        first_answer_at: when a team first replied or resolved it; None: not yet.
        late: the answer came after it was expected, or is awaited still and overdue; of a ticket whose clock was
            started anew, e.g. by a transfer, its last run counts.
        messages: what parent and staff wrote to each other, notes for colleagues not counted.
        transfers: how often staff handed it on.
        words: the parent's, masked, oldest first; empty unless they were asked for.
    """

    ticket: Ticket
    first_answer_at: datetime | None
    late: bool
    messages: int
    transfers: int
    words: tuple[str, ...] = ()

    @property
    def late_now(self) -> bool:
        """Whether an answer is overdue."""
        return self.late and self.ticket.answerable


def count(connection: Connection, wanted: Wanted) -> int:
    """Return how many tickets are wanted."""
    return connection.execute(select(func.count()).select_from(TICKETS).where(*wanted.where())).scalar_one()


def records(connection: Connection, wanted: Wanted, now: datetime, with_words: bool = False) -> Iterator[TicketRecord]:
    """Yield the tickets, oldest first; memory does not grow with their number.

    Args:
        connection: should see one moment (`conversations.snapshot`), so that a ticket fits its course.
        wanted: which.
        now: when it is, for what is overdue.
        with_words: read the parents' words, too.
    """
    found = select(TICKETS).where(*wanted.where()).order_by(TICKETS.c.created_at, TICKETS.c.id)
    for rows in connection.execute(found, execution_options=STREAMED).partitions(CHUNK):
        ids = [row.id for row in rows]
        events, said = _events(connection, ids), _said(connection, ids, with_words)
        for row in rows:
            yield _record(ticket_of(row), events[row.id], said.get(row.id, ()), now, with_words)


def _events(connection: Connection, ids: list[str]) -> dict[str, Sequence[Row[Any]]]:
    names = ("ticket_id", "kind", "role", "before", "after", "at")
    return _grouped(connection, EVENTS, ids, names, ())


def _said(connection: Connection, ids: list[str], with_words: bool) -> dict[str, Sequence[Row[Any]]]:
    names = ("ticket_id", "kind", "text") if with_words else ("ticket_id", "kind")
    return _grouped(connection, MESSAGES, ids, names, (MESSAGES.c.kind != "note",))


def _grouped(
    connection: Connection, table: Table, ids: list[str], names: tuple[str, ...], where: tuple[ColumnElement[bool], ...]
) -> dict[str, Sequence[Row[Any]]]:
    mine = select(*(table.c[name] for name in names)).where(table.c.ticket_id.in_(ids), *where)
    rows = connection.execute(mine.order_by(table.c.ticket_id, table.c.version)).all()
    return {ticket_id: [*some] for ticket_id, some in groupby(rows, key=lambda row: str(row.ticket_id))}


def _record(
    ticket: Ticket, events: Sequence[Row[Any]], said: Sequence[Row[Any]], now: datetime, with_words: bool
) -> TicketRecord:
    answers = (e.at for e in events if e.kind in ("reply", "resolve") and e.role in LEVELS)
    words = tuple(one.text for one in said if one.kind in _PARENTS) if with_words else ()
    transfers = sum(event.kind == "transfer" for event in events)
    late = (_stopped_at(events) or now) >= ticket.due_at
    return TicketRecord(ticket, next(answers, None), late, len(said), transfers, words)


def _stopped_at(events: Sequence[Row[Any]]) -> datetime | None:
    """Return when the clock last stopped, None while it runs."""
    stopped = None
    for event in events:
        running = event.after in _ANSWERABLE
        if running:
            stopped = None
        elif event.before in _ANSWERABLE:
            stopped = event.at
    return stopped
