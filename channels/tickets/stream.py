"""Server-sent events of the steps of tickets in somebody's reach: which ticket, which step, no words.

Read from the outbox, so that any process can serve them. Where transactions commit in another order than they took
their numbers, a step may be passed over; a page therefore also asks for its list from time to time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from sse_starlette import ServerSentEvent

from conversations.storage import ConversationStore
from escalation.listing import Reach
from escalation.outbox import Announcement, Outbox

PAUSE = 1.0
"""Seconds between two looks."""
LASTS = 300.0
"""Seconds after which a line ends: the browser comes back by itself, and whether it still may is checked anew."""
_AT_ONCE = 100


async def stream_steps(store: ConversationStore, reach: Reach, after: int | None) -> AsyncIterator[ServerSentEvent]:
    """Yield `ready`, then each `step` after number `after`, or from now on; an event's id is the step's number."""
    outbox = Outbox(store.engine)
    last = await store.call(outbox.last) if after is None else after
    yield ServerSentEvent("{}", event="ready", id=str(last))
    ends = asyncio.get_running_loop().time() + LASTS
    while asyncio.get_running_loop().time() < ends:
        steps = await store.call(outbox.after, last, reach, _AT_ONCE)
        for step in steps:
            last = step.id
            yield ServerSentEvent(_told(step), event="step", id=str(step.id))
        if len(steps) < _AT_ONCE:
            await asyncio.sleep(PAUSE)


def _told(step: Announcement) -> str:
    ticket = {"ticket_id": step.ticket.id, "number": step.ticket.number}
    return json.dumps({**ticket, "kind": step.kind, "version": step.version, "state": step.state})
