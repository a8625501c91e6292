"""News of applications on SQL: kept until told, told once, whatever races or ends in between; on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, delete, text

from conversations.news import AnnouncedChange, NewsStore
from conversations.reply import Reply, TextMessage
from conversations.storage import ConversationStore, Identity
from conversations.tables import AnnouncementRow, CaseWaitRow, ChangeRow, NonceRow
from core.outcomes import Outcome
from core.scope import Scope

NOW = datetime(2026, 4, 20, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def change(number: int, **changes: Any) -> AnnouncedChange:
    given = {"guardian": "g-1", "city": "qingdao", "application_id": "A-1", "state": "初审", "at": NOW}
    return AnnouncedChange(id=number, **{**given, **changes})


@pytest.fixture
def news(engine: Engine) -> NewsStore:
    """Give the store without what other tests left on the server."""
    with engine.begin() as connection:
        for rows in (ChangeRow, CaseWaitRow, AnnouncementRow, NonceRow):
            connection.execute(delete(rows))
    return NewsStore(engine)


@pytest.fixture
def store(engine: Engine) -> ConversationStore:
    return ConversationStore(engine)


def signed_in(store: ConversationStore, guardian: str, city: str = "qingdao") -> str:
    identity = Identity(guardian, city, str(uuid4()), datetime.now(UTC) + timedelta(minutes=10))
    return store.create(Scope(), [], identity)[0].id


def test_a_change_is_kept_once_and_until_told(news: NewsStore) -> None:
    assert news.last_change() is None
    assert news.receive(change(7), NOW)
    assert not news.receive(change(7, state="审核通过"), NOW)
    assert news.untold() == [change(7)]
    assert news.last_change() == 7
    news.close([7], NOW)
    assert news.untold() == []


def test_changes_come_oldest_first(news: NewsStore) -> None:
    for number in (3, 1, 2):
        news.receive(change(number), NOW)
    assert [one.id for one in news.untold()] == [1, 2, 3]


def test_told_changes_are_forgotten_after_a_day_but_for_the_last_number(news: NewsStore, engine: Engine) -> None:
    for number in (1, 2):
        news.receive(change(number), NOW)
    news.close([1, 2], NOW)
    news.receive(change(3), NOW + 2 * DAY)
    news.close([], NOW + 2 * DAY)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM case_changes ORDER BY id")).scalars().all() == [3]
    assert news.last_change() == 3


def test_a_nonce_is_accepted_once(news: NewsStore) -> None:
    assert news.use_nonce("abc", NOW, timedelta(minutes=10))
    assert not news.use_nonce("abc", NOW + timedelta(minutes=9), timedelta(minutes=10))
    assert news.use_nonce("abc", NOW + timedelta(minutes=21), timedelta(minutes=10))


def test_only_the_guardians_own_conversations_in_that_city_that_were_used_lately(
    news: NewsStore, store: ConversationStore
) -> None:
    guardian = str(uuid4())
    mine = {signed_in(store, guardian), signed_in(store, guardian)}
    signed_in(store, "g-2")
    signed_in(store, guardian, city="chongqing")
    store.create(Scope(), [])
    now = datetime.now(UTC)
    assert set(news.conversations_of(guardian, "qingdao", now - DAY)) == mine
    assert news.conversations_of(guardian, "qingdao", now + timedelta(minutes=1)) == []


def test_an_announcement_is_said_once_for_each_key(news: NewsStore, store: ConversationStore) -> None:
    conversation = signed_in(store, "g-1")
    hello = [TextMessage(text="有变化"), TextMessage(text="请看")]
    assert news.announce(conversation, "change:1", hello, NOW)
    assert not news.announce(conversation, "change:1", hello, NOW)
    assert news.announce(conversation, "change:2", hello, NOW)
    said = store.said_after(conversation, 0)
    assert [one.seq for one in said] == [1, 2, 3, 4]
    assert {(one.author, one.turn) for one in said} == {("bot", 0)}


def test_of_many_who_announce_at_once_one_is_heard(news: NewsStore, store: ConversationStore) -> None:
    conversation = signed_in(store, "g-1")
    with ThreadPoolExecutor(8) as pool:
        told = list(
            pool.map(lambda _: news.announce(conversation, "change:1", [TextMessage(text="x")], NOW), range(16))
        )
    assert told.count(True) == 1
    assert [one.seq for one in store.said_after(conversation, 0)] == [1]


def test_news_in_the_middle_of_a_turn_leaves_no_gap_and_no_double(news: NewsStore, store: ConversationStore) -> None:
    conversation = signed_in(store, "g-1")
    turn, state = store.begin_turn(conversation, "问")
    assert news.announce(conversation, "change:1", [TextMessage(text="有变化")], NOW)
    reply = Reply(outcome=Outcome.GREETED, messages=[TextMessage(text="好")])
    store.leave_reply(turn, reply, scope=state.scope, memory=state.memory)
    said = store.said_after(conversation, 0)
    assert [(one.seq, one.turn) for one in said] == [(1, 1), (2, 0), (3, 1)]
    finished = store.finished(turn.id)
    assert finished is not None
    assert finished.messages == [{"type": "text", "text": "好"}]


def test_where_a_person_handles_the_conversation_nothing_is_said(
    news: NewsStore, store: ConversationStore, engine: Engine
) -> None:
    conversation = signed_in(store, "g-1")
    with engine.begin() as connection:
        connection.execute(text("UPDATE conversations SET owner = 'person' WHERE id = :id"), {"id": conversation})
    assert not news.announce(conversation, "change:1", [TextMessage(text="x")], NOW)
    assert store.said_after(conversation, 0) == []
    with engine.begin() as connection:
        connection.execute(text("UPDATE conversations SET owner = 'bot' WHERE id = :id"), {"id": conversation})
    assert news.announce(conversation, "change:1", [TextMessage(text="x")], NOW)


def test_a_conversation_waits_once_and_until_it_is_told(news: NewsStore, store: ConversationStore) -> None:
    first, second = (signed_in(store, "g-1") for _ in range(2))
    news.wait_for_backend(first, NOW)
    news.wait_for_backend(second, NOW + timedelta(seconds=1))
    news.wait_for_backend(first, NOW + timedelta(seconds=2))
    assert [one for one, _ in news.waiting()] == [second, first]
    news.stop_waiting(second)
    assert [one for one, _ in news.waiting()] == [first]


def test_a_sign_in_ends_and_is_renewed(engine: Engine) -> None:
    short = ConversationStore(engine, timedelta(seconds=0))
    conversation = signed_in(short, "g-1")
    assert short.get(conversation).guardian is None
    lasting = ConversationStore(engine)
    lasting.sign_in(conversation, "g-1", "qingdao", str(uuid4()), datetime.now(UTC) + timedelta(minutes=10))
    assert lasting.get(conversation).guardian == "g-1"
