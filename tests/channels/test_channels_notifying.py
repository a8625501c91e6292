"""Guardians whose page is closed are told once that their ticket has news, whatever the notifier does meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from notifier_server import KEY, NotifierServer, notifier_up
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from channels.metrics import Metrics
from channels.reading import Reading
from channels.tickets import notifying
from channels.tickets.notifying import Notifier
from conversations import handover
from conversations.handover import Hold, Person
from conversations.news import NewsStore
from conversations.reply import Message, TicketMessage
from conversations.storage import Conversation, ConversationStore
from core import clock
from core.errors import SettingsError
from core.scope import Scope
from core.settings import Settings, read_settings
from escalation.cards import card_of_step
from escalation.desk import Draft, TicketDesk
from escalation.listing import Reach
from escalation.notifications import Notification, Notifications, Notified, pause_after
from escalation.outbox import Outbox
from escalation.routing import own_rules
from escalation.rules import Act, Actor, Command, Place, Ticket
from escalation.tables import NotificationRow
from tests.conversations.conftest import engine, own_database_url, store  # noqa: F401

TEACHER = Actor("school-1", "王老师", "school")
PLACE = Place("chongqing", "渝北区", "某小学")
GUARDIAN, QUESTION, ANSWER = "cq-liu", "孩子的名字少一个字", "请重新获取最新数据。"
MINUTE = timedelta(seconds=60)


@pytest.fixture
def database_url(own_database_url: str) -> str:  # noqa: F811
    return own_database_url


@pytest.fixture
def server() -> Iterator[NotifierServer]:
    with notifier_up(NotifierServer()) as up:
        yield up
    assert up.faults == []


@dataclass
class Process:
    """One process of the service: what it knows of open pages, what it counts, and its notifier."""

    store: ConversationStore
    url: str
    reading: Reading = field(default_factory=Reading)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        values: dict[str, Any] = {"notifier_url": self.url, "notifier_key": KEY, "notifier_after_seconds": 60}
        self.notifier = Notifier(Settings(_env_file=None, **values), self.store, self.reading, self.metrics)
        self.desk = TicketDesk(self.store.engine, own_rules())

    def talk(self, guardian: str | None = GUARDIAN) -> Conversation:
        conversation, _ = self.store.create(Scope("chongqing"), [])
        if guardian:
            expires = clock.now() + timedelta(minutes=10)
            self.store.sign_in(conversation.id, guardian, "chongqing", f"jti-{conversation.id}", expires)
        return conversation

    def ticket(self, talk: Conversation) -> Ticket:
        parent = Actor(f"parent:{talk.id}", "家长", "parent")
        ticket, _ = self.desk.create(Draft("k-1", PLACE, QUESTION, conversation_id=talk.id), parent)
        return self.give(ticket, "claim")

    def give(self, ticket: Ticket, act: Act, text: str = "") -> Ticket:
        version = self.desk.find(ticket.id, Reach()).version
        return self.desk.act(ticket.id, Command(act, version, text=text), TEACHER, Reach()).ticket

    def announce(self) -> None:
        """Say in the chats what is to be said, and mark it, as the announcer does."""
        outbox, news = Outbox(self.store.engine, self.notifier.notifications.put), NewsStore(self.store.engine)
        steps = outbox.take()
        for step in steps:
            if step.to_parent and step.ticket.conversation_id:
                card: list[Message] = [TicketMessage(ticket=card_of_step(step, self.desk.book.levels))]
                news.announce(step.ticket.conversation_id, step.key, card, clock.now())
        outbox.mark([step.id for step in steps], clock.now())

    def answered(self, talk: Conversation) -> Ticket:
        """Make a ticket, answer it, and say so in the chat."""
        ticket = self.give(self.ticket(talk), "reply", ANSWER)
        self.announce()
        return ticket

    def work(self, until: Callable[[], bool] | None = None) -> None:
        """Let the notifier run until a condition holds, or for many rounds."""
        run_together([self], until)

    def counted(self) -> dict[str, float]:
        families = text_string_to_metric_families(self.metrics.text().decode())
        found = [one for family in families for one in family.samples if family.name == "helpdesk_notifications"]
        return {one.labels["outcome"]: one.value for one in found if one.value}


def run_together(processes: list[Process], until: Callable[[], bool] | None = None) -> None:
    async def run() -> None:
        tasks = [asyncio.create_task(one.notifier.run(0.01)) for one in processes]
        async with asyncio.timeout(20):
            for _ in range(1500 if until else 20):
                await asyncio.sleep(0.01)
                if until and until():
                    break
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    asyncio.run(run())
    assert until is None or until()


@pytest.fixture
def process(store: ConversationStore, server: NotifierServer) -> Process:  # noqa: F811
    return Process(store, server.url)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Give `later(…)`: from now on the clock stands still, so much later than it did."""
    now = [clock.now()]

    def stand(by: timedelta) -> None:
        now[0] += by
        monkeypatch.setattr(clock, "now", lambda: now[0])

    stand(timedelta(0))
    return stand


