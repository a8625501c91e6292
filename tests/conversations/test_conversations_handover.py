"""One owner at a time: takeover, a person's words and the hand-back by a fence, whatever races; on both databases."""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from conversations import handover
from conversations.handover import Hold, Person
from conversations.news import KeptNews, NewsStore
from conversations.reply import Choice, Memory, Message, Option, OptionsMessage, Pending, Reply, TextMessage, TicketForm
from conversations.storage import Conversation, ConversationStore, FinishedTurn, Identity, Turn, open_engine
from conversations.tables import HandoverRow, KeptNewsRow, OfferedRow, TurnRow
from core import clock
from core.errors import BusyError, ConflictError, NotFoundError, StaleFenceError
from core.outcomes import Outcome
from core.scope import Scope

log = logging.getLogger(__name__)
ANNA, BEN = Person("staff-anna", "agent"), Person("staff-ben", "school")
BACK = "助手回来了"


def opened(store: ConversationStore) -> Conversation:
    return store.create(Scope("chongqing", "渝北区"), [TextMessage(text="您好")])[0]


def answer(store: ConversationStore, turn: Turn, *messages: Message) -> FinishedTurn | None:
    reply = Reply(outcome=Outcome.GREETED, messages=list(messages or [TextMessage(text="答")]), confidence=0.9)
    return store.leave_reply(turn, reply, scope=Scope("qingdao"), memory=Memory(last_question="问"))


def taken(store: ConversationStore, conversation: Conversation, person: Person = ANNA) -> Hold:
    fence = handover.take_over(store.engine, conversation.id, person, None)
    return Hold(conversation.id, person, fence)


def said(store: ConversationStore, conversation: Conversation) -> list[tuple[str, str]]:
    """Return who said what; numbers without gaps."""
    everything = store.said_after(conversation.id, 0)
    assert [one.seq for one in everything] == list(range(1, len(everything) + 1))
    return [(one.author, one.message.text) for one in everything if isinstance(one.message, TextMessage)]


class TestTakeover:
    def test_person_owns_the_conversation_and_the_fence_grows(self, store: ConversationStore) -> None:
        conversation = opened(store)
        assert taken(store, conversation).fence == 1
        after = store.get(conversation.id)
        assert (after.owner, after.owner_role, after.fence, after.last_seq) == ("person", "agent", 1, 1)
        now = handover.ownership(store.engine, conversation.id)
        assert (now.owner, now.fence, now.role, now.scope) == ("person", 1, "agent", Scope("chongqing", "渝北区"))
        assert now.since is not None
        assert clock.now() - now.since < timedelta(minutes=1)

    def test_another_person_does_not_take_over_unseen(self, store: ConversationStore) -> None:
        conversation = opened(store)
        taken(store, conversation)
        with pytest.raises(StaleFenceError) as refused:
            handover.take_over(store.engine, conversation.id, BEN)
        assert refused.value.details["fence"] == 1
        assert (refused.value.details["owner"], refused.value.details["role"]) == ("person", "agent")
        assert "anna" not in str(refused.value.details)

    def test_another_person_takes_over_by_the_fence_that_they_have_seen(self, store: ConversationStore) -> None:
        conversation = opened(store)
        first = taken(store, conversation)
        assert handover.take_over(store.engine, conversation.id, BEN, first.fence) == 2
        with pytest.raises(StaleFenceError):
            handover.say(store.engine, first, "还在吗")
        with pytest.raises(StaleFenceError):
            handover.hand_back(store.engine, first, BACK)
        assert store.get(conversation.id).owner_role == "school"

    @pytest.mark.parametrize("from_fence", [0, 2, 2**31 - 1])
    def test_takeover_by_a_fence_that_is_not_the_present_one_is_refused(
        self, store: ConversationStore, from_fence: int
    ) -> None:
        conversation = opened(store)
        taken(store, conversation)
        with pytest.raises(StaleFenceError):
            handover.take_over(store.engine, conversation.id, BEN, from_fence)
        assert store.get(conversation.id).fence == 1

    @pytest.mark.parametrize("unknown", ["", "no such id", "x" * 200, "\x00", "1947f702-c75d-41f1-8cbe-7fa71f04ef06"])
    def test_unknown_conversation_is_not_found(self, store: ConversationStore, unknown: str) -> None:
        hold = Hold(unknown, ANNA, 1)
        calls: list[Callable[[], Any]] = [
            lambda: handover.ownership(store.engine, unknown),
            lambda: handover.take_over(store.engine, unknown, ANNA),
            lambda: handover.say(store.engine, hold, "您好", "key"),
            lambda: handover.check_owner(store.engine, hold),
            lambda: handover.hand_back(store.engine, hold, BACK),
        ]
        for call in calls:
            with pytest.raises(NotFoundError, match="没有这个会话"):
                call()

    def test_each_change_of_owner_is_on_record(self, store: ConversationStore, engine: Engine) -> None:
        conversation = opened(store)
        first = taken(store, conversation)
        handover.say(store.engine, first, "您好")
        second = Hold(conversation.id, BEN, handover.take_over(store.engine, conversation.id, BEN, first.fence))
        handover.hand_back(store.engine, second, BACK)
        changes = handover.owner_changes(engine, conversation.id)
        assert [(c.fence, c.owner, c.role, c.seq) for c in changes] == [
            (1, "person", "agent", 1),
            (2, "person", "school", 2),
            (3, "bot", "school", 2),
        ]
        assert handover.owner_changes(engine, conversation.id, after_fence=1) == changes[1:]
        assert handover.owner_changes(engine, conversation.id, from_seq=2) == changes[1:]
        with engine.connect() as connection:
            rows = connection.execute(select(HandoverRow.staff).where(HandoverRow.conversation_id == conversation.id))
            assert rows.scalars().all() == [ANNA.id, BEN.id, BEN.id]


