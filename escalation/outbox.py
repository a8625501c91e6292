"""What is to be announced: written in the transaction of the step itself, taken by who announces.

Each announcement comes at least once, those of one ticket in their order. Who announces it marks it afterwards,
and uses `key` so that saying it twice is saying it once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, Table, and_, insert, or_, select, update

from conversations.reply import FileCard
from conversations.tables import ConversationRow
from escalation import attachments
from escalation.listing import Reach
from escalation.rows import EVENTS, MESSAGES, TICKETS, ticket_of
from escalation.rules import Event, Level, MessageKind, Name, State, Ticket
from escalation.tables import OutboxRow

_OUTBOX = cast("Table", OutboxRow.__table__)
_CONVERSATIONS = cast("Table", ConversationRow.__table__)
_TO_PARENT: frozenset[Name] = frozenset(
    {"dispatch", "climb", "inform", "reply", "ask_parent", "transfer", "resolve", "close", "reopen"}
)
"""Steps that a parent is told of, unless they took them themselves."""

OnMark = Callable[[Connection, Sequence[int], datetime], None]


@dataclass(frozen=True, slots=True)
class Announcement:
    """One step to announce, to the desks that see the ticket, and `to_parent` in its conversation, too.

    Args:
        ticket: as it is now.
        state, level: as they were after the step.
        at: when the step was taken.
        text, message: what was said with it and as what; None if nothing. A `note` is for colleagues only.
        files: what the parent may see of what was sent with it.
    """

    id: int
    kind: str
    to_parent: bool
    version: int
    at: datetime
    ticket: Ticket
    state: State
    level: Level
    message: MessageKind | None
    text: str | None
    files: tuple[FileCard, ...] = ()

    @property
    def key(self) -> str:
        """What is the same each time that this step is announced, at most 60 characters."""
        return f"ticket:{self.ticket.id}:{self.version}"


def put(connection: Connection, ticket: Ticket, event: Event) -> None:
    """Note, in the step's own transaction, that it is to be announced."""
    told = event.kind in _TO_PARENT and ticket.conversation_id is not None and event.by.role != "parent"
    row = {"ticket_id": ticket.id, "version": event.version, "kind": event.kind, "to_parent": told, "at": event.at}
    connection.execute(insert(_OUTBOX), row)


class Outbox:
    """The steps that are kept: those that are not announced yet, and all of them in their order.

    Args:
        engine: the migrated database.
        on_mark: what else is done with steps as they are marked, in the same transaction.
    """

    def __init__(self, engine: Engine, on_mark: OnMark | None = None) -> None:
        self._engine, self._on_mark = engine, on_mark

    def take(self, limit: int = 100) -> list[Announcement]:
        """Return what can be announced now, oldest first: while a person has a conversation, its steps wait."""
        others = select(_CONVERSATIONS.c.id).where(
            _CONVERSATIONS.c.id == TICKETS.c.conversation_id, _CONVERSATIONS.c.owner != "bot"
        )
        sayable = or_(_OUTBOX.c.to_parent.is_(False), ~others.exists())
        return self._read(_steps(_OUTBOX.c.announced_at.is_(None), sayable).limit(limit))

    def after(self, last: int, reach: Reach, limit: int = 100) -> list[Announcement]:
        """Return the steps after number `last` of the tickets in a reach, oldest first, announced or not."""
        return self._read(_steps(_OUTBOX.c.id > last, *reach.where()).limit(limit))

    def last(self) -> int:
        """Return the number of the newest step, 0 before the first."""
        with self._engine.connect() as connection:
            newest = select(_OUTBOX.c.id).order_by(_OUTBOX.c.id.desc()).limit(1)
            return connection.execute(newest).scalar() or 0

    def mark(self, ids: Sequence[int], now: datetime) -> None:
        """Note that these are announced; those that nobody has marked before are handed to `on_mark`."""
        fresh = update(_OUTBOX).where(_OUTBOX.c.id.in_(ids), _OUTBOX.c.announced_at.is_(None)).values(announced_at=now)
        with self._engine.begin() as connection:
            marked = connection.execute(fresh.returning(_OUTBOX.c.id)).scalars().all()
            if self._on_mark and marked:
                self._on_mark(connection, marked, now)

    def _read(self, wanted: Select[Any]) -> list[Announcement]:
        with self._engine.connect() as connection:
            rows = connection.execute(wanted).all()
            ids = {row.ticket_id for row in rows}
            found = connection.execute(select(TICKETS).where(TICKETS.c.id.in_(ids))).all() if ids else ()
            files = attachments.sent_with(connection, {row.ticket_id for row in rows if row.to_parent})
        tickets = {row.id: ticket_of(row) for row in found}
        return [
            _announcement(row, tickets[row.ticket_id], files.get((row.ticket_id, row.version), ()))
            for row in rows
            if row.ticket_id in tickets
        ]


def _steps(*where: ColumnElement[bool]) -> Select[Any]:
    columns = (
        *(_OUTBOX.c[name] for name in ("id", "kind", "to_parent", "ticket_id", "version", "at")),
        *(EVENTS.c.after, EVENTS.c.level, MESSAGES.c.kind.label("message"), MESSAGES.c.text),
    )
    same = and_(EVENTS.c.ticket_id == _OUTBOX.c.ticket_id, EVENTS.c.version == _OUTBOX.c.version)
    said = and_(MESSAGES.c.ticket_id == _OUTBOX.c.ticket_id, MESSAGES.c.version == _OUTBOX.c.version)
    joined = _OUTBOX.join(TICKETS, TICKETS.c.id == _OUTBOX.c.ticket_id).join(EVENTS, same).outerjoin(MESSAGES, said)
    return select(*columns).select_from(joined).where(*where).order_by(_OUTBOX.c.id)


def _announcement(row: Row[Any], ticket: Ticket, files: tuple[FileCard, ...]) -> Announcement:
    step = (row.id, row.kind, row.to_parent, row.version, row.at)
    return Announcement(*step, ticket, row.after, row.level, row.message, row.text, files)
