"""Which calls are older than they may be kept; their events and look-ups go with them."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import Engine, Table

from conversations.purge import PAUSE, Counts
from conversations.purge_aged import Aged, count_aged, purge_aged
from hotline.tables import CallEventRow, CallLookupRow, CallRow

_CALLS = cast("Table", CallRow.__table__)
_HANG_ON = tuple(row.__table__.c.call_id for row in (CallEventRow, CallLookupRow))


def count_calls(engine: Engine, before: datetime) -> Counts:
    """Return how many rows of each table `purge_calls` would delete now."""
    return count_aged(engine, _old(before))


def purge_calls(engine: Engine, before: datetime, pause: float = PAUSE) -> Counts:
    """Delete the calls that began before a moment, whether they were ended or not; return what was deleted."""
    return purge_aged(engine, _old(before), pause)


def _old(before: datetime) -> Aged:
    return Aged(_CALLS, _CALLS.c.started_at < before, _HANG_ON)
