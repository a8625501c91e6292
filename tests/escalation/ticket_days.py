"""Three days of a desk, in the database: tickets of two cities, answered in time, late, or not at all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from conversations.reply import TextMessage
from conversations.storage import ConversationStore
from core import clock
from core.scope import Scope
from escalation.desk import Draft, TicketDesk
from escalation.listing import Reach
from escalation.routing import own_rules
from escalation.rules import Actor, Command, Name, Place, Ticket
from tests.escalation.ticket_made import NOW, PARENT

FIRST, OTHER = "第一小学", "第二小学"
TEACHER, OFFICER = Actor("school-1", "王老师", "school"), Actor("district-1", "=李科长", "district")
YUBEI = Place("chongqing", "渝北区")
FRIDAY = NOW + timedelta(days=2, hours=-1)
"""09:00 in China, when the days end."""


class Days:
    """A desk whose clock is set by hand."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine, self._patch = engine, monkeypatch
        self.desk = TicketDesk(engine, own_rules())

    def at(self, hours: float) -> None:
        """Set the clock to so many hours after Wednesday, 10:00 in China."""
        self._patch.setattr(clock, "now", lambda: NOW + timedelta(hours=hours))

    def made(self, key: str, place: Place, question: str = "怎么报名", conversation: str | None = None) -> Ticket:
        return self.desk.create(Draft(key, place, question, conversation_id=conversation), PARENT)[0]

    def give(self, ticket: Ticket, name: Name, by: Actor = TEACHER, **more: str) -> Ticket:
        return self.desk.act(ticket.id, Command(name, ticket.version, **more), by, Reach()).ticket  # type: ignore[arg-type]


def three_days(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> dict[str, Ticket]:
    """Work for three days; return the tickets as they are on Friday at 09:00, where the clock then stands."""
    days, first = Days(engine, monkeypatch), Place("chongqing", "渝北区", FIRST)
    days.at(0)
    conversation, _ = ConversationStore(engine).create(Scope("chongqing"), [TextMessage(text="您好")])
    found = {
        "in time": days.made("1", first, "=HYPERLINK(1) 传不上去", conversation.id),
        "late": days.made("2", first),
        "forgotten": days.made("3", first),
        "asked": days.made("4", YUBEI),
        "far away": days.made("5", Place("qingdao")),
        "handed on": days.made("6", Place("chongqing", "渝北区", OTHER)),
    }

    def move(name: str, do: Name, by: Actor = TEACHER, **more: str) -> None:
        found[name] = days.give(found[name], do, by, **more)

    move("handed on", "transfer", why="划片不在本校", to="school", school=FIRST)
    move("asked", "claim", OFFICER)
    move("asked", "ask_parent", OFFICER, text="请说明孩子的户籍")
    for name in ("in time", "late"):
        move(name, "claim")
    move("late", "note", text="问过区里")
    days.at(5)
    move("in time", "reply", text="请重新拍照上传")
    found["in time"] = days.desk.hear_parent(found["in time"].id, "好的，传上去了", PARENT)
    move("in time", "reply", text="不客气")
    move("in time", "resolve")
    days.at(25)
    move("late", "reply", text="可以就近登记")
    days.at(47)
    return found
