"""A person takes a conversation over, speaks to the parent, and hands it back to the bot."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from channels.access import Allowed
from channels.messages import PRINTABLE
from channels.services import services
from channels.tickets.live import TalkLine, line_of
from channels.tickets.routes import reach_of
from conversations import handover
from conversations.audit import Look
from conversations.handover import Hold, Ownership, Person
from core.errors import MalformedRequestError, NotFoundError, StaleFenceError
from core.privacy import mask_personal_data
from core.scope import Scope
from retrieval.normalise import strip_invisible
from staff.roles import Staff

router = APIRouter(prefix="/api/v1/conversations/{conversation_id}", tags=["staff"])
LONGEST = 2000
Fence = Annotated[int, Field(ge=0, le=2**31 - 1)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TakeoverBody(_Body):
    """`from_fence` takes over from whoever owns the conversation by it; without, from the bot only."""

    from_fence: Fence | None = None


class StaffMessageBody(_Body):
    """A person's words; a second call with the same `key` says nothing more."""

    fence: Fence
    text: str = Field(min_length=1, max_length=LONGEST)
    key: str | None = Field(None, min_length=1, max_length=64, pattern=PRINTABLE)


class HandbackBody(_Body):
    """The fence that taking over returned."""

    fence: Fence


class Fenced(BaseModel):
    """The conversation's fence after the call."""

    fence: int


class Kept(Fenced):
    """What was said, by its number in the conversation."""

    seq: int


class Talk(BaseModel):
    """What was said after a given number, for the person who owns the conversation; a case is named and not shown."""

    messages: list[TalkLine]


@router.post("/takeover")
async def take_over(request: Request, conversation_id: str, who: Allowed, body: TakeoverBody | None = None) -> Fenced:
    """Become the conversation's owner: from now on the bot says nothing in it."""
    from_fence = body.from_fence if body else None
    now = await _within(request, conversation_id, who)
    if now.owner == "person" if from_fence is None else now.fence != from_fence:
        raise handover.stale(now)
    desk = services(request).desk
    # The audit log knows of the look before there is one; a lost race leaves a look too many, never one too few.
    look = Look(who.id, who.role, now.scope.city or "unknown", (), "takeover", ("conversation",), conversation_id)
    await desk.store.call(desk.audit.record, look)
    person = Person(who.id, who.role)
    fence = await desk.store.call(handover.take_over, desk.store.engine, conversation_id, person, from_fence)
    return Fenced(fence=fence)


@router.post("/staff-messages")
async def say(request: Request, conversation_id: str, who: Allowed, body: StaffMessageBody) -> Kept:
    """Say something to the parent."""
    text = mask_personal_data(strip_invisible(body.text))
    if not text:
        raise MalformedRequestError("消息没有文字。")
    hold = await _hold(request, conversation_id, who, body.fence)
    store = services(request).desk.store
    seq = await store.call(handover.say, store.engine, hold, text, body.key, request.app.state.on_said)
    return Kept(fence=body.fence, seq=seq)


@router.get("/staff-messages")
async def read(
    request: Request,
    conversation_id: str,
    who: Allowed,
    fence: Annotated[int, Query(ge=0, le=2**31 - 1)],
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Talk:
    """Return what was said after number `after` to the person who owns the conversation."""
    hold = await _hold(request, conversation_id, who, fence)
    store = services(request).desk.store
    await store.call(handover.check_owner, store.engine, hold)
    said = await store.call(store.said_after, conversation_id, after)
    return Talk(messages=[line_of(one) for one in said])


@router.post("/handback")
async def hand_back(request: Request, conversation_id: str, who: Allowed, body: HandbackBody) -> Fenced:
    """Give the conversation back to the bot, which says so and tells the news that came meanwhile.

    Who owns it may do so wherever its ticket has gone since.
    """
    desk, hold = services(request).desk, Hold(conversation_id, Person(who.id, who.role), body.fence)
    try:
        fence = await desk.store.call(handover.hand_back, desk.store.engine, hold, desk.words.say("back_from_person"))
    except StaleFenceError:
        await _within(request, conversation_id, who)  # of others' conversations nothing is told
        raise
    request.app.state.news.wake()
    return Fenced(fence=fence)


async def _hold(request: Request, conversation_id: str, who: Staff, fence: int) -> Hold:
    await _within(request, conversation_id, who)
    return Hold(conversation_id, Person(who.id, who.role), fence)


async def _within(request: Request, conversation_id: str, who: Staff) -> Ownership:
    """Return who owns a conversation of the caller's scope, or of a ticket that the caller may see.

    Raises:
        NotFoundError: there is no such conversation, or it is another city's or district's; the two read the same.
    """
    store = services(request).desk.store
    now = await store.call(handover.ownership, store.engine, conversation_id)
    tickets = services(request).desk.tickets
    if not _covers(who, now.scope) and not await store.call(
        tickets.reaches_conversation, conversation_id, reach_of(who)
    ):
        raise NotFoundError(handover.NOT_FOUND)
    return now


def _covers(who: Staff, scope: Scope) -> bool:
    """Whether city and district are the caller's; what is not known yet is only theirs whose scope does not name it.

    A conversation names no school, so a school's staff speak with those alone who have a ticket with them.
    """
    mine = who.scope
    return mine.school is None and mine.city in (None, scope.city) and mine.district in (None, scope.district)
