"""What is old or asked for is erased with all that hangs on it; the audit log stays whole."""

from __future__ import annotations

import random
import re
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from looking import KEY, a_look
from sqlalchemy import Engine, event, func, insert, select, text

from conversations import handover, purge
from conversations.audit import AuditLog
from conversations.audit_heads import HeadFile
from conversations.audit_listing import looks
from conversations.handover import Hold, Person
from conversations.migrate import migrate
from conversations.news import AnnouncedChange, KeptNews, NewsStore
from conversations.purge import Guardian, Idle
from conversations.reply import Choice, Memory, Option, OptionsMessage, Reply, TextMessage
from conversations.storage import Conversation, ConversationStore, open_engine
from conversations.tables import Base, ConversationRow, PseudonymRow, PseudonymUseRow
from core import clock
from core.errors import HelpdeskError
from core.outcomes import Outcome
from core.scope import Scope
from escalation.desk import Draft, TicketDesk
from escalation.incident_desk import NewIncident
from escalation.incidents import Matter
from escalation.listing import Reach
from escalation.routing import own_rules
from escalation.rules import Actor, Place, Ticket
from escalation.tables import NotificationRow, TicketAttachmentRow, TicketWatcherRow

NOW = clock.now()
CONVERSATION_TABLES = {"conversations", "turns", "said", "offered", "token_uses", "feedback"}
CONVERSATION_TABLES |= {"announcements", "case_waits", "handovers", "staff_message_keys", "kept_news"}
CONVERSATION_TABLES |= {"tickets", "ticket_messages", "ticket_events", "outbox", "ticket_watchers"}
CONVERSATION_TABLES |= {"incident_tickets", "ticket_attachments", "notifications"}
Ago = Callable[[int], None]


@pytest.fixture
def database_url(own_database_url: str) -> str:
    return own_database_url


@pytest.fixture
def audit(engine: Engine, tmp_path: Path) -> AuditLog:
    return AuditLog(engine, KEY, HeadFile(tmp_path / "audit.heads"))


@pytest.fixture
def days_ago(monkeypatch: pytest.MonkeyPatch) -> Ago:
    """Give `days_ago(n)`: from now on the clock stands n days back."""

    def stand(days: int) -> None:
        monkeypatch.setattr(clock, "now", lambda: NOW - timedelta(days=days))

    return stand


def idle(days: int = 180) -> Idle:
    return Idle(NOW - timedelta(days=days))


def talked(store: ConversationStore, guardian: str | None = None, words: str = "刷脸查不到孩子") -> Conversation:
    """Hold a conversation that leaves something in every table."""
    conversation, _ = store.create(Scope("chongqing"), [])
    if guardian:
        expires = clock.now() + timedelta(minutes=10)
        store.sign_in(conversation.id, guardian, "chongqing", f"jti-{conversation.id}", expires)
    say(store, conversation, words)
    look_at_ticket_of(store.engine, conversation)
    return store.get(conversation.id)


def say(store: ConversationStore, conversation: Conversation, words: str) -> None:
    turn, seen = store.begin_turn(conversation.id, words)
    option = Option(label=words, choice=Choice(do="solved"))
    reply = Reply(
        outcome=Outcome.ANSWERED, messages=[OptionsMessage(text="解决了吗?", purpose="which", options=[option])]
    )
    store.leave_reply(turn, reply, scope=seen.scope, memory=Memory(last_question=words))
    store.note_feedback(turn, "solved", "cq-10", words)
    news = NewsStore(store.engine)
    news.announce(conversation.id, f"change:{turn.number}", [TextMessage(text=words)], clock.now())
    news.wait_for_backend(conversation.id, clock.now())
    draft = Draft(turn.id, Place("chongqing", "渝北区"), words, conversation_id=conversation.id)
    ticket, _ = TicketDesk(store.engine, own_rules()).create(draft, Actor("parent", "家长", "parent"))
    belongs_to_an_incident(store.engine, ticket)
    news.keep(KeptNews(conversation.id, "A-1", "change:1"), clock.now())
    person = Person("staff-1", "agent")
    hold = Hold(conversation.id, person, handover.take_over(store.engine, conversation.id, person))
    handover.say(store.engine, hold, words, "key")
    handover.hand_back(store.engine, hold, words)


