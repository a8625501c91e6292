"""The HTTP API for parents: conversations and their messages."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic_core import to_json
from sse_starlette import EventSourceResponse

from channels.bodies import body_of, read_body
from channels.events import stream_events
from channels.messages import MessageBody, NewConversation, OpenedConversation, TokenBody, Transcript, TurnResult
from channels.opening import opening_messages
from channels.services import bearer, services
from channels.tokens import read_token
from channels.turn import Incoming, run_turn
from core.scope import Scope

router = APIRouter(prefix="/api/v1/conversations", tags=["conversations"])


@router.post("", status_code=201)
async def open_conversation(request: Request, body: NewConversation) -> OpenedConversation:
    """Open a conversation."""
    parts = services(request)
    parts.limits.check(request)
    scope, store = Scope(body.city, parts.desk.entities.district(body.district), body.stage), parts.desk.store
    with parts.metrics.token_refusals():
        identity = await read_token(parts.settings, parts.keys, body.token) if body.token is not None else None
        opening = opening_messages(parts.desk, Scope(identity.city if identity else body.city))  # type: ignore[arg-type]
        conversation, secret = await store.call(store.create, scope, opening, identity)
    said = await store.call(store.said_after, conversation.id, 0)
    return OpenedConversation(
        conversation_id=conversation.id,
        secret=secret,
        city=conversation.scope.city,
        district=conversation.scope.district,
        stage=conversation.scope.stage,
        signed_in=conversation.guardian is not None,
        last_seq=conversation.last_seq,
        messages=said,
    )


async def opened(request: Request, conversation_id: str, secret: Annotated[str, Depends(bearer)]) -> str:
    """Let the call in if it carries the conversation's secret."""
    await services(request).desk.store.call(services(request).desk.store.authenticate, conversation_id, secret)
    return conversation_id


Opened = Annotated[str, Depends(opened)]


@router.put("/{conversation_id}/token", status_code=204)
async def sign_in(request: Request, conversation: Opened, body: TokenBody) -> Response:
    """Sign the guardian in, or renew."""
    parts = services(request)
    parts.limits.check(request)
    store = parts.desk.store
    with parts.metrics.token_refusals():
        who = await read_token(parts.settings, parts.keys, body.token)
        await store.call(store.sign_in, conversation, who.guardian, who.city, who.jti, who.expires_at)
    return Response(status_code=204)


@router.post("/{conversation_id}/messages", response_model=TurnResult, openapi_extra=body_of(MessageBody))
async def send_message(request: Request, conversation_id: str, secret: Annotated[str, Depends(bearer)]) -> Response:
    """Say something, or choose an option."""
    # The one call that many parents make at once: it reads its body itself, past FastAPI's reading.
    parts = services(request)
    await parts.desk.store.call(parts.desk.store.authenticate, conversation_id, secret)
    body = await read_body(request, MessageBody)
    parts.limits.check(request, conversation_id)
    turn = await run_turn(Incoming(parts.desk, parts.rasa, conversation_id, body.text, body.payload))
    parts.metrics.count_turn(turn.outcome)
    # The messages were made by our own shapes and stored so; they are not validated a second time.
    result = {
        "turn": turn.number,
        "kind": turn.outcome.kind,
        "outcome": turn.outcome,
        "intent": turn.intent,
        "confidence": turn.confidence,
        "messages": turn.messages,
        "last_seq": turn.last_seq,
    }
    return Response(to_json(result), media_type="application/json")


@router.get("/{conversation_id}/messages")
async def read_messages(
    request: Request, conversation: Opened, after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0
) -> Transcript:
    """Return everything said after number `after`."""
    store = services(request).desk.store
    state = await store.call(store.get, conversation)
    services(request).reading.note(conversation, state.last_seq)
    return Transcript(
        conversation_id=conversation,
        city=state.scope.city,
        district=state.scope.district,
        stage=state.scope.stage,
        signed_in=state.guardian is not None,
        owner=state.owner,
        owner_role=state.owner_role,
        last_seq=state.last_seq,
        messages=await store.call(store.said_after, conversation, after),
    )


@router.get("/{conversation_id}/events")
async def follow(request: Request, conversation: Opened) -> EventSourceResponse:
    """Stream what is said, changes of owner and of state as server-sent events; `Last-Event-ID` resumes."""
    last = request.headers.get("last-event-id", "")
    parts = services(request)
    after = int(last) if re.fullmatch(r"[0-9]{1,9}", last) else None
    return EventSourceResponse(stream_events(parts.desk.store, conversation, after, parts.reading), ping=15)