class TestTheBotIsSilent:
    def test_reply_that_comes_after_a_takeover_is_dropped(self, store: ConversationStore, engine: Engine) -> None:
        conversation = opened(store)
        turn, _ = store.begin_turn(conversation.id, "问")
        taken(store, conversation)
        option = Option(label="选", choice=Choice(do="solved"))
        late = answer(store, turn, OptionsMessage(text="哪个", purpose="which", options=[option]))
        assert late is not None
        assert (late.outcome, late.messages, late.last_seq) == (Outcome.HANDED_OVER, [], 2)
        assert late == store.finished(turn.id)
        assert said(store, conversation) == [("bot", "您好"), ("parent", "问")]
        after = store.get(conversation.id)
        assert (after.scope.city, after.memory.last_question) == ("chongqing", None)
        with engine.connect() as connection:
            offered = select(OfferedRow.payload).where(OfferedRow.conversation_id == conversation.id)
            assert connection.execute(offered).all() == []
            row = connection.execute(select(TurnRow).where(TurnRow.id == turn.id)).one()
        assert (row.outcome, row.fence) == ("handed_over", 0)
        assert row.finished_at is not None

    def test_reply_that_comes_after_the_hand_back_is_dropped_too(self, store: ConversationStore) -> None:
        conversation = opened(store)
        turn, _ = store.begin_turn(conversation.id, "问")
        handover.hand_back(store.engine, taken(store, conversation), BACK)
        late = answer(store, turn)
        assert late is not None
        assert late.outcome is Outcome.HANDED_OVER
        assert said(store, conversation)[-1] == ("bot", BACK)

    def test_process_that_did_not_open_the_turn_knows_its_fence(self, store: ConversationStore) -> None:
        conversation = opened(store)
        turn, _ = store.begin_turn(conversation.id, "问")
        taken(store, conversation)
        elsewhere, _ = store.turn(turn.id)
        late = answer(store, elsewhere)
        assert late is not None
        assert late.outcome is Outcome.HANDED_OVER

    def test_parents_next_words_wait_for_no_dropped_reply_and_its_end_opens_no_door(
        self, store: ConversationStore
    ) -> None:
        conversation = opened(store)
        late, _ = store.begin_turn(conversation.id, "一")
        taken(store, conversation)
        store.begin_turn(conversation.id, "二")
        assert answer(store, late)
        with pytest.raises(BusyError):
            store.begin_turn(conversation.id, "三")

    def test_turn_of_a_human_stretch_keeps_its_outcome_when_the_owner_changes(self, store: ConversationStore) -> None:
        conversation = opened(store)
        hold = taken(store, conversation)
        turn, seen = store.begin_turn(conversation.id, "问")
        assert (seen.owner, turn.fence) == ("person", 1)
        handover.hand_back(store.engine, hold, BACK)
        reply = Reply(outcome=Outcome.PERSON_OWNS, messages=[])
        ended = store.leave_reply(turn, reply, scope=seen.scope, memory=seen.memory)
        assert ended is not None
        assert (ended.outcome, ended.messages) == (Outcome.PERSON_OWNS, [])

    def test_reply_under_the_same_fence_is_said(self, store: ConversationStore) -> None:
        conversation = opened(store)
        handover.hand_back(store.engine, taken(store, conversation), BACK)
        turn, _ = store.begin_turn(conversation.id, "问")
        done = answer(store, turn)
        assert done is not None
        assert done.outcome is Outcome.GREETED
        assert said(store, conversation)[-1] == ("bot", "答")