Later = Callable[[timedelta], None]


def outcomes(engine: Engine) -> list[str | None]:  # noqa: F811
    with engine.connect() as connection:
        return list(connection.execute(select(NotificationRow.outcome).order_by(NotificationRow.version)).scalars())


def speaking(process: Process, talk: Conversation) -> Callable[[str], int]:
    """Take the conversation over; give `say(…)`."""
    database, person = process.store.engine, Person(TEACHER.id, TEACHER.role)
    hold = Hold(talk.id, person, handover.take_over(database, talk.id, person))
    return lambda text: handover.say(database, hold, text, on_said=process.notifier.notifications.put_said)


def taken_by(process: Process) -> float:
    return process.counted().get("taken", 0)


def test_news_of_a_closed_page_is_told_once_after_a_minute_without_a_word_of_the_case(
    process: Process, server: NotifierServer, later: Later
) -> None:
    ticket = process.answered(process.talk())
    later(MINUTE - timedelta(seconds=1))
    process.work()
    assert server.got == []
    later(timedelta(seconds=1))
    process.work(lambda: process.counted().get("taken") == 1)
    later(timedelta(hours=2))
    process.work()
    (told,) = server.got
    assert told == {
        "id": told["id"],
        "guardian": GUARDIAN,
        "city": "chongqing",
        "kind": "ticket_news",
        "number": ticket.number,
    }
    assert told["id"] not in (ticket.id, ticket.conversation_id)
    assert process.counted() == {"taken": 1}


def test_what_an_open_page_has_shown_is_not_told_and_what_came_after_it_closed_is(
    process: Process, server: NotifierServer, later: Later
) -> None:
    talk = process.talk()
    ticket = process.answered(talk)
    process.reading.note(talk.id, process.store.get(talk.id).last_seq)
    process.work(lambda: process.counted() == {"seen": 1})
    process.give(ticket, "reply", "还有一句。")
    process.announce()
    later(MINUTE)
    process.work(lambda: process.counted().get("taken") == 1)
    assert process.counted() == {"seen": 1, "taken": 1}
    assert outcomes(process.store.engine) == ["seen", "taken"]


def test_guests_and_what_concerns_the_desk_alone_or_the_parent_has_done_are_not_told(
    process: Process, later: Later
) -> None:
    process.answered(process.talk(guardian=None))
    talk = process.talk()
    ticket = process.ticket(talk)
    process.give(ticket, "note", "先问信息科")
    process.desk.hear_parent(ticket.id, "补充一句", Actor(f"parent:{talk.id}", "家长", "parent"))
    process.announce()
    later(MINUTE)
    process.work()
    assert outcomes(process.store.engine) == []


def test_a_person_who_speaks_while_the_page_is_closed_is_told_of_once_until_that_is_settled(
    process: Process, server: NotifierServer, later: Later
) -> None:
    talk = process.talk()
    ticket = process.ticket(talk)
    say = speaking(process, talk)
    say("您好")
    later(MINUTE - timedelta(seconds=1))
    say("在吗？")
    process.work()
    assert server.got == []
    later(timedelta(seconds=1))
    process.work(lambda: process.counted() == {"taken": 1})
    say("请补一张照片")
    later(MINUTE)
    process.work(lambda: process.counted() == {"taken": 2})
    assert [(one["kind"], one["number"]) for one in server.got] == [("ticket_news", ticket.number)] * 2
    assert len({one["id"] for one in server.got}) == 2


