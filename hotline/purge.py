"""Erase calls that are older than they may be kept, with their events and look-ups, in short transactions."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from typing import cast

from sqlalchemy import Engine, Table, delete, func, select

from conversations.purge import BATCH, PAUSE, Counts
from hotline.tables import CallEventRow, CallLookupRow, CallRow

_CALLS = cast("Table", CallRow.__table__)
_PARTS = tuple(cast("Table", row.__table__) for row in (CallEventRow, CallLookupRow))


def count_calls(engine: Engine, before: datetime) -> Counts:
    """Return how many rows of each table `purge_calls` would delete now."""
    old = select(_CALLS.c.id).where(_CALLS.c.started_at < before)
    with engine.connect() as connection:
        wanted = [(_CALLS, _CALLS.c.started_at < before), *((part, part.c.call_id.in_(old)) for part in _PARTS)]
        return Counter({t.name: connection.scalar(select(func.count()).select_from(t).where(w)) for t, w in wanted})


def purge_calls(engine: Engine, before: datetime, pause: float = PAUSE) -> Counts:
    """Delete the calls that began before a moment, whether they were ended or not; return what was deleted.

    Interrupted, it leaves nothing half deleted. `conversations.purge.compact` lets the bytes leave an embedded file.
    """
    counts: Counts = Counter({table.name: 0 for table in (_CALLS, *_PARTS)})
    old = select(_CALLS.c.id).where(_CALLS.c.started_at < before).order_by(_CALLS.c.id).limit(BATCH)
    while True:
        with engine.begin() as connection:
            ids = connection.execute(old.with_for_update()).scalars().all()
            if not ids:
                return counts
            for part in _PARTS:
                counts[part.name] += connection.execute(delete(part).where(part.c.call_id.in_(ids))).rowcount
            counts[_CALLS.name] += connection.execute(delete(_CALLS).where(_CALLS.c.id.in_(ids))).rowcount
        time.sleep(pause)