def look_at_ticket_of(engine: Engine, conversation: Conversation) -> None:
    ticket = TicketDesk(engine, own_rules()).of_conversation(conversation.id)
    assert ticket
    row = {"ticket_id": ticket.id, "staff": "staff-1", "name": "某某", "role": "school", "seen_at": clock.now()}
    with engine.begin() as connection:
        connection.execute(insert(TicketWatcherRow), row)
        who = {"actor": "staff-1", "actor_name": "某某", "role": "school", "at": clock.now(), "version": None}
        file = {"name": "a.jpg", "type": "image/jpeg", "size": 3, "sha256": "0" * 64, "content": b"\xff\xd8\xff"}
        same = {"id": str(uuid4()), "ticket_id": ticket.id, "to_parent": True}
        connection.execute(insert(TicketAttachmentRow), same | who | file)
        times = {"at": clock.now(), "next_at": clock.now()}
        told = {"id": str(uuid4()), "ticket_id": ticket.id, "version": 2, "seq": 1, "tries": 0}
        connection.execute(insert(NotificationRow), told | times)


def belongs_to_an_incident(engine: Engine, ticket: Ticket) -> None:
    """Open an incident of the ticket alone and close it, so that the next ticket has its own."""
    desk, by = TicketDesk(engine, own_rules()).incidents, Actor("district-1", "某某", "district")
    matter = Matter(ticket.place.city, ticket.place.district, ticket.topic)
    incident = desk.open(NewIncident(matter, "故障", "正在抢修。", (ticket.id,)), by, Reach())
    desk.close(incident.id, 1, "已恢复。", by, Reach())


def rows(engine: Engine) -> Counter[str]:
    with engine.connect() as connection:
        return Counter(
            {
                name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for name, table in Base.metadata.tables.items()
            }
        )


def linked(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(select(PseudonymRow.value)).scalars())