class TestStaffMessages:
    def test_words_of_a_person_stand_in_order(self, store: ConversationStore) -> None:
        conversation = opened(store)
        hold = taken(store, conversation)
        assert handover.say(store.engine, hold, "您好，我是工作人员") == 2
        store.begin_turn(conversation.id, "问")
        assert handover.say(store.engine, hold, "请稍等") == 4
        assert [author for author, _ in said(store, conversation)] == ["bot", "person", "parent", "person"]

    def test_same_key_says_it_once_even_after_the_hand_back(self, store: ConversationStore) -> None:
        conversation = opened(store)
        hold = taken(store, conversation)
        first = handover.say(store.engine, hold, "您好", "k-1")
        assert handover.say(store.engine, hold, "您好", "k-1") == first
        assert handover.say(store.engine, hold, "您好", "k-2") == first + 1
        handover.hand_back(store.engine, hold, BACK)
        assert handover.say(store.engine, hold, "您好", "k-1") == first
        with pytest.raises(StaleFenceError):
            handover.say(store.engine, hold, "您好", "k-3")
        assert said(store, conversation).count(("person", "您好")) == 2

    def test_key_with_other_words_is_refused(self, store: ConversationStore) -> None:
        conversation = opened(store)
        hold = taken(store, conversation)
        handover.say(store.engine, hold, "您好", "k-1")
        with pytest.raises(ConflictError, match="另一条消息"):
            handover.say(store.engine, hold, "再见", "k-1")

    def test_same_call_many_times_at_once_is_said_once(self, store: ConversationStore) -> None:
        conversation = opened(store)
        hold = taken(store, conversation)
        with ThreadPoolExecutor(8) as pool:
            numbers = set(pool.map(lambda _: handover.say(store.engine, hold, "您好", "k-1"), range(16)))
        assert numbers == {2}
        assert said(store, conversation).count(("person", "您好")) == 1

    def test_another_persons_fence_is_of_no_use(self, store: ConversationStore) -> None:
        conversation = opened(store)
        stolen = Hold(conversation.id, BEN, taken(store, conversation).fence)
        for call in (
            lambda: handover.say(store.engine, stolen, "您好"),
            lambda: handover.hand_back(store.engine, stolen, BACK),
            lambda: handover.check_owner(store.engine, stolen),
        ):
            with pytest.raises(StaleFenceError):
                call()

    def test_persons_own_older_window_is_refused(self, store: ConversationStore) -> None:
        conversation = opened(store)
        older = taken(store, conversation)
        newer = Hold(conversation.id, ANNA, handover.take_over(store.engine, conversation.id, ANNA, older.fence))
        for call in (
            lambda: handover.say(store.engine, older, "您好"),
            lambda: handover.hand_back(store.engine, older, BACK),
            lambda: handover.check_owner(store.engine, older),
        ):
            with pytest.raises(StaleFenceError):
                call()
        assert handover.say(store.engine, newer, "您好") == 2

    def test_nobody_speaks_by_a_fence_while_the_bot_owns(self, store: ConversationStore) -> None:
        conversation = opened(store)
        with pytest.raises(StaleFenceError):
            handover.say(store.engine, Hold(conversation.id, ANNA, 0), "您好")


