"""Look-ups for verified callers, kept with their calls; the case number never comes here.

Each step holds the call's row from reading it to writing it: two that come at once are done one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import yaml
from sqlalchemy import Connection, Engine, Row, Table, bindparam, func, select, text, update

from conversations.tables import UtcDateTime
from hotline import verification as rules
from hotline.tables import CallLookupRow, CallRow
from hotline.verification import Verification, VerificationError

LOOKUPS_FILE = Path(__file__).with_name("lookups.yml")
HOUR = timedelta(hours=1)

_CALLS, _LOOKUPS = cast("Table", CallRow.__table__), cast("Table", CallLookupRow.__table__)
_HOLD = text(
    f"INSERT INTO {CallLookupRow.__tablename__} "  # noqa: S608 - our own table's name
    "(call_id, city, reason, codes_sent, codes_wrong, verified, locked, at) "
    "VALUES (:call, '', '', 0, 0, :no, :no, :at) "
    "ON CONFLICT (call_id) DO UPDATE SET call_id = excluded.call_id"
).bindparams(bindparam("at", type_=UtcDateTime()))


class NoSuchCallError(VerificationError):
    """There is no such call, or it is somebody else's."""


class TooManyCodesError(VerificationError):
    """The member of staff had too many codes sent within the hour, over all calls."""


@lru_cache(maxsize=1)
def reasons() -> dict[str, str]:
    """Return why a case may be looked up: key in the audit log, and what the agent reads."""
    return cast("dict[str, str]", _words()["reasons"])


def sentence(name: str) -> str:
    """Return one of the sentences under `say` that agents read."""
    return str(_words()["say"][name])


@lru_cache(maxsize=1)
def _words() -> dict[str, Any]:
    words: dict[str, Any] = yaml.safe_load(LOOKUPS_FILE.read_text(encoding="utf-8"))
    return words


def open_call(connection: Connection, call_id: str, staff_id: str) -> bool:
    """Return whether this call of this member of staff still runs.

    Raises:
        NoSuchCallError: they have no such call.
    """
    own = select(_CALLS.c.ended_at).where(_CALLS.c.id == call_id, _CALLS.c.staff == staff_id)
    row = connection.execute(own).one_or_none() if call_id.isprintable() else None
    if row is None:
        raise NoSuchCallError("no such call of this member of staff")
    return row.ended_at is None


class Lookups:
    """The steps of `hotline.verification`, one transaction each; all block.

    Args:
        engine: the conversations' database, migrated.
        codes_per_hour: most codes that one member of staff may have sent within an hour, over all calls.
    """

    def __init__(self, engine: Engine, codes_per_hour: int) -> None:
        self._engine, self._codes_per_hour = engine, codes_per_hour

    def begin_sending(self, call_id: str, staff_id: str, reason: str, at: datetime) -> datetime | None:
        """Count a code that is about to be sent; return when the one before was sent, `None` if it is the first.

        Raises:
            VerificationError: none may be sent now.
        """
        with self._engine.begin() as connection:
            before = self._held(connection, call_id, staff_id, at)
            after = rules.begin_sending(before, reason, at)
            if self._codes_of(connection, staff_id, at) >= self._codes_per_hour:
                raise TooManyCodesError(f"{self._codes_per_hour} codes were sent within the hour")
            self._write(connection, call_id, after)
        return before.last_sent

    def sent(self, call_id: str, staff_id: str, code: str, city: str, reason: str) -> None:
        """Take note of the code that was sent."""
        self._change(call_id, staff_id, lambda state: rules.sent(state, code, city, reason))

    def not_sent(self, call_id: str, staff_id: str, last_sent: datetime | None) -> None:
        """Give back a code that could not be sent."""
        self._change(call_id, staff_id, lambda state: rules.not_sent(state, last_sent))

    def begin_checking(self, call_id: str, staff_id: str) -> Verification:
        """Count a code that is about to be checked as a wrong one.

        Raises:
            VerificationError: none can be checked now.
        """
        return self._change(call_id, staff_id, rules.begin_checking)

    def right(self, call_id: str, staff_id: str, code: str) -> Verification:
        """Verify the caller."""
        return self._change(call_id, staff_id, lambda state: rules.right(state, code))

    def wrong(self, call_id: str, staff_id: str) -> Verification:
        """Leave the code counted as wrong, and lock the call if it was the last that it could have."""
        return self._change(call_id, staff_id, rules.wrong)

    def not_checked(self, call_id: str, staff_id: str) -> Verification:
        """Give back a try to which there was no answer."""
        return self._change(call_id, staff_id, rules.not_checked)

    def state(self, call_id: str, staff_id: str) -> Verification:
        """Return how far the caller is verified.

        Raises:
            NoSuchCallError: they have no such call.
        """
        with self._engine.connect() as connection:
            return self._read(connection, call_id, ended=not open_call(connection, call_id, staff_id))

    def _change(self, call_id: str, staff_id: str, step: Callable[[Verification], Verification]) -> Verification:
        with self._engine.begin() as connection:
            after = step(self._held(connection, call_id, staff_id))
            self._write(connection, call_id, after)
            return after

    def _held(self, connection: Connection, call_id: str, staff_id: str, at: datetime | None = None) -> Verification:
        """Return the state, nobody else changing it until the transaction ends; `at`: make its row if there is none."""
        ended = not open_call(connection, call_id, staff_id)
        if at:
            connection.execute(_HOLD, {"call": call_id, "no": False, "at": at})
        else:
            mine = update(_LOOKUPS).where(_LOOKUPS.c.call_id == call_id)
            connection.execute(mine.values(call_id=_LOOKUPS.c.call_id))
        return self._read(connection, call_id, ended=ended)

    @staticmethod
    def _read(connection: Connection, call_id: str, *, ended: bool) -> Verification:
        row: Row[Any] | None = connection.execute(select(_LOOKUPS).where(_LOOKUPS.c.call_id == call_id)).one_or_none()
        if row is None:
            return Verification(ended=ended)
        return Verification(
            city=row.city,
            reason=row.reason,
            code=row.verification,
            codes_sent=row.codes_sent,
            codes_wrong=row.codes_wrong,
            last_sent=row.at if row.codes_sent else None,
            verified=row.verified,
            locked=row.locked,
            ended=ended,
        )

    @staticmethod
    def _write(connection: Connection, call_id: str, state: Verification) -> None:
        values = {
            "city": state.city,
            "reason": state.reason,
            "verification": state.code,
            "codes_sent": state.codes_sent,
            "codes_wrong": state.codes_wrong,
            "verified": state.verified,
            "locked": state.locked,
            **({"at": state.last_sent} if state.last_sent else {}),
        }
        connection.execute(update(_LOOKUPS).where(_LOOKUPS.c.call_id == call_id).values(values))

    @staticmethod
    def _codes_of(connection: Connection, staff_id: str, at: datetime) -> int:
        sent = select(func.coalesce(func.sum(_LOOKUPS.c.codes_sent), 0)).join(_CALLS, _CALLS.c.id == _LOOKUPS.c.call_id)
        lately = sent.where(_CALLS.c.staff == staff_id, _LOOKUPS.c.at > at - HOUR)
        return int(connection.execute(lately).scalar_one())
