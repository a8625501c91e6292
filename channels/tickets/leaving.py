"""Give conversations back to the bot whose person has left without doing so; what was not heard goes to the ticket.

The hand-back decides, by the fence, which process passes the words on. They stand in the conversation, too: one that
dies between the two loses nothing that the ticket's page does not show.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from bot.actions.desk import Desk
from bot.actions.ticket_cards import parent_of, ticket_card
from conversations import handover
from conversations.handover import Stretch
from conversations.reply import TextMessage
from core import clock
from core.errors import IllegalTransitionError, NotFoundError, StaleFenceError

log = logging.getLogger(__name__)
ROUND = 5.0
"""Seconds between two rounds; several processes may run them at once."""


async def keep_handing_back(desk: Desk, seconds: float = ROUND) -> None:
    """Run until cancelled; a fault costs a round, not the task."""
    after = timedelta(minutes=desk.settings.handback_after_minutes)
    while True:
        try:
            await hand_back_left(desk, after)
        except SQLAlchemyError as error:
            log.warning("hand-back: %s", type(error).__name__)
        await asyncio.sleep(seconds)


async def hand_back_left(desk: Desk, after: timedelta) -> None:
    """Give back what its person has not been at for so long."""
    call, engine, since = desk.store.call, desk.store.engine, clock.now() - after
    for stretch in await call(handover.left, engine, since):
        try:
            await call(handover.hand_back, engine, stretch.hold, desk.words.say("back_from_person"), since)
        except (StaleFenceError, NotFoundError):
            continue  # they came back, another process was quicker, or it was erased
        await desk.store.call(_pass_on, desk, stretch)


def _pass_on(desk: Desk, stretch: Stretch) -> None:
    """Keep on the newest ticket what the parent said since the person was last there, and say so in the chat."""
    chat = stretch.hold.conversation_id
    said = [one for one in desk.store.said_after(chat, 0) if one.author == "parent" and one.at > stretch.seen_at]
    unheard = "\n".join(one.message.text for one in said if isinstance(one.message, TextMessage))
    ticket = desk.tickets.unsettled(chat) or desk.tickets.of_conversation(chat)
    if not unheard or ticket is None:
        return
    try:
        after = desk.tickets.hear_parent(ticket.id, unheard, parent_of(desk, chat))
    except (IllegalTransitionError, NotFoundError):
        return  # settled too long ago, or erased: the bot is there to make a new one
    card = ticket_card(desk, after, "reopen" if ticket.settled_at else "add")
    desk.news.announce(chat, f"left:{stretch.hold.fence}", [card], clock.now())
