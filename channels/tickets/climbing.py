"""What time alone brings to tickets, round by round: they climb, are freed, are closed, lose files without a step."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from conversations.storage import ConversationStore
from core import clock
from escalation.desk import TicketDesk

log = logging.getLogger(__name__)
ROUND = 30.0
"""Seconds between two rounds; several processes may run them at once."""


async def keep_climbing(store: ConversationStore, tickets: TicketDesk, seconds: float = ROUND) -> None:
    """Run until cancelled; a fault costs a round, not the task."""
    while True:
        try:
            await store.call(tickets.climb_due, clock.now())
            await store.call(tickets.drop_forgotten_files, clock.now())
        except SQLAlchemyError as error:
            log.warning("tickets: %s", type(error).__name__)
        await asyncio.sleep(seconds)
