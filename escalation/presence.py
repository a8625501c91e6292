"""Who has a ticket open now, in any process: a page says so again and again; who says nothing for a while is gone."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Engine, Table, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from escalation.tables import TicketWatcherRow

SILENT_FOR = timedelta(seconds=25)
"""After so long without a word somebody counts as gone; a page speaks every 10 seconds."""
_WATCHERS = cast("Table", TicketWatcherRow.__table__)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Somebody who has the ticket open; `name` as colleagues read it."""

    id: str
    name: str
    role: str


class Watchers:
    """Who looks at which ticket. All functions block.

    Args:
        engine: the migrated database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def here(self, ticket_id: str, who: Watcher, now: datetime) -> list[Watcher]:
        """Note that somebody looks at a ticket that is there; return who else does, by name."""
        with suppress(IntegrityError):  # the same person's other page was quicker, or the ticket is being erased
            self._note(ticket_id, who, now)
        c = _WATCHERS.c
        with self._engine.begin() as connection:
            connection.execute(delete(_WATCHERS).where(c.seen_at <= now - SILENT_FOR))
        others = and_(c.ticket_id == ticket_id, c.staff != who.id, c.seen_at > now - SILENT_FOR)
        with self._engine.connect() as connection:
            rows = connection.execute(select(c.staff, c.name, c.role).where(others).order_by(c.name, c.staff))
            return [Watcher(*row) for row in rows]

    def gone(self, ticket_id: str, staff_id: str) -> None:
        """Note that somebody has closed the ticket."""
        mine = and_(_WATCHERS.c.ticket_id == ticket_id, _WATCHERS.c.staff == staff_id)
        with self._engine.begin() as connection:
            connection.execute(delete(_WATCHERS).where(mine))

    def _note(self, ticket_id: str, who: Watcher, now: datetime) -> None:
        c = _WATCHERS.c
        mine = and_(c.ticket_id == ticket_id, c.staff == who.id)
        with self._engine.begin() as connection:
            if not connection.execute(update(_WATCHERS).where(mine).values(seen_at=now)).rowcount:
                row = {"ticket_id": ticket_id, "staff": who.id, "name": who.name, "role": who.role, "seen_at": now}
                connection.execute(insert(_WATCHERS), row)