class TestIdle:
    def test_old_conversation_is_deleted_from_every_table_and_a_new_one_stays_whole(
        self, store: ConversationStore, engine: Engine, days_ago: Ago
    ) -> None:
        days_ago(181)
        talked(store, "cq-old")
        days_ago(179)
        kept = talked(store, "cq-new")
        said = store.said_after(kept.id, 0)
        before = rows(engine)
        assert {name for name in CONVERSATION_TABLES if before[name] < 2} == set()
        counts = purge.purge(engine, idle(), pause=0)
        after = rows(engine)
        assert {name: before[name] - after[name] for name in CONVERSATION_TABLES} == {
            name: counts[name] for name in CONVERSATION_TABLES
        }
        assert {name: after[name] * 2 for name in CONVERSATION_TABLES} == {n: before[n] for n in CONVERSATION_TABLES}
        assert store.get(kept.id) == kept
        assert store.said_after(kept.id, 0) == said

    def test_last_thing_said_counts_not_the_beginning(
        self, store: ConversationStore, engine: Engine, days_ago: Ago
    ) -> None:
        days_ago(400)
        conversation = talked(store)
        days_ago(10)
        say(store, conversation, "还有一个问题")
        assert purge.purge(engine, idle(), pause=0)["conversations"] == 0
        assert purge.purge(engine, idle(9), pause=0)["conversations"] == 1

    def test_conversation_in_which_nothing_was_said_is_deleted_too(
        self, store: ConversationStore, engine: Engine, days_ago: Ago
    ) -> None:
        days_ago(200)
        store.create(Scope(), [])
        assert purge.purge(engine, idle(), pause=0)["conversations"] == 1

    def test_many_go_in_several_batches(self, store: ConversationStore, engine: Engine, days_ago: Ago) -> None:
        days_ago(200)
        for n in range(2 * purge.BATCH + 7):
            store.create(Scope(), []) if n % 50 else talked(store)
        days_ago(1)
        kept = talked(store)
        assert purge.purge(engine, idle(), pause=0)["conversations"] == 2 * purge.BATCH + 7
        with engine.connect() as connection:
            assert connection.execute(select(ConversationRow.id)).scalars().all() == [kept.id]
        assert set(purge.purge(engine, idle(), pause=0).values()) == {0}

    def test_who_speaks_while_the_purge_runs_is_spared(
        self, store: ConversationStore, engine: Engine, days_ago: Ago
    ) -> None:
        days_ago(200)
        conversation, other = talked(store), talked(store)
        days_ago(0)
        say(store, conversation, "我又回来了")
        assert purge._erase(engine, idle(), [conversation.id, other.id])["conversations"] == 1
        assert store.get(conversation.id).last_seq == 10

    def test_turn_that_is_being_opened_is_waited_for_and_spared(
        self, store: ConversationStore, engine: Engine, days_ago: Ago
    ) -> None:
        days_ago(200)
        conversation = talked(store)
        days_ago(0)
        opened = threading.Event()

        def speak() -> None:
            with engine.begin() as connection:
                connection.execute(ConversationRow.__table__.update().values(owner="bot"))
                opened.set()
                time.sleep(0.3)
                said = {"conversation_id": conversation.id, "seq": 99, "turn": 9, "author": "parent", "message": {}}
                connection.execute(Base.metadata.tables["said"].insert().values(**said, at=clock.now()))

        speaking = threading.Thread(target=speak)
        speaking.start()
        opened.wait(5)
        counts = purge._erase(engine, idle(), [conversation.id])
        speaking.join()
        assert counts["conversations"] == 0

    def test_every_table_that_refers_to_a_conversation_is_covered(self, engine: Engine) -> None:
        told = set(purge.count(engine, idle()))
        assert told == CONVERSATION_TABLES | {"pseudonyms"}
        others = {"audit_log", "audit_end", "pseudonym_uses", "webhook_nonces", "case_changes"}
        others |= {"staff", "staff_sessions", "staff_tokens", "calls", "call_events", "call_lookups"}
        others |= {"incidents", "incident_texts"}  # what an office tells everybody, of nobody
        assert set(Base.metadata.tables) == told | others, "a new table: does the purge erase what it holds of people?"