def test_what_a_person_says_is_not_told_to_who_reads_it_nor_without_a_ticket_nor_to_guests(
    process: Process, server: NotifierServer, later: Later
) -> None:
    guest, without, talk = process.talk(guardian=None), process.talk(), process.talk()
    process.ticket(guest)
    process.desk.create(Draft("k-2", PLACE, QUESTION, conversation_id=talk.id), TEACHER)
    for one in (guest, without, talk):
        say = speaking(process, one)
        say("您好")
    process.reading.note(talk.id, process.store.get(talk.id).last_seq)
    process.work(lambda: process.counted() == {"seen": 1})
    say("还在吗？")
    process.reading.note(talk.id, process.store.get(talk.id).last_seq)
    process.work(lambda: process.counted() == {"seen": 2})
    later(MINUTE)
    process.work()
    assert server.got == []


def test_words_that_came_after_a_page_had_read_the_others_are_not_taken_for_read(process: Process) -> None:
    talk = process.talk()
    process.ticket(talk)
    say = speaking(process, talk)
    say("您好")
    (read,) = process.notifier.notifications.waiting()
    say("还在吗？")
    assert not process.notifier.notifications.settle(read, Notified.SEEN)
    assert outcomes(process.store.engine) == [None]


@pytest.mark.parametrize("status", [301, 401, 404, 429, 500, 503])
def test_a_refusal_is_tried_again_with_the_same_id_after_growing_pauses_until_it_is_taken(
    process: Process, server: NotifierServer, later: Later, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    server.status = status
    process.answered(process.talk())
    later(MINUTE)
    for tries in (1, 2, 3):
        process.work(lambda tries=tries: process.counted() == {"failed": tries})  # type: ignore[misc]
        process.work()
        assert len(server.got) == tries
        later(pause_after(tries) - timedelta(seconds=1))
        process.work()
        assert len(server.got) == tries
        later(timedelta(seconds=1))
    server.status = 200
    process.work(lambda: process.counted().get("taken") == 1)
    later(timedelta(hours=2))
    process.work()
    assert len({one["id"] for one in server.got}) == 1
    assert process.counted() == {"failed": 3, "taken": 1}
    assert f"status {status}" in caplog.text
    assert GUARDIAN not in caplog.text


def test_a_notifier_that_is_down_or_hangs_is_told_once_it_is_up_again(
    process: Process, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "TIMEOUT", 0.3)
    later(timedelta(0))
    server = NotifierServer()
    with notifier_up(server):
        pass  # now it has a port, at which nobody listens
    here = Process(process.store, server.url)
    here.answered(here.talk())
    later(MINUTE)
    here.work(lambda: here.counted() == {"failed": 1})
    with notifier_up(server):
        server.answers.clear()
        later(MINUTE)
        here.work(lambda: here.counted() == {"failed": 2})
    server.taken.clear()
    with notifier_up(server):
        later(MINUTE)
        here.work(lambda: here.counted().get("taken") == 1)
    assert here.counted() == {"failed": 2, "taken": 1}
    assert len({one["id"] for one in server.got}) == 1
    assert server.faults == []


def test_who_opens_the_page_between_two_tries_is_not_told_any_more(
    process: Process, server: NotifierServer, later: Later
) -> None:
    server.status = 500
    talk = process.talk()
    process.answered(talk)
    later(MINUTE)
    process.work(lambda: process.counted() == {"failed": 1})
    process.reading.note(talk.id, process.store.get(talk.id).last_seq)
    server.status = 200
    later(timedelta(hours=1))
    process.work(lambda: process.counted() == {"failed": 1, "seen": 1})
    assert len(server.got) == 1


def test_after_a_day_it_is_given_up(process: Process, server: NotifierServer, later: Later) -> None:
    server.status = 503
    process.answered(process.talk())
    later(timedelta(hours=23, minutes=59))
    process.work(lambda: process.counted() == {"failed": 1})
    server.status = 200
    later(timedelta(minutes=2))
    process.work(lambda: process.counted() == {"failed": 1, "given_up": 1})
    assert outcomes(process.store.engine) == ["given_up"]
    assert server.taken == []


def test_two_processes_tell_forty_guardians_each_once(process: Process, server: NotifierServer, later: Later) -> None:
    other = Process(process.store, server.url)
    talks = [process.talk(f"cq-{number}") for number in range(40)]
    for talk in talks:
        process.answered(talk)
    other.reading.note(talks[0].id, process.store.get(talks[0].id).last_seq)
    run_together([other], lambda: other.counted() == {"seen": 1})
    later(MINUTE)
    run_together([process, other], lambda: taken_by(process) + taken_by(other) == 39)
    run_together([process, other])
    assert sorted(one["guardian"] for one in server.got) == sorted(f"cq-{number}" for number in range(1, 40))
    assert taken_by(process) + taken_by(other) == 39


def test_two_processes_that_announce_the_same_keep_it_once(process: Process) -> None:
    process.give(process.ticket(process.talk()), "reply", ANSWER)
    put = process.notifier.notifications.put
    outboxes = [Outbox(process.store.engine, put) for _ in range(2)]
    taken = [[step.id for step in outbox.take()] for outbox in outboxes]
    for outbox, ids in zip(outboxes, taken, strict=True):
        outbox.mark(ids, clock.now())
    assert outcomes(process.store.engine) == [None]


def test_what_was_taken_but_could_not_be_noted_comes_again_under_the_same_id(
    process: Process, server: NotifierServer, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [OperationalError("UPDATE", {}, Exception("the database is away"))]
    settle = Notifications.settle

    def faulty(self: Notifications, one: Notification, outcome: Notified) -> bool:
        if faults:
            raise faults.pop()
        return settle(self, one, outcome)

    monkeypatch.setattr(Notifications, "settle", faulty)
    process.answered(process.talk())
    later(MINUTE)
    process.work(lambda: len(server.taken) == 1 and not faults)
    later(pause_after(1))
    process.work(lambda: process.counted() == {"taken": 1})
    assert len(server.got) == 2
    assert server.got[0] == server.got[1]


def test_a_database_that_takes_no_writes_costs_a_round_not_the_processor(
    process: Process, server: NotifierServer, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        process.answered(process.talk(f"cq-{number}"))
    begin_try, rounds = Notifications.begin_try, []

    def full(self: Notifications, one: Notification, now: datetime) -> bool:
        raise OperationalError("UPDATE", {}, Exception("database or disk is full"))

    monkeypatch.setattr(Notifications, "begin_try", full)
    waiting = process.notifier.notifications.waiting
    monkeypatch.setattr(process.notifier.notifications, "waiting", lambda: rounds.append(1) or waiting())
    later(MINUTE)
    process.work()
    assert 1 <= len(rounds) <= 25  # a pause after each
    assert server.got == []
    monkeypatch.setattr(Notifications, "begin_try", begin_try)
    process.work(lambda: taken_by(process) == 20)


def test_pauses_grow_to_a_quarter_of_an_hour() -> None:
    assert [pause_after(tries).total_seconds() for tries in (1, 2, 3, 4, 5, 6, 7, 100)] == [
        *(30, 60, 120, 240, 480),
        *(900, 900, 900),
    ]


def test_pages_that_read_longest_ago_are_forgotten() -> None:
    reading = Reading(most=2)
    for conversation in ("a", "b", "a", "c"):
        reading.note(conversation, 3)
    assert [reading.has_read(one, 3) for one in "abc"] == [True, False, True]
    reading.note("a", 1)
    assert reading.has_read("a", 3)
    assert not reading.has_read("a", 4)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"HELPDESK_NOTIFIER_URL": "http://127.0.0.1/x"}, "HELPDESK_NOTIFIER_KEY"),
        ({"HELPDESK_NOTIFIER_KEY": KEY}, "HELPDESK_NOTIFIER_URL"),
        ({"HELPDESK_NOTIFIER_URL": "nowhere", "HELPDESK_NOTIFIER_KEY": KEY}, "HELPDESK_NOTIFIER_URL"),
        ({"HELPDESK_NOTIFIER_AFTER_SECONDS": "0"}, "HELPDESK_NOTIFIER_AFTER_SECONDS"),
    ],
)
def test_half_a_setting_or_a_wrong_one_stops_the_start_with_its_name(
    values: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=named) as caught:
        read_settings(tmp_path / "none.env")
    assert KEY not in str(caught.value)


def test_a_key_that_is_too_short_stops_the_start_with_its_name(process: Process) -> None:
    values: dict[str, Any] = {"notifier_url": "http://127.0.0.1/x", "notifier_key": SecretStr("short")}
    with pytest.raises(SettingsError, match="HELPDESK_NOTIFIER_KEY"):
        Notifier(Settings(_env_file=None, **values), process.store, Reading(), Metrics())
