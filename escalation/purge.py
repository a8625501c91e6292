"""Which tickets that belong to no conversation are old; those of a conversation are erased with it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, and_

from conversations.purge import PAUSE, Counts
from conversations.purge_aged import Aged, count_aged, purge_aged
from escalation.rows import TICKETS
from escalation.tables import (
    IncidentTicketRow,
    NotificationRow,
    OutboxRow,
    TicketAttachmentRow,
    TicketEventRow,
    TicketMessageRow,
    TicketWatcherRow,
)

_ROWS = (
    *(IncidentTicketRow, NotificationRow, OutboxRow, TicketAttachmentRow),
    *(TicketEventRow, TicketMessageRow, TicketWatcherRow),
)
_HANG_ON = tuple(row.__table__.c.ticket_id for row in _ROWS)


def count_tickets(engine: Engine, before: datetime) -> Counts:
    """Return how many rows `purge_tickets` would delete now, by table."""
    return count_aged(engine, _old(before))


def purge_tickets(engine: Engine, before: datetime, pause: float = PAUSE) -> Counts:
    """Delete tickets of no conversation to which nothing happened since `before`; return the rows deleted, by table."""
    return purge_aged(engine, _old(before), pause)


def _old(before: datetime) -> Aged:
    return Aged(TICKETS, and_(TICKETS.c.conversation_id.is_(None), TICKETS.c.updated_at < before), _HANG_ON)
