"""What the store of conversations must do, on SQLite and on PostgreSQL."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import NoResultFound

from conversations.reply import Choice, Intent, Memory, Message, Option, OptionsMessage, Pending, Reply, TextMessage
from conversations.storage import Conversation, ConversationStore, Identity, Turn, open_engine
from conversations.tables import Base, ConversationRow, FeedbackRow, TurnRow
from core import clock
from core.errors import (
    BusyError,
    ConflictError,
    NotAuthenticatedError,
    TokenRefusal,
    TokenRejectedError,
    UnknownOptionError,
)
from core.outcomes import Outcome
from core.scope import Scope

WELCOME: list[Message] = [TextMessage(text="您好")]
LATER = clock.now() + timedelta(minutes=10)


def opened(store: ConversationStore, scope: Scope | None = None) -> Conversation:
    return store.create(scope or Scope(), WELCOME)[0]


def which_city() -> OptionsMessage:
    option = Option(label="重庆", city="chongqing", choice=Choice(do="city", city="chongqing"))
    return OptionsMessage(text="请问在哪个城市?", purpose="city", options=[option])


def answer(store: ConversationStore, turn: Turn, *messages: Message, outcome: Outcome = Outcome.GREETED) -> bool:
    reply = Reply(outcome=outcome, messages=list(messages or [TextMessage(text="答")]), confidence=0.9)
    left = store.leave_reply(turn, reply, scope=Scope("qingdao", "市北区"), memory=Memory(last_question="问"))
    return left is not None


def offered(store: ConversationStore, conversation: Conversation) -> str:
    """Let the bot offer an option; return its payload."""
    turn, _ = store.begin_turn(conversation.id, "你好")
    answer(store, turn, which_city())
    message = store.said_after(conversation.id, 0)[-1].message
    assert isinstance(message, OptionsMessage)
    return message.options[0].payload


def rows_of(engine: Engine) -> dict[str, int]:
    """Return how many rows each table has."""
    with engine.connect() as connection:
        tables = Base.metadata.sorted_tables
        return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


class TestOpening:
    def test_conversation_begins_with_the_bots_words(self, store: ConversationStore) -> None:
        conversation, secret = store.create(Scope("chongqing", "渝北区", "幼升小"), WELCOME)
        assert store.get(conversation.id) == conversation
        assert conversation.scope == Scope("chongqing", "渝北区", "幼升小")
        assert (conversation.owner, conversation.guardian, conversation.last_seq) == ("bot", None, 1)
        assert conversation.memory.city_is_fixed
        said = store.said_after(conversation.id, 0)
        assert [(s.seq, s.turn, s.author, s.message) for s in said] == [(1, 0, "bot", WELCOME[0])]
        assert len(secret) >= 32

    def test_conversation_without_city_may_learn_it(self, store: ConversationStore) -> None:
        assert not opened(store).memory.city_is_fixed

    def test_ids_and_secrets_differ(self, store: ConversationStore) -> None:
        made = [store.create(Scope(), []) for _ in range(5)]
        assert len({conversation.id for conversation, _ in made}) == len({secret for _, secret in made}) == 5

    def test_secret_opens_its_conversation(self, store: ConversationStore) -> None:
        conversation, secret = store.create(Scope(), WELCOME)
        store.authenticate(conversation.id, secret)

    def test_secret_is_not_kept(self, store: ConversationStore, engine: Engine) -> None:
        conversation, secret = store.create(Scope(), WELCOME)
        with engine.connect() as connection:
            row = connection.execute(select(ConversationRow).where(ConversationRow.id == conversation.id)).one()
        assert secret not in str(row)

    @pytest.mark.parametrize("secret", ["", "wrong", "秘密"])
    def test_wrong_secret_opens_nothing(self, store: ConversationStore, secret: str) -> None:
        with pytest.raises(NotAuthenticatedError, match="会话不存在或密钥不对"):
            store.authenticate(opened(store).id, secret)

    def test_secret_of_another_conversation_opens_nothing(self, store: ConversationStore) -> None:
        _, secret = store.create(Scope(), WELCOME)
        with pytest.raises(NotAuthenticatedError):
            store.authenticate(opened(store).id, secret)

    @pytest.mark.parametrize(
        "unknown", ["1947f702-c75d-41f1-8cbe-7fa71f04ef06", "", "no such id", "x" * 200, "\x00", "\ud800"]
    )
    def test_unknown_conversation_is_told_like_a_wrong_secret(self, store: ConversationStore, unknown: str) -> None:
        with pytest.raises(NotAuthenticatedError, match="会话不存在或密钥不对"):
            store.authenticate(unknown, "no such conversation")

    def test_unknown_conversation_is_not_found(self, store: ConversationStore) -> None:
        with pytest.raises(NoResultFound):
            store.get(str(uuid.uuid4()))


class TestTurns:
    def test_turns_are_numbered_from_one(self, store: ConversationStore) -> None:
        conversation = opened(store)
        numbers = []
        for _ in range(3):
            turn, _ = store.begin_turn(conversation.id, "问题")
            numbers.append(turn.number)
            answer(store, turn)
        assert numbers == [1, 2, 3]
        assert [(s.seq, s.turn, s.author) for s in store.said_after(conversation.id, 1)] == [
            (2, 1, "parent"),
            (3, 1, "bot"),
            (4, 2, "parent"),
            (5, 2, "bot"),
            (6, 3, "parent"),
            (7, 3, "bot"),
        ]

    def test_open_turn_can_be_read_by_its_id(self, store: ConversationStore) -> None:
        conversation = opened(store, Scope("chongqing"))
        turn, seen = store.begin_turn(conversation.id, "刷脸查不到孩子")
        read, of = store.turn(turn.id)
        assert (read.id, read.conversation_id, read.number, read.text) == (
            turn.id,
            conversation.id,
            1,
            "刷脸查不到孩子",
        )
        assert of == seen
        assert of.last_seq == 2
        assert store.finished(turn.id) is None

    def test_unknown_turn_is_not_found(self, store: ConversationStore) -> None:
        with pytest.raises(NoResultFound):
            store.turn(str(uuid.uuid4()))

    def test_second_turn_waits_until_the_first_has_ended(self, store: ConversationStore) -> None:
        conversation = opened(store)
        turn, _ = store.begin_turn(conversation.id, "一")
        with pytest.raises(BusyError, match="还在处理"):
            store.begin_turn(conversation.id, "二")
        answer(store, turn)
        assert store.begin_turn(conversation.id, "三")[0].number == 2

    def test_refused_turn_leaves_nothing_behind(self, store: ConversationStore) -> None:
        conversation = opened(store)
        store.begin_turn(conversation.id, "一")
        with pytest.raises(BusyError):
            store.begin_turn(conversation.id, "二")
        assert [s.message for s in store.said_after(conversation.id, 1)] == [TextMessage(text="一")]

    def test_door_opens_again_when_a_turn_never_ends(
        self, store: ConversationStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        conversation = opened(store)
        store.begin_turn(conversation.id, "一")
        later = clock.now() + timedelta(minutes=5)
        monkeypatch.setattr(clock, "now", lambda: later)
        assert store.begin_turn(conversation.id, "二")[0].number == 2

    def test_a_case_number_is_kept_for_people_only(self, store: ConversationStore) -> None:
        conversation = opened(store)
        turn, seen = store.begin_turn(conversation.id, "CQ2026-0415-0108到哪一步了")
        assert turn.text == "[办件编号]到哪一步了"
        memory = seen.memory.model_copy(update={"pending": Pending(ask="ticket")})
        store.leave_reply(turn, Reply(outcome=Outcome.TICKET_FORM, messages=[]), scope=Scope(), memory=memory)
        assert store.begin_turn(conversation.id, "CQ2026-0415-0108被退回")[0].text == "CQ2026-0415-0108被退回"

    def test_one_conversation_does_not_hold_up_another(self, store: ConversationStore) -> None:
        store.begin_turn(opened(store).id, "一")
        assert store.begin_turn(opened(store).id, "一")[0].number == 1

    def test_ended_turn_reports_its_reply(self, store: ConversationStore) -> None:
        conversation = opened(store)
        turn, _ = store.begin_turn(conversation.id, "你好")
        reply = Reply(
            outcome=Outcome.ASKED_CITY,
            messages=[which_city()],
            confidence=0.75,
            intent=Intent(name="greet", confidence=0.97),
            details={"candidates": [["cq-10", 0.5]]},
        )
        memory = Memory(pending=Pending(ask="city", question="问"), candidates=["cq-10"])
        assert store.leave_reply(turn, reply, scope=Scope("qingdao", "市北区", "幼升小"), memory=memory)
        finished = store.finished(turn.id)
        assert finished
        assert (finished.number, finished.outcome, finished.confidence) == (1, Outcome.ASKED_CITY, 0.75)
        assert finished.intent == {"name": "greet", "confidence": 0.97}
        assert finished.last_seq == 3
        assert finished.messages[0]["options"][0]["payload"]
        assert "choice" not in finished.messages[0]["options"][0]
        after = store.get(conversation.id)
        assert after.scope == Scope("qingdao", "市北区", "幼升小")
        assert after.memory == memory

    def test_reply_is_left_once_only(self, store: ConversationStore) -> None:
        conversation = opened(store)
        turn, _ = store.begin_turn(conversation.id, "你好")
        assert answer(store, turn, TextMessage(text="第一"))
        before = store.said_after(conversation.id, 0), store.get(conversation.id), store.finished(turn.id)
        late = Reply(outcome=Outcome.FAILED, messages=[TextMessage(text="第二")])
        assert not store.leave_reply(turn, late, scope=Scope("chongqing"), memory=Memory())
        assert (store.said_after(conversation.id, 0), store.get(conversation.id), store.finished(turn.id)) == before

    def test_late_reply_does_not_open_the_door_of_the_next_turn(self, store: ConversationStore) -> None:
        conversation = opened(store)
        first, _ = store.begin_turn(conversation.id, "一")
        answer(store, first)
        store.begin_turn(conversation.id, "二")
        assert not answer(store, first)
        with pytest.raises(BusyError):
            store.begin_turn(conversation.id, "三")

    def test_reply_without_messages_says_nothing(self, store: ConversationStore) -> None:
        conversation = opened(store)
        turn, _ = store.begin_turn(conversation.id, "你好")
        reply = Reply(outcome=Outcome.PERSON_OWNS, messages=[])
        assert store.leave_reply(turn, reply, scope=Scope(), memory=Memory())
        assert len(store.said_after(conversation.id, 0)) == 2

    def test_feedback_is_kept(self, store: ConversationStore, engine: Engine) -> None:
        conversation = opened(store)
        turn, _ = store.begin_turn(conversation.id, "不是我要问的")
        store.note_feedback(turn, "not_it", "cq-10", "刷脸查不到孩子")
        with engine.connect() as connection:
            row = connection.execute(select(FeedbackRow).where(FeedbackRow.conversation_id == conversation.id)).one()
        assert (row.turn, row.verdict, row.entry_id, row.question) == (1, "not_it", "cq-10", "刷脸查不到孩子")


class TestSaid:
    def test_everything_said_after_a_number(self, store: ConversationStore) -> None:
        conversation = opened(store)
        turn, _ = store.begin_turn(conversation.id, "你好")
        answer(store, turn, TextMessage(text="一"), TextMessage(text="二"))
        assert [s.seq for s in store.said_after(conversation.id, 0)] == [1, 2, 3, 4]
        assert [s.seq for s in store.said_after(conversation.id, 2)] == [3, 4]
        assert store.said_after(conversation.id, 4) == []
        assert store.said_after(conversation.id, 99) == []
        assert store.said_after(str(uuid.uuid4()), 0) == []

    def test_times_are_aware_and_do_not_go_back(self, store: ConversationStore) -> None:
        conversation = opened(store)
        answer(store, store.begin_turn(conversation.id, "你好")[0])
        times = [said.at for said in store.said_after(conversation.id, 0)]
        assert all(at.utcoffset() == timedelta(0) for at in times)
        assert times == sorted(times)

    def test_words_come_back_as_they_went_in(self, store: ConversationStore) -> None:
        words = "帳號\n“引号” 'x' \\ % {a} 𠮷👍 ;DROP TABLE said"
        conversation = opened(store)
        turn, _ = store.begin_turn(conversation.id, words)
        assert store.turn(turn.id)[0].text == words
        assert store.said_after(conversation.id, 1)[0].message == TextMessage(text=words)


class TestOptions:
    def test_payload_stands_for_its_choice(self, store: ConversationStore) -> None:
        conversation = opened(store)
        payload = offered(store, conversation)
        turn, _ = store.begin_turn(conversation.id, "ignored", payload)
        assert turn.choice == Choice(do="city", city="chongqing")
        assert turn.text == "重庆"
        assert store.said_after(conversation.id, 0)[-1].message == TextMessage(text="重庆")

    def test_option_of_the_opening_can_be_chosen(self, store: ConversationStore) -> None:
        conversation, _ = store.create(Scope(), [which_city()])
        message = store.said_after(conversation.id, 0)[0].message
        assert isinstance(message, OptionsMessage)
        assert store.begin_turn(conversation.id, "", message.options[0].payload)[0].choice

    def test_payloads_tell_nothing_and_differ(self, store: ConversationStore) -> None:
        conversation = opened(store)
        payloads = {offered(store, conversation) for _ in range(3)}
        assert len(payloads) == 3
        assert not [p for p in payloads if "chongqing" in p or len(p) < 12]

    @pytest.mark.parametrize("payload", ["", "made up", "/restart", '{"do":"city"}', "x" * 500])
    def test_unknown_option_is_refused(self, store: ConversationStore, payload: str) -> None:
        conversation = opened(store)
        offered(store, conversation)
        said = store.said_after(conversation.id, 0)
        with pytest.raises(UnknownOptionError, match="选项已失效"):
            store.begin_turn(conversation.id, "", payload)
        assert store.said_after(conversation.id, 0) == said
        assert store.begin_turn(conversation.id, "接着问")[0].number == 2

    def test_option_of_another_conversation_is_refused(self, store: ConversationStore) -> None:
        payload = offered(store, opened(store))
        with pytest.raises(UnknownOptionError, match="选项已失效"):
            store.begin_turn(opened(store).id, "", payload)


class TestSigningIn:
    def test_guardian_is_bound_with_the_city(self, store: ConversationStore) -> None:
        conversation = opened(store)
        store.sign_in(conversation.id, "cq-zhang", "chongqing", uuid.uuid4().hex, LATER)
        after = store.get(conversation.id)
        assert (after.guardian, after.guardian_city, after.scope.city) == ("cq-zhang", "chongqing", "chongqing")

    def test_the_tokens_city_wins_over_the_pages(self, store: ConversationStore) -> None:
        conversation = opened(store, Scope("qingdao", "市南区"))
        store.sign_in(conversation.id, "cq-zhang", "chongqing", uuid.uuid4().hex, LATER)
        after = store.get(conversation.id)
        assert (after.scope, after.guardian_city) == (Scope("chongqing"), "chongqing")

    def test_a_city_that_was_told_since_stays_when_the_sign_in_is_renewed(self, store: ConversationStore) -> None:
        conversation = opened(store)
        store.sign_in(conversation.id, "cq-zhang", "chongqing", uuid.uuid4().hex, LATER)
        turn, seen = store.begin_turn(conversation.id, "青岛的呢")
        reply = Reply(outcome=Outcome.SCOPE_NOTED, messages=[])
        store.leave_reply(turn, reply, scope=Scope("qingdao"), memory=seen.memory)
        store.sign_in(conversation.id, "cq-zhang", "chongqing", uuid.uuid4().hex, LATER)
        assert store.get(conversation.id).scope.city == "qingdao"

    def test_same_guardian_renews_with_the_same_and_with_a_new_token(self, store: ConversationStore) -> None:
        conversation, jti = opened(store), uuid.uuid4().hex
        for one in (jti, jti, uuid.uuid4().hex):
            store.sign_in(conversation.id, "cq-zhang", "chongqing", one, LATER)
        assert store.get(conversation.id).guardian == "cq-zhang"

    def test_another_guardian_is_refused_and_nothing_changes(self, store: ConversationStore) -> None:
        conversation, jti = opened(store), uuid.uuid4().hex
        store.sign_in(conversation.id, "cq-zhang", "chongqing", uuid.uuid4().hex, LATER)
        with pytest.raises(ConflictError, match="另一个账号"):
            store.sign_in(conversation.id, "qd-wang", "qingdao", jti, LATER)
        assert store.get(conversation.id).guardian == "cq-zhang"
        other = opened(store)
        store.sign_in(other.id, "qd-wang", "qingdao", jti, LATER)
        assert store.get(other.id).guardian == "qd-wang"

    def test_whose_conversation_it_is_stays_known_once_the_sign_in_is_over(
        self, store: ConversationStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        conversation, next_morning = opened(store), clock.now() + timedelta(hours=16)
        assert store.guardian_of(conversation.id) is None
        assert store.guardian_of("no-such-conversation") is None
        store.sign_in(conversation.id, "cq-zhang", "chongqing", uuid.uuid4().hex, LATER)
        monkeypatch.setattr(clock, "now", lambda: next_morning)
        assert store.get(conversation.id).guardian is None
        assert store.guardian_of(conversation.id) == ("cq-zhang", "chongqing")

    def test_token_serves_one_conversation_only(self, store: ConversationStore) -> None:
        jti, second = uuid.uuid4().hex, opened(store)
        store.sign_in(opened(store).id, "cq-zhang", "chongqing", jti, LATER)
        with pytest.raises(TokenRejectedError) as refused:
            store.sign_in(second.id, "cq-zhang", "chongqing", jti, LATER)
        assert refused.value.reason is TokenRefusal.REPLAYED
        assert store.get(second.id).guardian is None

    def test_conversation_may_begin_signed_in(self, store: ConversationStore) -> None:
        who = Identity("cq-zhang", "chongqing", uuid.uuid4().hex, LATER)
        conversation, secret = store.create(Scope(), WELCOME, who)
        store.authenticate(conversation.id, secret)
        assert store.get(conversation.id) == conversation
        assert (conversation.guardian, conversation.guardian_city) == ("cq-zhang", "chongqing")
        assert (conversation.scope.city, conversation.memory.city_is_fixed) == ("chongqing", False)
        store.sign_in(conversation.id, who.guardian, who.city, who.jti, who.expires_at)

    def test_conversation_that_begins_with_a_used_token_leaves_nothing(
        self, store: ConversationStore, engine: Engine
    ) -> None:
        who = Identity("cq-zhang", "chongqing", uuid.uuid4().hex, LATER)
        store.create(Scope(), WELCOME, who)
        before = rows_of(engine)
        with pytest.raises(TokenRejectedError) as refused:
            store.create(Scope("chongqing"), [which_city()], who)
        assert refused.value.reason is TokenRefusal.REPLAYED
        assert rows_of(engine) == before

    def test_token_raced_for_by_two_conversations_serves_one(self, store: ConversationStore) -> None:
        jti, rivals = uuid.uuid4().hex, [opened(store).id for _ in range(6)]

        def sign_in(conversation_id: str) -> bool:
            try:
                store.sign_in(conversation_id, "cq-zhang", "chongqing", jti, LATER)
            except TokenRejectedError:
                return False
            return True

        with ThreadPoolExecutor(len(rivals)) as pool:
            won = list(pool.map(sign_in, rivals))
        assert sum(won) == 1
        assert [store.get(c).guardian for c in rivals] == ["cq-zhang" if w else None for w in won]


class TestAtOnce:
    def test_turns_from_many_threads_are_numbered_without_gaps(self, store: ConversationStore) -> None:
        conversation, threads, each = opened(store), 6, 5

        def talk(_: int) -> list[int]:
            return [_turn_when_free(store, conversation.id) for _ in range(each)]

        with ThreadPoolExecutor(threads) as pool:
            numbers = sorted(n for found in pool.map(talk, range(threads)) for n in found)
        assert numbers == list(range(1, threads * each + 1))
        assert [s.seq for s in store.said_after(conversation.id, 0)] == list(range(1, 2 * threads * each + 2))

    def test_one_of_many_rivals_gets_the_turn(self, store: ConversationStore) -> None:
        conversation = opened(store)

        def begin(_: int) -> bool:
            try:
                store.begin_turn(conversation.id, "问")
            except BusyError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(begin, range(8))) == 1

    def test_one_of_two_replies_is_said(self, store: ConversationStore) -> None:
        conversation = opened(store)
        turn, _ = store.begin_turn(conversation.id, "问")
        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(lambda _: answer(store, turn), range(4))) == 1
        assert [s.seq for s in store.said_after(conversation.id, 0)] == [1, 2, 3]

    def test_many_conversations_at_once(self, store: ConversationStore) -> None:
        conversations = [opened(store).id for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lambda c: _turn_when_free(store, c), conversations)) == [1] * 8


def _turn_when_free(store: ConversationStore, conversation_id: str) -> int:
    for _ in range(600):
        try:
            turn, _ = store.begin_turn(conversation_id, "问")
        except BusyError:
            time.sleep(0.005)
            continue
        assert answer(store, turn)
        return turn.number
    raise AssertionError("the conversation was never free")


class TestRestart:
    def test_everything_is_there_after_a_restart(self, store: ConversationStore, database_url: str) -> None:
        conversation, secret = store.create(Scope("chongqing", "渝北区"), WELCOME)
        store.sign_in(conversation.id, "cq-zhang", "chongqing", uuid.uuid4().hex, LATER)
        payload = offered(store, conversation)
        before = store.get(conversation.id), store.said_after(conversation.id, 0)
        store.engine.dispose()
        again = ConversationStore(open_engine(database_url))
        again.authenticate(conversation.id, secret)
        assert (again.get(conversation.id), again.said_after(conversation.id, 0)) == before
        assert again.begin_turn(conversation.id, "", payload)[0].number == 2
        again.engine.dispose()

    def test_record_of_a_turn_keeps_what_editors_need(self, store: ConversationStore, engine: Engine) -> None:
        conversation = opened(store)
        turn, _ = store.begin_turn(conversation.id, "问题")
        answer(store, turn, outcome=Outcome.NO_OFFICIAL_ANSWER)
        with engine.connect() as connection:
            row = connection.execute(select(TurnRow).where(TurnRow.id == turn.id)).one()
        assert (row.text, row.outcome, row.payload) == ("问题", "no_official_answer", None)
        assert row.started_at <= row.finished_at