class TestHandback:
    def test_bot_says_that_it_is_back_once(self, store: ConversationStore) -> None:
        conversation = opened(store)
        hold = taken(store, conversation)
        assert handover.hand_back(store.engine, hold, BACK) == 2
        with pytest.raises(StaleFenceError) as refused:
            handover.hand_back(store.engine, hold, BACK)
        assert refused.value.details == {"fence": 2, "owner": "bot", "role": None, "since": None}
        assert said(store, conversation) == [("bot", "您好"), ("bot", BACK)]
        assert store.get(conversation.id).owner == "bot"

    def test_what_the_bot_had_asked_is_forgotten_but_not_what_it_knows_of_the_family(
        self, store: ConversationStore
    ) -> None:
        conversation = opened(store)
        turn, seen = store.begin_turn(conversation.id, "问")
        form = TicketForm(key="k-1", to_ask=["school"], city="chongqing", question="照片传不上去")
        known = Memory(city_is_fixed=True, child=2, form=form)
        pending = Pending(ask="which", entry_ids=["cq-10"])
        asked = known.model_copy(update={"pending": pending, "last_question": "问"})
        reply = Reply(outcome=Outcome.ASKED_WHICH, messages=[])
        store.leave_reply(turn, reply, scope=seen.scope, memory=asked)
        handover.hand_back(store.engine, taken(store, conversation), BACK)
        assert store.get(conversation.id).memory == known


class TestRaces:
    def test_of_two_who_take_over_at_once_one_owns(self, store: ConversationStore) -> None:
        for _ in range(10):
            conversation = opened(store)

            def take(person: Person, conversation: Conversation = conversation) -> int | None:
                try:
                    return handover.take_over(store.engine, conversation.id, person)
                except StaleFenceError:
                    return None

            with ThreadPoolExecutor(4) as pool:
                won = list(pool.map(take, (ANNA, BEN, ANNA, BEN)))
            assert sorted(won, key=str) == [1, None, None, None]

    def test_random_interleavings_on_one_database(self, store: ConversationStore) -> None:
        seed = random.randrange(2**32)
        log.warning("seed %s", seed)
        conversations = [opened(store) for _ in range(12)]
        with ThreadPoolExecutor(8) as pool:
            jobs = [
                pool.submit(act, store, conversation, f"{name}{n}", random.Random(f"{seed}-{n}-{name}"))
                for n, conversation in enumerate(conversations)
                for name in ("parent", "anna", "ben")
            ]
            fences = [fence for job in jobs for fence in job.result()]
        for conversation in conversations:
            mine = sorted(fence for one, fence in fences if one == conversation.id)
            assert mine == list(range(1, store.get(conversation.id).fence + 1))
            check_silence(store, conversation)


def act(
    store: ConversationStore, conversation: Conversation, name: str, chance: random.Random
) -> list[tuple[str, int]]:
    """Do as a parent with the bot, or as a person, does; return the fences that were got."""
    if name.startswith("parent"):
        for n in range(8):
            turn = _turn(store, conversation.id, f"{name} {n}")
            _wait(chance)
            if turn[1].owner == "bot":
                answer(store, turn[0])
            else:
                store.leave_reply(
                    turn[0], Reply(outcome=Outcome.PERSON_OWNS, messages=[]), scope=Scope(), memory=Memory()
                )
        return []
    got = []
    for n in range(4):
        _wait(chance)
        try:
            now = handover.ownership(store.engine, conversation.id).fence if chance.random() < 0.3 else None
            person = Person(name, "agent")
            hold = Hold(conversation.id, person, handover.take_over(store.engine, conversation.id, person, now))
            got.append((conversation.id, hold.fence))
            handover.say(store.engine, hold, f"{name} {n}", chance.choice((None, str(n))))
            _wait(chance)
            got.append((conversation.id, handover.hand_back(store.engine, hold, BACK)))
        except StaleFenceError:
            continue
    return got