class TestGuardian:
    def test_changes_that_wait_to_be_told_no_longer_say_whose_they_are(
        self, store: ConversationStore, engine: Engine
    ) -> None:
        news = NewsStore(engine)
        for number, guardian in ((1, "cq-gone"), (2, "cq-stays")):
            change = AnnouncedChange(number, guardian, "chongqing", f"A-{number}", "审核", clock.now())
            news.receive(change, clock.now())
        purge.purge(engine, Guardian("cq-gone"), pause=0)
        assert [one.guardian for one in news.untold()] == ["cq-stays"]
        news.close([2], clock.now())
        with engine.connect() as connection:
            assert set(connection.execute(text("SELECT guardian || application_id FROM case_changes")).scalars()) == {
                ""
            }

    def test_all_of_the_guardian_goes_and_nothing_of_others(
        self, store: ConversationStore, engine: Engine, days_ago: Ago
    ) -> None:
        days_ago(300)
        talked(store, "cq-zhang")
        days_ago(0)
        talked(store, "cq-zhang")
        kept = [talked(store, "cq-liu"), talked(store)]
        assert purge.purge(engine, Guardian("cq-zhang"), pause=0)["conversations"] == 2
        with engine.connect() as connection:
            left = set(connection.execute(select(ConversationRow.id)).scalars())
        assert left == {one.id for one in kept}

    def test_links_of_the_guardian_go_and_the_log_stays_whole(
        self, store: ConversationStore, engine: Engine, audit: AuditLog
    ) -> None:
        zhang, liu = talked(store, "cq-zhang"), talked(store, "cq-liu")
        audit.record(a_look(actor="cq-zhang", applications=("A-1", "A-shared"), conversation_id=zhang.id))
        audit.record(a_look(actor="cq-liu", applications=("A-2", "A-shared"), conversation_id=liu.id))
        audit.record(a_look(actor="agent-7", role="agent", applications=("A-1",), conversation_id=None))
        assert purge.purge(engine, Guardian("cq-zhang"), pause=0)["pseudonyms"] == 2
        assert linked(engine) == {"cq-liu", "A-2", "A-shared", "agent-7"}
        assert (audit.verify().rows, audit.verify().fault) == (3, None)
        assert [len(look.actor) for look in looks(engine)] == [24, len("cq-liu"), len("agent-7")]
        assert list(looks(engine, guardian="cq-zhang")) == []

    def test_guardian_who_looked_without_a_conversation_goes_too(self, engine: Engine, audit: AuditLog) -> None:
        audit.record(a_look(actor="cq-zhang", applications=(), conversation_id=None))
        purge.purge(engine, Guardian("cq-zhang"), pause=0)
        assert linked(engine) == set()

    def test_guardian_who_comes_back_gets_another_pseudonym(
        self, store: ConversationStore, engine: Engine, audit: AuditLog
    ) -> None:
        audit.record(a_look(actor="cq-zhang", conversation_id=talked(store, "cq-zhang").id))
        purge.purge(engine, Guardian("cq-zhang"), pause=0)
        audit.record(a_look(actor="cq-zhang", conversation_id=talked(store, "cq-zhang").id))
        assert [look.seq for look in looks(engine, guardian="cq-zhang")] == [2]
        assert audit.verify().ok


class TestLinks:
    def test_link_lives_as_long_as_a_conversation_needs_it(
        self, store: ConversationStore, engine: Engine, audit: AuditLog, days_ago: Ago
    ) -> None:
        days_ago(300)
        old, living = talked(store, "cq-old"), talked(store, "cq-living")
        audit.record(a_look(actor="cq-old", applications=("A-old", "A-both"), conversation_id=old.id))
        audit.record(a_look(actor="cq-living", applications=("A-living", "A-both"), conversation_id=living.id))
        days_ago(5)
        say(store, living, "还在办")
        counts = purge.purge(engine, idle(), pause=0)
        assert (counts["conversations"], counts["pseudonyms"]) == (1, 2)
        assert linked(engine) == {"cq-living", "A-living", "A-both"}
        assert audit.verify().ok

    def test_look_outside_of_a_conversation_needs_its_links_as_long_as_the_retention(
        self, engine: Engine, audit: AuditLog, days_ago: Ago
    ) -> None:
        days_ago(300)
        audit.record(a_look(actor="agent-old", role="agent", applications=("A-old",), conversation_id=None))
        audit.record(a_look(actor="agent-7", role="agent", applications=("A-1",), conversation_id=None))
        days_ago(5)
        audit.record(a_look(actor="agent-7", role="agent", applications=("A-1",), conversation_id=None))
        assert purge.purge(engine, idle(), pause=0)["pseudonyms"] == 2
        assert linked(engine) == {"agent-7", "A-1"}

    def test_nothing_but_links_is_left_of_the_uses(
        self, store: ConversationStore, engine: Engine, audit: AuditLog, days_ago: Ago
    ) -> None:
        days_ago(300)
        for n in range(5 * purge.BATCH):
            audit.record(a_look(actor=f"g-{n}", applications=(), conversation_id=None))
        assert purge.purge(engine, idle(), pause=0)["pseudonyms"] == 5 * purge.BATCH
        with engine.connect() as connection:
            assert connection.execute(select(func.count()).select_from(PseudonymUseRow)).scalar_one() == 0
        assert audit.verify().rows == 5 * purge.BATCH


