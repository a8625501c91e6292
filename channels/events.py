"""Server-sent events of one conversation: read from the store, so that any process can serve them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from sse_starlette import ServerSentEvent

from conversations.storage import ConversationStore

PAUSE = 0.5


async def stream_events(store: ConversationStore, conversation_id: str, after: int) -> AsyncIterator[ServerSentEvent]:
    """Yield a `message` for each thing said after number `after`, and a `state` when scope or owner change.

    An event's id is the number of the last thing said.
    """
    state: dict[str, str | None] | None = None
    while True:
        conversation = await store.call(store.get, conversation_id)
        if conversation.last_seq > after:
            for said in await store.call(store.said_after, conversation_id, after):
                after = said.seq
                yield ServerSentEvent(said.model_dump_json(), event="message", id=str(after))
        scope = conversation.scope
        now: dict[str, str | None] = {
            "city": scope.city,
            "district": scope.district,
            "stage": scope.stage,
            "owner": conversation.owner,
        }
        if now != state:
            state = now
            yield ServerSentEvent(json.dumps(now, ensure_ascii=False), event="state", id=str(after))
        await asyncio.sleep(PAUSE)
