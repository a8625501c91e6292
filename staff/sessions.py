"""Sessions of signed-in browsers on SQL; of a session's id only the hash is kept. All functions block."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, Engine, Table, delete, insert, or_, select, update

from core import clock
from core.settings import Settings
from staff.accounts import DEMO, staff_of
from staff.roles import Staff
from staff.tables import StaffRow, StaffSessionRow

_STAFF, _SESSIONS = (cast("Table", row.__table__) for row in (StaffRow, StaffSessionRow))
_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in; `csrf` has to come back with whatever changes something."""

    staff: Staff
    csrf: str


class StaffSessions:
    """Sessions end after their whole life, after a while without a call, at sign-out, and with their account.

    Args:
        engine: the migrated database.
        settings: how long sessions last, and whether invented accounts may sign in.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._life = timedelta(hours=settings.staff_session_hours)
        self._idle = timedelta(minutes=settings.staff_idle_minutes)
        self._noted_every = min(_NOTED_EVERY, self._idle / 10)
        self._demo = settings.demo_key_file is not None

    def open(self, staff: Staff) -> str:
        """Return the id of a new session, and delete those that have ended."""
        id_, now = secrets.token_urlsafe(32), clock.now()
        values = {"id_hash": hash_of(id_), "staff_id": staff.id, "csrf": secrets.token_urlsafe(32)}
        with self._engine.begin() as connection:
            connection.execute(delete(_SESSIONS).where(self._ended(now)))
            connection.execute(
                insert(_SESSIONS), {**values, "created_at": now, "seen_at": now, "ends_at": now + self._life}
            )
        return id_

    def find(self, id_: str) -> Session | None:
        """Return the session that is going on under this id."""
        now = clock.now()
        wanted = select(_SESSIONS.c.csrf, _SESSIONS.c.seen_at, *_STAFF.c).join(_STAFF)
        open_ = (_SESSIONS.c.id_hash == hash_of(id_)) & ~self._ended(now) & _STAFF.c.disabled_at.is_(None)
        with self._engine.connect() as connection:
            row = connection.execute(wanted.where(open_)).one_or_none()
        if row is None or (row.id.startswith(DEMO) and not self._demo):
            return None
        if now - row.seen_at >= self._noted_every:
            with self._engine.begin() as connection:
                seen = update(_SESSIONS).where(_SESSIONS.c.id_hash == hash_of(id_)).values(seen_at=now)
                connection.execute(seen)
        return Session(staff_of(row), row.csrf)

    def close(self, id_: str) -> None:
        """End a session."""
        with self._engine.begin() as connection:
            connection.execute(delete(_SESSIONS).where(_SESSIONS.c.id_hash == hash_of(id_)))

    def delete_ended(self) -> int:
        """Delete the sessions that have ended; return how many."""
        with self._engine.begin() as connection:
            return connection.execute(delete(_SESSIONS).where(self._ended(clock.now()))).rowcount

    def _ended(self, now: datetime) -> ColumnElement[bool]:
        return or_(_SESSIONS.c.ends_at <= now, _SESSIONS.c.seen_at <= now - self._idle)


def hash_of(secret: str) -> str:
    """Return what is kept of a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