class TestDryRun:
    @pytest.mark.parametrize("what", [idle(), idle(3), Guardian("cq-zhang"), Guardian("cq-liu"), Guardian("none")])
    def test_counts_what_would_go_and_deletes_nothing(
        self, store: ConversationStore, engine: Engine, audit: AuditLog, days_ago: Ago, what: Idle | Guardian
    ) -> None:
        for days, guardian in ((300, "cq-zhang"), (200, "cq-liu"), (4, "cq-zhang"), (1, "cq-sun")):
            days_ago(days)
            conversation = talked(store, guardian)
            audit.record(a_look(actor=guardian, applications=(f"A-{days}", "A"), conversation_id=conversation.id))
            audit.record(a_look(actor=guardian, applications=(f"A-{days}",), conversation_id=None))
        before = rows(engine)
        would = purge.count(engine, what)
        assert rows(engine) == before
        assert purge.purge(engine, what, pause=0) == would


def test_service_goes_on_while_the_purge_runs(store: ConversationStore, engine: Engine, days_ago: Ago) -> None:
    days_ago(200)
    for _ in range(150):
        talked(store, "cq-old")
    days_ago(0)
    purged, turns, failed = threading.Event(), 0, []

    def serve() -> None:
        nonlocal turns
        conversation = talked(store, "cq-new")
        while not purged.is_set() or turns < 10:
            try:
                say(store, conversation, "现在的问题")
                turns += 1
            except Exception as error:  # noqa: BLE001 - whatever fails is what the test looks for
                failed.append(error)
                return

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        counts = purge.purge(engine, idle())
    finally:
        purged.set()  # else a purge that fails would leave the thread serving for ever
        serving.join()
    assert (counts["conversations"], failed) == (150, [])
    assert turns >= 10


class TestBytes:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "database").mkdir()
        return tmp_path / "database"

    def test_nothing_of_what_was_deleted_is_left_in_the_files(self, folder: Path, days_ago: Ago) -> None:
        engine = open_engine(f"sqlite:///{folder}/helpdesk.db")
        migrate(engine)
        store, audit = ConversationStore(engine), AuditLog(engine, KEY, None)
        chance, days = random.Random(1), {}
        for n in range(300):
            days[n] = chance.choice([300, 5])
            days_ago(days[n])
            conversation = talked(store, f"planted-g{n:04}x", f"planted-w{n:04}x" + "长" * chance.randint(0, 300))
            say(store, conversation, f"planted-v{n:04}x" + "短" * chance.randint(0, 100))
            audit.record(
                a_look(actor=f"planted-g{n:04}x", applications=(f"planted-a{n:04}x",), conversation_id=conversation.id)
            )
        old = {f"{kind}{n:04}" for kind in "gwva" for n in days if days[n] == 300}
        new = {f"{kind}{n:04}" for kind in "gwva" for n in days if days[n] == 5}
        assert planted(folder) == old | new
        with closing(engine.raw_connection()):  # the service's connection, which keeps the write-ahead log open
            purge.purge(engine, idle(), pause=0)
            assert planted(folder) == new
        assert audit.verify().rows == 300
        engine.dispose()

    def test_busy_database_is_said_to_hold_the_bytes_still(self, folder: Path, days_ago: Ago) -> None:
        engine = open_engine(f"sqlite:///{folder}/helpdesk.db")
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=100"))
        migrate(engine)
        talked(ConversationStore(engine))
        with closing(sqlite3.connect(folder / "helpdesk.db", isolation_level=None)) as reading:
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM said").fetchall()
            with pytest.raises(HelpdeskError, match="too busy to erase the bytes: run the purge again"):
                purge.compact(engine)
        purge.compact(engine)
        assert (folder / "helpdesk.db-wal").stat().st_size == 0
        engine.dispose()


def planted(folder: Path) -> set[str]:
    """Return the marks of the planted values that any file of the database holds."""
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    return {mark.decode() for mark in re.findall(rb"planted-([gwva]\d{4})x", content)}
