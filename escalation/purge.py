"""Erase old tickets that belong to no conversation; those of a conversation are erased with it."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, and_, delete, func, select

from conversations.purge import BATCH, PAUSE, Counts
from escalation.rows import TICKETS
from escalation.tables import OutboxRow, TicketEventRow, TicketMessageRow

_PARTS = (OutboxRow, TicketEventRow, TicketMessageRow)


def count_tickets(engine: Engine, before: datetime) -> Counts:
    """Return how many rows `purge_tickets` would delete now, by table."""
    old = select(TICKETS.c.id).where(_old(before))
    with engine.connect() as connection:
        counts: Counts = Counter(
            {
                part.__tablename__: connection.execute(
                    select(func.count()).select_from(part).where(part.ticket_id.in_(old))
                ).scalar_one()
                for part in _PARTS
            }
        )
        counts["tickets"] = connection.execute(select(func.count()).where(_old(before))).scalar_one()
    return counts


def purge_tickets(engine: Engine, before: datetime, pause: float = PAUSE) -> Counts:
    """Delete tickets of no conversation to which nothing happened since `before`; return the rows deleted, by table.

    Works in short transactions beside a running service; interrupted, it leaves nothing half deleted.
    """
    counts: Counts = Counter({name: 0 for name in (*(part.__tablename__ for part in _PARTS), "tickets")})
    some = select(TICKETS.c.id).where(_old(before)).order_by(TICKETS.c.id).limit(BATCH).with_for_update()
    while True:
        with engine.begin() as connection:
            ids = connection.execute(some).scalars().all()
            for part in _PARTS:
                counts[part.__tablename__] += connection.execute(delete(part).where(part.ticket_id.in_(ids))).rowcount
            counts["tickets"] += connection.execute(delete(TICKETS).where(TICKETS.c.id.in_(ids))).rowcount
        if not ids:
            return counts
        time.sleep(pause)


def _old(before: datetime) -> ColumnElement[bool]:
    return and_(TICKETS.c.conversation_id.is_(None), TICKETS.c.updated_at < before)
