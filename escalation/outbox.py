"""What is to be announced: written in the transaction of the step itself, taken by who announces.

Each announcement comes at least once, those of one ticket in their order. Who announces it marks it afterwards,
and uses `key` so that saying it twice is saying it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, Engine, Table, and_, insert, select, update

from escalation.rows import MESSAGES, TICKETS
from escalation.rules import Event, MessageKind, Name, Place, Ticket
from escalation.tables import OutboxRow

_OUTBOX = cast("Table", OutboxRow.__table__)
_TO_PARENT: frozenset[Name] = frozenset(
    {"dispatch", "climb", "reply", "ask_parent", "transfer", "resolve", "close", "reopen"}
)
"""Steps that a parent is told of."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One step to announce, to the desks that see the ticket, and `to_parent` in its conversation, too.

    Args:
        text, message: what was said with it and as what; None if nothing. A `note` is for colleagues only.
        due_at: until when an answer is expected, as things are now.
    """

    id: int
    kind: str
    to_parent: bool
    ticket_id: str
    number: str
    version: int
    place: Place
    level: str
    conversation_id: str | None
    due_at: datetime
    message: MessageKind | None
    text: str | None

    @property
    def key(self) -> str:
        """What is the same each time that this step is announced, at most 60 characters."""
        return f"ticket:{self.ticket_id}:{self.version}"


def put(connection: Connection, ticket: Ticket, event: Event) -> None:
    """Note, in the step's own transaction, that it is to be announced."""
    told = event.kind in _TO_PARENT and ticket.conversation_id is not None
    row = {"ticket_id": ticket.id, "version": event.version, "kind": event.kind, "to_parent": told, "at": event.at}
    connection.execute(insert(_OUTBOX), row)


class Outbox:
    """The steps that are kept and not announced yet."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, limit: int = 100) -> list[Announcement]:
        """Return what is to be announced, oldest first."""
        said = and_(MESSAGES.c.ticket_id == _OUTBOX.c.ticket_id, MESSAGES.c.version == _OUTBOX.c.version)
        columns = (
            *(_OUTBOX.c[name] for name in ("id", "kind", "to_parent", "ticket_id", "version")),
            *(TICKETS.c[name] for name in ("number", "city", "district", "school", "level")),
            *(TICKETS.c.conversation_id, TICKETS.c.due_at, MESSAGES.c.kind.label("message"), MESSAGES.c.text),
        )
        waiting = (
            select(*columns)
            .select_from(_OUTBOX.join(TICKETS, TICKETS.c.id == _OUTBOX.c.ticket_id).outerjoin(MESSAGES, said))
            .where(_OUTBOX.c.announced_at.is_(None))
            .order_by(_OUTBOX.c.id)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(waiting).mappings().all()
        places = [Place(row["city"], row["district"], row["school"]) for row in rows]
        kept = [name for name in Announcement.__slots__ if name != "place"]
        return [
            Announcement(place=place, **{name: row[name] for name in kept})
            for row, place in zip(rows, places, strict=True)
        ]  # fmt: skip

    def mark(self, ids: Sequence[int], now: datetime) -> None:
        """Note that these are announced."""
        with self._engine.begin() as connection:
            connection.execute(update(_OUTBOX).where(_OUTBOX.c.id.in_(ids)).values(announced_at=now))
