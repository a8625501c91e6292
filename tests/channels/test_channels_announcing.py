"""Steps of tickets come into their conversations, each once and in order, whatever fails in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from desk_made import Talk, made_desk
from sqlalchemy.exc import OperationalError

from bot.actions.desk import Desk
from bot.actions.ticket_cards import ticket_card
from bot.actions.words import Words
from channels.tickets import announcing
from channels.tickets.announcing import keep_announcing
from conversations import handover
from conversations.handover import Hold, Person
from conversations.news import NewsStore
from conversations.reply import Message
from core import clock
from core.scope import Scope
from escalation.desk import Draft
from escalation.listing import Reach
from escalation.outbox import Outbox
from escalation.rules import Act, Actor, Command, Place, Ticket

TEACHER = Actor("school-1", "王老师", "school")
PLACE = Place("chongqing", "渝北区", "某小学")
AWAY = OperationalError("SELECT", {}, Exception("the database is away"))
MINUTE = timedelta(seconds=61)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with made_desk(tmp_path_factory.mktemp("announcing")) as made:
        yield made


@pytest.fixture
def talk(desk: Desk) -> Talk:
    return Talk(desk, Scope("chongqing"))


def a_ticket(talk: Talk, key: str = "k-1") -> Ticket:
    parent = Actor(f"parent:{talk.id}", "家长", "parent")
    draft = Draft(key, PLACE, "照片传不上去", conversation_id=talk.id)
    return talk.desk.tickets.create(draft, parent)[0]


def shown(talk: Talk, ticket: Ticket) -> None:
    """Show the ticket's card, as the turn that made it does."""
    card: list[Message] = [ticket_card(talk.desk, ticket)]
    assert talk.desk.news.announce(talk.id, f"turn:{ticket.id}", card, clock.now())


def give(talk: Talk, ticket: Ticket, act: Act, text: str = "") -> None:
    version = talk.desk.tickets.read(ticket.id, Reach()).ticket.version
    talk.desk.tickets.act(ticket.id, Command(act, version, text=text), TEACHER, Reach())


def told(talk: Talk) -> list[tuple[str, str | None]]:
    return [(m["ticket"]["happened"], m["ticket"]["text"]) for m in talk.said() if m["type"] == "ticket"]


def announce(desk: Desk, until: Callable[[], bool] | None = None) -> None:
    """Let the task run until a condition holds, or for many rounds; it ends when it is cancelled."""

    async def run() -> None:
        task = asyncio.create_task(keep_announcing(desk, 0.01))
        async with asyncio.timeout(10):
            for _ in range(1000 if until else 20):
                await asyncio.sleep(0.01)
                if until and until():
                    break
        assert not task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert until is None or until()


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    moment = clock.now() + by
    monkeypatch.setattr(clock, "now", lambda: moment)


def test_answer_appears_once_with_its_buttons(talk: Talk) -> None:
    ticket = a_ticket(talk)
    shown(talk, ticket)
    give(talk, ticket, "claim")
    give(talk, ticket, "note", "先问信息科")
    give(talk, ticket, "reply", "请重新上传。")
    announce(talk.desk, lambda: len(told(talk)) == 2)
    announce(talk.desk)
    assert told(talk) == [("dispatch", None), ("reply", "请重新上传。")]
    say = Words().say
    assert [o["label"] for o in talk.said()[-1]["options"]] == [
        say("ticket_solved_option"),
        say("ticket_unsolved_option"),
    ]
    assert Outbox(talk.desk.store.engine).take() == []


def test_ticket_whose_turn_died_is_told_after_a_minute_and_what_follows_waits(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = a_ticket(talk)
    give(talk, ticket, "claim")
    give(talk, ticket, "ask_parent", "请问是哪所学校？")
    announce(talk.desk)
    assert told(talk) == []
    later(monkeypatch, MINUTE)
    announce(talk.desk, lambda: len(told(talk)) == 2)
    announce(talk.desk)
    assert told(talk) == [("dispatch", None), ("ask_parent", "请问是哪所学校？")]


def test_while_a_person_owns_the_conversation_steps_wait_and_those_of_others_do_not(desk: Desk) -> None:
    talks = [Talk(desk, Scope("chongqing")) for _ in range(2)]
    tickets = [a_ticket(talk) for talk in talks]
    anna = Person("anna", "agent")
    for talk, ticket in zip(talks, tickets, strict=True):
        shown(talk, ticket)
    hold = Hold(talks[0].id, anna, handover.take_over(desk.store.engine, talks[0].id, anna))
    for talk, ticket in zip(talks, tickets, strict=True):
        give(talk, ticket, "claim")
        give(talk, ticket, "resolve", "已处理。")
    announce(desk, lambda: len(told(talks[1])) == 2)
    announce(desk)
    assert told(talks[0]) == [("dispatch", None)]
    handover.hand_back(desk.store.engine, hold, "现在由助手继续")
    announce(desk, lambda: told(talks[0]) == [("dispatch", None), ("resolve", "已处理。")])


class FaultyNews(NewsStore):
    """News whose database is away at some calls: before something is said, or after."""

    before, after = 1, 1

    def announce(self, conversation_id: str, key: str, messages: list[Message], now: datetime) -> bool | None:
        if self.before:
            self.before -= 1
            raise AWAY
        said = super().announce(conversation_id, key, messages, now)
        if self.after:
            self.after -= 1
            raise AWAY
        return said


def test_faults_before_and_after_a_step_is_said_cost_rounds_and_neither_lose_nor_double_it(talk: Talk) -> None:
    ticket = a_ticket(talk)
    shown(talk, ticket)
    give(talk, ticket, "claim")
    give(talk, ticket, "reply", "一")
    give(talk, ticket, "reply", "二")
    news = FaultyNews(talk.desk.store.engine)
    announce(replace(talk.desk, news=news), lambda: len(told(talk)) == 3)
    announce(talk.desk)
    assert (news.before, news.after) == (0, 0)
    assert told(talk) == [("dispatch", None), ("reply", "一"), ("reply", "二")]


def test_crash_between_saying_and_marking_says_nothing_twice(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = a_ticket(talk)
    shown(talk, ticket)
    give(talk, ticket, "claim")
    give(talk, ticket, "reply", "请重新上传。")
    faults = [AWAY, AWAY]

    class FaultyOutbox(Outbox):
        def mark(self, ids: Sequence[int], now: datetime) -> None:
            if faults:
                raise faults.pop()
            super().mark(ids, now)

    monkeypatch.setattr(announcing, "Outbox", FaultyOutbox)
    outbox = Outbox(talk.desk.store.engine)
    announce(talk.desk, lambda: not faults and outbox.take() == [])
    assert told(talk) == [("dispatch", None), ("reply", "请重新上传。")]


def test_two_processes_at_once_say_each_step_once(talk: Talk) -> None:
    ticket = a_ticket(talk)
    shown(talk, ticket)
    give(talk, ticket, "claim")
    for number in range(5):
        give(talk, ticket, "reply", str(number))

    async def both() -> None:
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(keep_announcing(talk.desk, 0.01)) for _ in range(2)]
        async with asyncio.timeout(10):
            while len(told(talk)) < 6:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    asyncio.run(both())
    assert told(talk) == [("dispatch", None), *(("reply", str(number)) for number in range(5))]
