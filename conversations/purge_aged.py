"""Erase what ages by itself and hangs on no conversation: old rows of a table, with what hangs on them."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Table, delete, func, select

from conversations.purge import BATCH, PAUSE, Counts


@dataclass(frozen=True, slots=True)
class Aged:
    """Rows that are old enough to go.

    Args:
        table: has a column `id`.
        old: which of its rows.
        hang_on: the columns of other tables that name such a row, in the order in which they are to be deleted.
    """

    table: Table
    old: ColumnElement[bool]
    hang_on: tuple[ColumnElement[Any], ...]


def count_aged(engine: Engine, aged: Aged) -> Counts:
    """Return how many rows `purge_aged` would delete now, by table."""
    ids = select(aged.table.c.id).where(aged.old)
    wanted = [(aged.table, aged.old), *((column.table, column.in_(ids)) for column in aged.hang_on)]
    with engine.connect() as connection:
        return Counter({t.name: connection.scalar(select(func.count()).select_from(t).where(w)) for t, w in wanted})


def purge_aged(engine: Engine, aged: Aged, pause: float = PAUSE) -> Counts:
    """Delete them in short transactions beside a running service, with pauses of so many seconds; return the counts.

    Interrupted, it leaves nothing half deleted. `conversations.purge.compact` lets the bytes leave an embedded file.
    """
    ids_column = aged.table.c.id
    columns = (*aged.hang_on, ids_column)
    counts: Counts = Counter({column.table.name: 0 for column in columns})
    some = select(ids_column).where(aged.old).order_by(ids_column).limit(BATCH).with_for_update()
    while True:
        with engine.begin() as connection:
            ids = connection.execute(some).scalars().all()
            if not ids:
                return counts
            for column in columns:
                counts[column.table.name] += connection.execute(delete(column.table).where(column.in_(ids))).rowcount
        time.sleep(pause)
