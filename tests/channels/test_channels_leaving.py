"""Who leaves a conversation does not keep it: the bot has it again, and the ticket has what was missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from desk_made import Talk, made_desk

from bot.actions.desk import Desk
from bot.actions.ticket_cards import parent_of
from bot.actions.words import Words
from channels.tickets.leaving import hand_back_left
from conversations import handover
from conversations.handover import Hold, Person
from core import clock
from core.errors import StaleFenceError
from core.scope import Scope
from escalation.desk import Draft
from escalation.listing import Reach
from escalation.rules import Act, Actor, Command, Place, Ticket

TEACHER = Actor("school-1", "王老师", "school")
PLACE = Place("chongqing", "渝北区", "某小学")
AFTER, SOON = timedelta(minutes=10), timedelta(seconds=20)
BACK = Words().say("back_from_person")
Later = Callable[[timedelta], None]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("leaving")
    with made_desk(folder) as made:
        yield made


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Give `later(…)`: from now on the clock stands still, so much later than it did."""
    now = [clock.now()]

    def stand(by: timedelta) -> None:
        now[0] += by
        monkeypatch.setattr(clock, "now", lambda: now[0])

    stand(timedelta(0))
    return stand


@pytest.fixture
def talk(desk: Desk, later: Later) -> Talk:
    return Talk(desk, Scope("chongqing"))


def a_ticket(talk: Talk, key: str = "k-1") -> Ticket:
    draft = Draft(key, PLACE, "照片传不上去", conversation_id=talk.id)
    return talk.desk.tickets.create(draft, parent_of(talk.desk, talk.id))[0]


def give(talk: Talk, ticket: Ticket, act: Act, text: str = "") -> None:
    version = talk.desk.tickets.find(ticket.id, Reach()).version
    talk.desk.tickets.act(ticket.id, Command(act, version, text=text), TEACHER, Reach())


def taken(talk: Talk) -> Hold:
    person = Person(TEACHER.id, TEACHER.role)
    return Hold(talk.id, person, handover.take_over(talk.desk.store.engine, talk.id, person))


def look(talk: Talk, hold: Hold) -> None:
    """Ask for what was said, as the owner's page does."""
    handover.check_owner(talk.desk.store.engine, hold)


def owner(talk: Talk) -> str:
    return talk.desk.store.get(talk.id).owner


def round_of(desk: Desk) -> None:
    asyncio.run(hand_back_left(desk, AFTER))


def parents_words(talk: Talk, ticket: Ticket) -> list[str]:
    return [one.text for one in talk.desk.tickets.read(ticket.id, Reach()).messages if one.kind == "parent"]


def test_conversation_whose_person_left_is_the_bots_again_and_the_ticket_has_what_they_missed(
    talk: Talk, later: Later
) -> None:
    ticket = a_ticket(talk)
    give(talk, ticket, "claim")
    hold = taken(talk)
    later(SOON)
    talk.say("在吗")
    later(SOON)
    look(talk, hold)
    later(SOON)
    talk.say("还是不行")
    talk.say("明天就截止了")
    later(AFTER - SOON - timedelta(seconds=1))
    round_of(talk.desk)
    assert owner(talk) == "person"
    later(timedelta(seconds=1))
    round_of(talk.desk)
    assert owner(talk) == "bot"
    assert parents_words(talk, ticket) == ["还是不行\n明天就截止了"]
    back, card = talk.said()
    assert back["text"] == BACK
    assert (card["ticket"]["id"], card["ticket"]["happened"]) == (ticket.id, "add")
    round_of(talk.desk)
    assert len(talk.said()) == 2
    with pytest.raises(StaleFenceError):
        look(talk, hold)


def test_words_that_came_after_the_ticket_was_settled_open_it_again(talk: Talk, later: Later) -> None:
    ticket = a_ticket(talk)
    give(talk, ticket, "claim")
    taken(talk)
    give(talk, ticket, "resolve", "已经办好")
    later(SOON)
    talk.say("还是不行，明天就截止了")
    later(AFTER)
    round_of(talk.desk)
    assert talk.desk.tickets.find(ticket.id, Reach()).state == "assigned"
    assert talk.said()[-1]["ticket"]["happened"] == "reopen"


def test_who_is_there_keeps_the_conversation_by_reading_or_speaking(talk: Talk, later: Later) -> None:
    a_ticket(talk)
    hold = taken(talk)
    for number in range(6):
        later(AFTER - timedelta(seconds=1))
        if number % 2:
            look(talk, hold)
        else:
            handover.say(talk.desk.store.engine, hold, "请稍等")
        round_of(talk.desk)
    assert owner(talk) == "person"


def test_without_missed_words_or_without_a_ticket_only_the_bot_comes_back(talk: Talk, later: Later) -> None:
    ticket = a_ticket(talk)
    hold = taken(talk)
    talk.say("在吗")
    later(SOON)
    look(talk, hold)
    guest = Talk(talk.desk, Scope("chongqing"))
    taken(guest)
    later(SOON)
    guest.say("在吗")
    later(AFTER)
    round_of(talk.desk)
    assert [one["text"] for one in talk.said()] == [BACK]
    assert [one["text"] for one in guest.said()] == [BACK]
    assert parents_words(talk, ticket) == []


def test_who_comes_back_in_that_moment_keeps_it(talk: Talk, later: Later) -> None:
    hold = taken(talk)
    later(AFTER)
    look(talk, hold)
    with pytest.raises(StaleFenceError):
        handover.hand_back(talk.desk.store.engine, hold, BACK, clock.now() - AFTER)
    assert owner(talk) == "person"
