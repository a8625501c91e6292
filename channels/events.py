"""Server-sent events of one conversation: read from the store, so that any process can serve them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from sse_starlette import ServerSentEvent

from channels.reading import Reading
from conversations.handover import OwnerChange, owner_changes
from conversations.reply import Said
from conversations.storage import Conversation, ConversationStore

PAUSE = 0.5


@dataclass
class _Told:
    """How far a stream has told: the last thing said, the last change of owner, the last state."""

    seq: int
    fence: int = -1
    state: dict[str, str | None] | None = None


async def stream_events(
    store: ConversationStore, conversation_id: str, after: int | None, reading: Reading
) -> AsyncIterator[ServerSentEvent]:
    """Yield what happens after message number `after`, or from now on, in the order in which it happened.

    `message` is one thing said; `owner` says who speaks with the parent from there on, first of all who does so now;
    `state` tells scope and owner when they change. An event's id is the number of the last thing said.
    """
    told: _Told | None = None
    while True:
        conversation = await store.call(store.get, conversation_id)
        told = told or _Told(conversation.last_seq if after is None else after)
        if conversation.last_seq > told.seq or conversation.fence != told.fence:
            for one in await _new(store, conversation, told, resumed=after is not None):
                yield one
            reading.note(conversation_id, min(told.seq, conversation.last_seq))
        if (state := _state(conversation)) != told.state:
            told.state = state
            yield _event("state", state, told.seq)
        await asyncio.sleep(PAUSE)


async def _new(
    store: ConversationStore, conversation: Conversation, told: _Told, *, resumed: bool
) -> list[ServerSentEvent]:
    """Return the events since `told`, and carry it on to this sight of the conversation, neither less nor more."""
    said: list[Said] = []
    changes: list[OwnerChange] = []
    if conversation.last_seq > told.seq:
        said = await store.call(store.said_after, conversation.id, told.seq)
    first = told.fence < 0
    if conversation.fence != told.fence and (resumed or not first):
        since = {"from_seq": told.seq} if first else {"after_fence": told.fence}
        changes = await store.call(owner_changes, store.engine, conversation.id, **since)
    changes = [one for one in changes if one.fence <= conversation.fence]
    events = list(_in_order([one for one in said if one.seq <= conversation.last_seq], changes, told))
    if first and not changes:
        now = {"owner": conversation.owner, "owner_role": conversation.owner_role}
        events.append(_event("owner", now, told.seq))
    told.fence = conversation.fence
    return events


def _in_order(said: list[Said], changes: list[OwnerChange], told: _Told) -> Iterator[ServerSentEvent]:
    """Yield each change of owner after the thing said that it follows."""
    left = list(changes)
    for one in [*said, None]:
        while left and (one is None or left[0].seq < one.seq):
            change = left.pop(0)
            role = change.role if change.owner == "person" else None
            yield _event("owner", {"owner": change.owner, "owner_role": role}, told.seq)
        if one:
            told.seq = one.seq
            yield ServerSentEvent(one.model_dump_json(), event="message", id=str(one.seq))


def _state(conversation: Conversation) -> dict[str, str | None]:
    scope = conversation.scope
    return {"city": scope.city, "district": scope.district, "stage": scope.stage, "owner": conversation.owner}


def _event(name: str, data: dict[str, str | None], seq: int) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data, ensure_ascii=False), event=name, id=str(seq))
