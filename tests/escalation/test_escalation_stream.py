"""The steps of tickets as a stream, on both databases: only one's own, in order, and a line that ends by itself."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import Engine
from ticket_made import SCHOOL, actor

from channels.tickets import stream
from conversations.storage import ConversationStore
from core.scope import Scope
from escalation.desk import Draft, TicketDesk
from escalation.listing import Reach
from escalation.routing import own_rules
from escalation.rules import Place

OWN, OTHER = Reach("chongqing", "渝北区", SCHOOL.school), Reach("chongqing", "渝北区", "另一所小学")


@pytest.fixture
def database_url(own_database_url: str) -> str:
    return own_database_url


@pytest.fixture
def desk(engine: Engine) -> TicketDesk:
    return TicketDesk(engine, own_rules())


def heard(store: ConversationStore, reach: Reach, after: int | None) -> list[tuple[str | None, str | None, Any]]:
    async def listen() -> list[tuple[str | None, str | None, Any]]:
        return [(one.event, one.id, json.loads(one.data)) async for one in stream.stream_steps(store, reach, after)]

    return asyncio.run(listen())


def test_a_line_tells_one_s_own_steps_in_order_and_ends_by_itself(
    store: ConversationStore, desk: TicketDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LASTS", 0.2)
    monkeypatch.setattr(stream, "PAUSE", 0.05)
    desk.create(Draft("k-1", Place("chongqing", "渝北区", "另一所小学"), "…"), actor("agent"))
    ticket, _ = desk.create(Draft("k-2", SCHOOL, "照片传不上去"), actor("agent"))
    ready, *steps = heard(store, OWN, 0)
    assert ready == ("ready", "0", {})
    same = {"ticket_id": ticket.id, "number": ticket.number}
    assert steps == [
        ("step", "3", {**same, "kind": "create", "version": 1, "state": "new"}),
        ("step", "4", {**same, "kind": "dispatch", "version": 2, "state": "assigned"}),
    ]
    assert heard(store, OWN, None) == [("ready", "4", {})]


def test_more_than_one_helping_comes_without_a_pause(
    store: ConversationStore, desk: TicketDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LASTS", 2.0)
    monkeypatch.setattr(stream, "PAUSE", 2.0)
    monkeypatch.setattr(stream, "_AT_ONCE", 3)
    for n in range(4):
        desk.create(Draft(f"k-{n}", SCHOOL, "照片传不上去"), actor("agent"))
    assert [number for _, number, _ in heard(store, OWN, 0)] == [str(n) for n in range(9)]


def test_a_conversation_is_in_reach_by_its_ticket_alone(store: ConversationStore, desk: TicketDesk) -> None:
    conversation, _ = store.create(Scope("chongqing"), [])
    assert not desk.reaches_conversation(conversation.id, OWN)
    ticket, _ = desk.create(Draft("k-1", SCHOOL, "…", conversation_id=conversation.id), actor("parent"))
    assert desk.reaches_conversation(conversation.id, OWN)
    assert not desk.reaches_conversation(conversation.id, OTHER)
    assert desk.find(ticket.id, OWN) == ticket
