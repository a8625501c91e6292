"""Forty parents with one failure: each conversation hears each text once, the next parent is told by the bot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest
from desk_made import Talk, made_desk
from sqlalchemy import event

from bot.actions.desk import Desk
from bot.actions.ticket_cards import ticket_card
from bot.actions.words import Words
from channels.tickets.announcing import keep_announcing
from conversations.reply import Choice, Message, Option, OptionsMessage
from core import clock
from core.scope import Scope
from escalation.desk import Draft
from escalation.incident_desk import NewIncident
from escalation.incidents import Incident, Matter
from escalation.listing import Reach
from escalation.outbox import Outbox
from escalation.rules import Actor, Place, Ticket

HERE, THERE = Scope("chongqing", "渝北区"), Scope("chongqing", "北碚区")
OFFICER = Actor("district-1", "李老师", "district")
FACES = Matter("chongqing", "渝北区", "face_scan_no_child", "cq-10")
QUESTION, TEXT, NEWER, LAST = "刷脸查不到孩子", "刷脸系统正在抢修。", "预计下午恢复。", "已恢复，请重试。"
SAY = Words().say


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with made_desk(tmp_path_factory.mktemp("incident")) as made:
        yield made


def a_ticket(talk: Talk) -> Ticket:
    """Make a ticket as the chat does: its card is in the reply."""
    parent = Actor(f"parent:{talk.id}", "家长", "parent")
    place = Place("chongqing", talk.scope.district, "某小学")
    draft = Draft("k-1", place, QUESTION, "cq-10", topic="face_scan_no_child", conversation_id=talk.id)
    ticket, _ = talk.desk.tickets.create(draft, parent)
    assert talk.desk.news.announce(talk.id, f"turn:{ticket.id}", [ticket_card(talk.desk, ticket)], clock.now())
    return ticket


def opened(desk: Desk, matter: Matter = FACES) -> Incident:
    return desk.tickets.incidents.open(NewIncident(matter, "刷脸故障", TEXT), OFFICER, Reach("chongqing"))


def announce(desk: Desk) -> None:
    """Let the announcer run until nothing is left to tell, and some rounds more."""

    async def run() -> None:
        task = asyncio.create_task(keep_announcing(desk, 0.01))
        async with asyncio.timeout(30):
            await asyncio.sleep(0.1)
            while Outbox(desk.store.engine).take():
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())


def informed(talk: Talk) -> list[str]:
    """Return the texts of the incident's cards in a conversation."""
    cards = [one["ticket"] for one in talk.said() if one["type"] == "ticket"]
    return [card["text"] for card in cards if card["happened"] == "inform"]


def notices(talk: Talk) -> list[str]:
    return [one["text"] for one in talk.said() if one["type"] == "text" and "通知】" in one["text"]]


def test_forty_conversations_hear_each_text_once_and_a_new_ticket_hears_the_present_one(desk: Desk) -> None:
    talks = [Talk(desk, HERE) for _ in range(40)]
    for talk in talks:
        a_ticket(talk)
    elsewhere = Talk(desk, THERE)
    a_ticket(elsewhere)
    announce(desk)
    incident = opened(desk)
    announce(desk)
    assert [informed(talk) for talk in talks] == [[TEXT]] * 40
    desk.tickets.incidents.write(incident.id, 1, NEWER, OFFICER, Reach())
    announce(desk)
    new = Talk(desk, HERE)
    a_ticket(new)
    announce(desk)
    assert informed(new) == [NEWER]
    desk.tickets.incidents.close(incident.id, 2, LAST, OFFICER, Reach())
    announce(desk)
    assert [informed(talk) for talk in talks] == [[TEXT, NEWER, LAST]] * 40
    assert informed(new) == [NEWER, LAST]
    assert informed(elsewhere) == []


def test_the_next_parent_is_told_after_the_answer_once_for_each_text(desk: Desk) -> None:
    incident = opened(desk)
    announce(desk)
    talk = Talk(desk, HERE)
    before = Talk(desk, THERE).say(QUESTION)
    turn = talk.say(QUESTION)
    assert (turn.raw["kind"], turn.raw["outcome"]) == (before.raw["kind"], before.raw["outcome"])
    assert [one["type"] for one in turn.raw["messages"]][:2] == ["answer", "text"]
    office = desk.tickets.book.levels.team("district", Place("chongqing", "渝北区"))
    expected = SAY("incident_notice", place="渝北区", office=office, text=TEXT)
    assert notices(talk) == [expected]
    others = [one.get("text") or one["entry"] for one in before.raw["messages"]]
    assert [one.get("text") or one["entry"] for one in turn.raw["messages"]] == [others[0], expected, *others[1:]]
    talk.say(QUESTION)
    assert notices(talk) == [expected]
    desk.tickets.incidents.write(incident.id, 1, NEWER, OFFICER, Reach())
    announce(desk)
    talk.say(QUESTION)
    assert [NEWER in one for one in notices(talk)] == [False, True]
    desk.tickets.incidents.close(incident.id, 2, LAST, OFFICER, Reach())
    announce(desk)
    later = Talk(desk, HERE)
    later.say(QUESTION)
    assert notices(later) == []


def test_only_parents_of_the_place_with_that_question_are_told(desk: Desk) -> None:
    opened(desk)
    announce(desk)
    there, nowhere, other = Talk(desk, THERE), Talk(desk, Scope("chongqing")), Talk(desk, HERE)
    there.say(QUESTION)
    nowhere.say(QUESTION)
    other.say("购房合同传哪几页")
    assert notices(there) + notices(nowhere) + notices(other) == []
    opened(desk, Matter("chongqing", None, "face_scan_no_child", "cq-10"))
    announce(desk)
    whole = Talk(desk, Scope("chongqing"))
    whole.say(QUESTION)
    assert len(notices(whole)) == 1


def test_who_begins_a_ticket_about_it_is_told_first(desk: Desk) -> None:
    talk = Talk(desk, HERE)
    talk.say(QUESTION)
    opened(desk)
    announce(desk)
    option = Option(label="提交工单", choice=Choice(do="ticket"))
    offer: list[Message] = [OptionsMessage(text="需要吗？", purpose="ticket", options=[option])]
    assert desk.news.announce(talk.id, "offer", offer, clock.now())
    talk.offered()
    turn = talk.press("提交工单")
    assert TEXT in turn.raw["messages"][0]["text"]
    assert len(notices(talk)) == 1


def test_an_open_incident_costs_a_turn_no_statement(desk: Desk) -> None:
    counted: list[int] = []

    def statements(talk: Talk) -> int:
        counted.clear()
        talk.say(QUESTION)
        return len(counted)

    event.listen(desk.store.engine, "before_cursor_execute", lambda *_: counted.append(1))
    statements(Talk(desk, HERE))
    before = statements(Talk(desk, HERE))
    opened(desk)
    announce(desk)
    talk = Talk(desk, HERE)
    assert statements(talk) == before
    assert len(notices(talk)) == 1
