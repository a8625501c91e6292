"""What the desk's page needs beside the tickets: their conversations, steps as they happen, and who else looks."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from sse_starlette import EventSourceResponse

from channels.access import Allowed
from channels.services import services
from channels.tickets.routes import actor_of, desk_of, reach_of
from channels.tickets.stream import stream_steps
from conversations.audit import Look
from conversations.reply import (
    AnswerMessage,
    CaseMessage,
    FileMessage,
    OptionsMessage,
    Said,
    TextMessage,
    TicketMessage,
)
from conversations.talk import Talk, TurnFacts, read_talk
from core import clock
from escalation.presence import Watcher, Watchers
from staff.roles import Staff

router = APIRouter(prefix="/api/v1/tickets", tags=["tickets"])
_PING = 15


class CaseSeen(BaseModel):
    """The parent saw a card of an application; what stood on it is the family's."""

    type: Literal["case"] = "case"


class Why(BaseModel):
    """Why the bot said it, as far as the turn keeps it; confidences are in [0, 1]."""

    outcome: str | None
    intent: str | None
    intent_confidence: float | None
    confidence: float | None


class TalkLine(BaseModel):
    """One thing said; `why` stands at the first thing that the bot says in a turn."""

    seq: int
    author: Literal["parent", "bot", "person"]
    at: datetime
    message: AnswerMessage | TextMessage | OptionsMessage | TicketMessage | FileMessage | CaseSeen
    why: Why | None


class Owner(BaseModel):
    """Who speaks with the parent: the bot or a person; `role` and `since` are a person's, `mine`: it is the reader."""

    owner: Literal["bot", "person"]
    role: str | None
    since: datetime | None
    mine: bool
    fence: int


class TicketTalk(BaseModel):
    """A ticket's conversation; a ticket that came from none has neither id nor owner, and no lines."""

    conversation_id: str | None
    owner: Owner | None
    lines: list[TalkLine]


class PresenceBody(BaseModel):
    """Whether one still has the ticket open."""

    model_config = ConfigDict(extra="forbid")

    leaving: bool = False


class WatcherView(BaseModel):
    """A colleague who has the ticket open."""

    name: str
    role: str


class Present(BaseModel):
    """The colleagues who have the ticket open, by name."""

    others: list[WatcherView]


@router.get("/events", response_class=EventSourceResponse)
async def follow_tickets(request: Request, who: Allowed) -> EventSourceResponse:
    """Stream the steps of the tickets in one's scope as server-sent events; `Last-Event-ID` resumes."""
    last = request.headers.get("last-event-id", "")
    after = int(last) if re.fullmatch(r"[0-9]{1,9}", last) else None
    return EventSourceResponse(stream_steps(services(request).desk.store, reach_of(who), after), ping=_PING)


@router.get("/{ticket_id}/conversation")
async def read_conversation(request: Request, who: Allowed, ticket_id: str) -> TicketTalk:
    """Return what was said in the conversation that the ticket came from."""
    desk = services(request).desk
    ticket = await desk.store.call(desk_of(request).find, ticket_id, reach_of(who))
    if ticket.conversation_id is None:
        return TicketTalk(conversation_id=None, owner=None, lines=[])
    look = Look(
        who.id, who.role, ticket.place.city, (ticket.id,), "ticket", ("conversation",), ticket.conversation_id
    )  # fmt: skip
    await desk.store.call(desk.audit.record, look)
    talk = await desk.store.call(read_talk, desk.store, ticket.conversation_id)
    return TicketTalk(conversation_id=ticket.conversation_id, owner=_owner(talk, who), lines=_lines(talk))


@router.post("/{ticket_id}/presence")
async def be_present(request: Request, who: Allowed, ticket_id: str, body: PresenceBody) -> Present:
    """Say that one has the ticket open, or has it no more; return who else has."""
    store, me = services(request).desk.store, actor_of(who)
    await store.call(desk_of(request).find, ticket_id, reach_of(who))
    watchers = Watchers(store.engine)
    if body.leaving:
        await store.call(watchers.gone, ticket_id, me.id)
        return Present(others=[])
    others = await store.call(watchers.here, ticket_id, Watcher(me.id, me.name, me.role), clock.now())
    return Present(others=[WatcherView(name=one.name, role=one.role) for one in others])


def _owner(talk: Talk, who: Staff) -> Owner:
    now = talk.ownership
    mine = now.owner == "person" and talk.staff == who.id
    return Owner(owner=now.owner, role=now.role, since=now.since, mine=mine, fence=now.fence)


def _lines(talk: Talk) -> list[TalkLine]:
    told: set[int] = set()
    lines = []
    for one in talk.said:
        facts = talk.turns.get(one.turn) if one.author == "bot" and one.turn not in told else None
        if one.author == "bot":
            told.add(one.turn)
        lines.append(line_of(one, facts))
    return lines


def line_of(one: Said, facts: TurnFacts | None = None) -> TalkLine:
    """Return one thing said as staff may read it: an application is the family's, whoever follows their talk."""
    message = CaseSeen() if isinstance(one.message, CaseMessage) else one.message
    why = None
    if facts:
        why = Why(
            outcome=facts.outcome,
            intent=facts.intent,
            intent_confidence=facts.intent_confidence,
            confidence=facts.confidence,
        )
    return TalkLine(seq=one.seq, author=one.author, at=one.at, message=message, why=why)