def _turn(store: ConversationStore, conversation_id: str, words: str) -> tuple[Turn, Conversation]:
    for _ in range(2000):
        try:
            return store.begin_turn(conversation_id, words)
        except BusyError:
            _wait(random.Random(0))
    raise AssertionError("the conversation was never free")


def _wait(chance: random.Random) -> None:
    time.sleep(chance.random() * 0.01)


def check_silence(store: ConversationStore, conversation: Conversation) -> None:
    """Check that from a takeover to the hand-back only people spoke, and that nothing is lost or doubled."""
    everything = store.said_after(conversation.id, 0)
    assert [one.seq for one in everything] == list(range(1, len(everything) + 1))
    changes = handover.owner_changes(store.engine, conversation.id)
    for one in everything:
        before = [change for change in changes if change.seq < one.seq]
        owner = before[-1].owner if before else "bot"
        assert one.author in ("parent", owner), (one, changes)
    parents = [one.message for one in everything if one.author == "parent"]
    assert len({str(message) for message in parents}) == len(parents) == 8


class TestKeptNews:
    @pytest.fixture
    def news(self, engine: Engine) -> NewsStore:
        with engine.begin() as connection:
            connection.execute(KeptNewsRow.__table__.delete())  # type: ignore[attr-defined]
        return NewsStore(engine)

    @staticmethod
    def signed_in(store: ConversationStore) -> Conversation:
        who = Identity("cq-liu", "chongqing", uuid.uuid4().hex, clock.now() + timedelta(minutes=10))
        return store.create(Scope(), [], who)[0]

    def test_news_is_not_said_while_a_person_owns_and_is_told_once_it_is_handed_back(
        self, store: ConversationStore, news: NewsStore
    ) -> None:
        conversation = self.signed_in(store)
        hold = taken(store, conversation)
        assert news.announce(conversation.id, "change:1", [TextMessage(text="有变化")], clock.now()) is None
        one = KeptNews(conversation.id, "A-1", "change:1")
        news.keep(one, clock.now())
        assert news.kept() == []
        handover.hand_back(store.engine, hold, BACK)
        assert news.kept() == [one]
        assert news.announce(conversation.id, "change:1", [TextMessage(text="有变化")], clock.now()) is True
        news.drop_kept(one)
        assert news.kept() == []
        assert said(store, conversation) == [("bot", BACK), ("bot", "有变化")]

    def test_newer_news_of_an_application_takes_the_place_of_older_and_others_stay(
        self, store: ConversationStore, news: NewsStore
    ) -> None:
        conversation = self.signed_in(store)
        for number, application in enumerate(("A-1", "A-2", None, "A-1")):
            news.keep(KeptNews(conversation.id, application, f"change:{number}"), clock.now())
        assert {(one.application_id, one.key) for one in news.kept()} == {
            ("A-1", "change:3"),
            ("A-2", "change:1"),
            (None, "change:2"),
        }

    def test_telling_older_news_does_not_forget_newer(self, store: ConversationStore, news: NewsStore) -> None:
        conversation = self.signed_in(store)
        older, newer = (KeptNews(conversation.id, "A-1", f"change:{n}") for n in (1, 2))
        news.keep(older, clock.now())
        news.keep(newer, clock.now())
        news.drop_kept(older)
        assert news.kept() == [newer]

    def test_who_is_signed_out_is_not_told(self, engine: Engine, news: NewsStore) -> None:
        short = ConversationStore(engine, timedelta(0))
        conversation = self.signed_in(short)
        news.keep(KeptNews(conversation.id, "A-1", "change:1"), clock.now())
        assert news.kept() == []


def test_owner_and_kept_words_outlast_a_restart(store: ConversationStore, database_url: str) -> None:
    conversation = opened(store)
    hold = taken(store, conversation)
    handover.say(store.engine, hold, "您好", "k-1")
    store.engine.dispose()
    again = ConversationStore(open_engine(database_url))
    assert again.get(conversation.id).owner == "person"
    assert handover.say(again.engine, hold, "您好", "k-1") == 2
    assert handover.hand_back(again.engine, hold, BACK) == 2
    assert said(again, conversation) == [("bot", "您好"), ("person", "您好"), ("bot", BACK)]
    again.engine.dispose()
