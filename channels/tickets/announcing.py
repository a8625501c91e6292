"""Bring the texts of incidents to their tickets, and the steps of tickets into their conversations, each once."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from bot.actions.desk import Desk
from bot.actions.ticket_cards import step_messages
from conversations.reply import TicketMessage
from core import clock
from escalation.outbox import Announcement, OnMark, Outbox

log = logging.getLogger(__name__)
ROUND = 1.0
"""Seconds between two rounds; several processes may run them at once."""
_BATCHES = 50
"""Batches of an incident's tickets in one round; then what is to be announced has its turn."""
_REPLY_MISSING_AFTER = timedelta(seconds=60)
"""When a ticket that was made in a chat is told there, although the reply of the turn that made it never came."""


async def keep_announcing(desk: Desk, seconds: float = ROUND, on_mark: OnMark | None = None) -> None:
    """Run until cancelled; a fault costs a round, not the task. `on_mark`: see `Outbox`."""
    outbox = Outbox(desk.store.engine, on_mark)
    while True:
        try:
            await _tell_incidents(desk)
            await _announce(desk, outbox)
        except SQLAlchemyError as error:
            log.warning("ticket announcements: %s", type(error).__name__)
        await asyncio.sleep(seconds)


async def _tell_incidents(desk: Desk) -> None:
    for _ in range(_BATCHES):
        if not await desk.store.call(desk.tickets.tell_incidents, clock.now()):
            return
        await asyncio.sleep(0)


async def _announce(desk: Desk, outbox: Outbox) -> None:
    call = desk.store.call
    held: set[str] = set()
    done: list[int] = []
    for step in await call(outbox.take):
        ticket = step.ticket.id
        if ticket not in held and (not step.to_parent or await _tell(desk, step)):
            done.append(step.id)
        else:
            held.add(ticket)  # what comes after it waits, too
    if done:
        await call(outbox.mark, done, clock.now())


async def _tell(desk: Desk, step: Announcement) -> bool:
    """Say one step in its conversation; return whether that is settled."""
    conversation = step.ticket.conversation_id
    if conversation is None:
        return True
    if step.kind == "dispatch":
        if await desk.store.call(_has_card, desk, conversation, step.ticket.id):
            return True
        if clock.now() - step.at < _REPLY_MISSING_AFTER:
            return False
    messages = step_messages(desk, step)
    return await desk.store.call(desk.news.announce, conversation, step.key, messages, clock.now()) is not None


def _has_card(desk: Desk, conversation_id: str, ticket_id: str) -> bool:
    said = desk.store.said_after(conversation_id, 0)
    return any(isinstance(one.message, TicketMessage) and one.message.ticket.id == ticket_id for one in said)
