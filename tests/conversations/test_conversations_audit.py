"""Every look is recorded once, in one chain, without anybody's real id; on SQLite and on PostgreSQL."""

from __future__ import annotations

import logging
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from looking import KEY, a_look
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from conversations.audit import AuditLog, open_audit_log
from conversations.audit_heads import HeadFile
from conversations.audit_listing import looks
from conversations.audit_seal import own_key
from conversations.audit_verify import Verdict
from conversations.migrate import migrate
from conversations.storage import ConversationStore, open_engine
from conversations.tables import AuditEndRow, AuditRow, PseudonymRow, PseudonymUseRow
from core import clock
from core.errors import SettingsError
from core.private_files import read_or_make
from core.settings import ROOT, Settings

LOOKING = Path(__file__).with_name("looking.py")


@pytest.fixture
def database_url(own_database_url: str) -> str:
    return own_database_url


@pytest.fixture
def heads(tmp_path: Path) -> HeadFile:
    return HeadFile(tmp_path / "second place" / "audit.heads")


@pytest.fixture
def audit(engine: Engine, heads: HeadFile) -> Iterator[AuditLog]:
    heads.check()
    log = AuditLog(engine, KEY, heads)
    yield log
    log.close()


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'helpdesk.db'}")
    migrate(opened)
    yield opened
    opened.dispose()


def everything(engine: Engine) -> str:
    with engine.connect() as connection:
        return "\n".join(map(str, connection.execute(select(*AuditRow.__table__.c))))


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not come true"
        time.sleep(0.01)


def numbers_of(heads: HeadFile) -> list[int]:
    return [head.seq for head in heads.read(KEY) if head]


class TestRecording:
    def test_looks_are_numbered_from_one(self, audit: AuditLog) -> None:
        assert [audit.record(a_look(n)) for n in range(5)] == [1, 2, 3, 4, 5]
        assert (audit.verify().rows, audit.verify().fault) == (5, None)

    def test_row_tells_the_look_without_a_real_id(self, audit: AuditLog, engine: Engine) -> None:
        audit.record(a_look(1))
        with engine.connect() as connection:
            row = connection.execute(select(*AuditRow.__table__.c)).one()
        assert (row.seq, row.role, row.city, row.purpose) == (1, "guardian", "chongqing", "asked")
        assert (row.shown, row.conversation_id, row.prev) == ("list child state", "conversation-1", "0" * 64)
        assert row.at.endswith("+00:00")
        assert len(row.applications.split()) == 2
        for real in ("cq-guardian", "CQ2026"):
            assert real not in everything(engine)

    def test_each_id_has_one_pseudonym(self, audit: AuditLog, engine: Engine) -> None:
        for n in range(20):
            audit.record(a_look(n))
        with engine.connect() as connection:
            kinds = connection.execute(select(PseudonymRow.kind, func.count()).group_by(PseudonymRow.kind))
            assert dict(map(tuple, kinds)) == {"guardian": 5, "application": 10}

    def test_each_use_of_a_pseudonym_is_noted_to_the_hour(
        self, audit: AuditLog, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, noted = clock.now(), []
        for minutes, conversation in ((0, "one"), (50, "one"), (50, "other"), (70, "one")):
            with monkeypatch.context() as later:
                later.setattr(clock, "now", lambda minutes=minutes: begun + timedelta(minutes=minutes))
                audit.record(a_look(1, applications=(), conversation_id=conversation))
            with engine.connect() as connection:
                uses = connection.execute(select(PseudonymUseRow.conversation_id, PseudonymUseRow.at)).all()
            noted.append({use.conversation_id: round((use.at - begun) / timedelta(minutes=1)) for use in uses})
        assert noted == [{"one": 0}, {"one": 0}, {"one": 0, "other": 50}, {"one": 70, "other": 50}]

    def test_staff_and_guardian_of_the_same_id_are_two(self, audit: AuditLog, engine: Engine) -> None:
        audit.record(a_look(1, actor="same"))
        audit.record(a_look(1, actor="same", role="agent"))
        assert [(look.actor, look.role) for look in looks(engine)] == [("same", "guardian"), ("same", "agent")]
        assert [look.role for look in looks(engine, guardian="same")] == ["guardian"]

    def test_look_that_found_nothing_is_recorded_too(self, audit: AuditLog, engine: Engine) -> None:
        audit.record(a_look(1, applications=(), shown=("none",), conversation_id=None))
        [look] = looks(engine)
        assert (look.applications, look.shown, look.conversation_id) == ([], ["none"], None)
        assert audit.verify().ok

    def test_look_that_cannot_be_recorded_raises_and_leaves_nothing(self, audit: AuditLog, engine: Engine) -> None:
        audit.record(a_look(1))
        with engine.begin() as connection:
            forged = "SELECT 2, at, actor, role, city, applications, purpose, shown, conversation_id, prev, hash"
            connection.execute(text(f"INSERT INTO audit_log {forged} FROM audit_log"))
        with pytest.raises(IntegrityError):
            audit.record(a_look(2, actor="never seen"))
        with engine.connect() as connection:
            assert connection.execute(select(AuditEndRow.seq)).scalar_one() == 1
            assert "never seen" not in connection.execute(select(PseudonymRow.value)).scalars().all()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"shown": ("待审核",)},
            {"purpose": "asked by phone"},
            {"purpose": ""},
            {"city": "重庆"},
            {"shown": ("x" * 41,)},
            {"actor": ""},
            {"applications": ("x" * 201,)},
        ],
    )
    def test_words_of_a_look_are_machine_words_and_ids_are_short(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValueError, match="of a look are"):
            a_look(1, **wrong)

    def test_database_refuses_to_change_or_remove_a_row(self, audit: AuditLog, engine: Engine) -> None:
        audit.record(a_look(1))
        changes = ["UPDATE audit_log SET purpose = 'x'", "DELETE FROM audit_log"]
        for change in changes + (["TRUNCATE audit_log"] if engine.dialect.name == "postgresql" else []):
            with pytest.raises(DBAPIError, match="never changed or deleted"), engine.begin() as connection:
                connection.execute(text(change))
        assert audit.verify().rows == 1

    def test_look_is_recorded_from_a_coroutine(self, audit: AuditLog, engine: Engine) -> None:
        import asyncio

        store = ConversationStore(engine)
        assert asyncio.run(store.call(audit.record, a_look(1))) == 1

    def test_a_look_costs_little_time_of_the_embedded_database(self, sqlite_engine: Engine) -> None:
        log = AuditLog(sqlite_engine, KEY, None)
        for n in range(20):
            log.record(a_look(n))
        taken = []
        for n in range(300):
            before = time.thread_time()
            log.record(a_look(n))
            taken.append(time.thread_time() - before)
        assert statistics.median(taken) < 0.005  # well under a millisecond where nothing else runs


class TestSeveralAtOnce:
    def test_processes_and_threads_make_one_chain(
        self, engine: Engine, database_url: str, heads: HeadFile, tmp_path: Path
    ) -> None:
        heads.check()
        command = [sys.executable, str(LOOKING), database_url, str(heads.path), "20"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        log = AuditLog(engine, KEY, heads)
        with ExitStack() as stack:
            running = [
                stack.enter_context(
                    subprocess.Popen([*command, f"process{n}"], env=environment, stdout=subprocess.PIPE)
                )
                for n in range(3)
            ]
            while any(process.poll() is None for process in running):
                assert log.verify().fault is None, "a log that is being written to is sound"
            numbers = [int(n) for process in running for n in process.communicate()[0].split()]
        assert [process.returncode for process in running] == [0, 0, 0]
        assert sorted(numbers) == list(range(1, 3 * 4 * 20 + 1))
        verdict = log.verify()
        assert (verdict.rows, verdict.fault, verdict.uncovered) == (240, None, 0)
        actors = [look.actor for look in looks(engine)]
        assert len(set(actors)) == 240, "each look is there once"

    def test_a_new_id_gets_one_pseudonym_although_many_use_it_first(self, audit: AuditLog, engine: Engine) -> None:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: audit.record(a_look(1)), range(12)))
        with engine.connect() as connection:
            assert connection.execute(select(func.count(func.distinct(AuditRow.actor)))).scalar_one() == 1
        assert audit.verify().rows == 12


class TestHeads:
    def test_first_head_is_there_before_the_first_row(self, audit: AuditLog, heads: HeadFile) -> None:
        audit.record(a_look(1))
        assert numbers_of(heads) == [0]
        assert audit.verify() == Verdict(rows=1, heads=1, uncovered=1)

    def test_head_is_written_after_so_many_looks(self, engine: Engine, heads: HeadFile) -> None:
        heads.check()
        log = AuditLog(engine, KEY, heads, every_records=5, every_seconds=1000)
        for n in range(5):
            log.record(a_look(n))
        until(lambda: numbers_of(heads) == [0, 5])
        log.record(a_look(6))
        time.sleep(0.1)
        assert log.verify().uncovered == 1
        log.close()
        assert numbers_of(heads) == [0, 5, 6]

    def test_head_is_written_after_so_many_seconds(self, engine: Engine, heads: HeadFile) -> None:
        heads.check()
        log = AuditLog(engine, KEY, heads, every_records=1000, every_seconds=0.05)
        for n in range(3):
            log.record(a_look(n))
        until(lambda: numbers_of(heads)[-1] == 3)
        assert log.verify().uncovered == 0
        written = len(numbers_of(heads))
        time.sleep(0.2)
        assert len(numbers_of(heads)) == written, "without a look there is nothing to write"
        log.close()

    def test_closing_twice_does_no_harm(self, audit: AuditLog, heads: HeadFile) -> None:
        audit.record(a_look(1))
        audit.close()
        audit.close()
        assert numbers_of(heads) == [0, 1]

    def test_head_that_cannot_be_written_is_logged_and_tried_again(
        self, engine: Engine, heads: HeadFile, caplog: pytest.LogCaptureFixture
    ) -> None:
        heads.check()
        log = AuditLog(engine, KEY, heads, every_records=1000, every_seconds=0.05)
        log.record(a_look(1))
        until(lambda: numbers_of(heads) == [0, 1])
        moved = heads.path.rename(heads.path.with_suffix(".away"))
        heads.path.mkdir()
        with caplog.at_level(logging.ERROR):
            log.record(a_look(2))
            until(lambda: "could not be written" in caplog.text)
        heads.path.rmdir()
        moved.rename(heads.path)
        until(lambda: numbers_of(heads)[-1] == 2)
        log.close()

    def test_closing_ends_although_the_last_head_cannot_be_written(self, engine: Engine, heads: HeadFile) -> None:
        heads.check()
        log = AuditLog(engine, KEY, heads, every_records=1000, every_seconds=1000)
        log.record(a_look(1))
        heads.path.unlink()
        heads.path.mkdir()
        log.record(a_look(2))
        log.close()
        assert "audit-heads" not in [thread.name for thread in threading.enumerate()]

    def test_file_that_cannot_be_written_stops_the_start_by_name(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"HELPDESK_AUDIT_HEAD_FILE: cannot append to .*Is a directory"):
            HeadFile(tmp_path).check()


class TestKey:
    def test_key_is_made_at_first_use_for_its_owner_only(self, sqlite_engine: Engine, tmp_path: Path) -> None:
        settings = Settings(audit_key_file=tmp_path / "keys/audit.key", audit_head_file=tmp_path / "audit.heads")
        log = open_audit_log(settings, sqlite_engine)
        log.record(a_look(1))
        log.close()
        assert settings.audit_key.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in settings.audit_key.parent.iterdir()] == ["audit.key"]
        assert open_audit_log(settings, sqlite_engine).verify().ok

    def test_missing_key_with_rows_is_an_error_that_says_so(self, sqlite_engine: Engine, tmp_path: Path) -> None:
        AuditLog(sqlite_engine, KEY, None).record(a_look(1))
        with pytest.raises(SettingsError, match=r"HELPDESK_AUDIT_KEY_FILE: no key at .* has 1 rows: restore the key"):
            own_key(tmp_path / "audit.key", sqlite_engine)
        assert not (tmp_path / "audit.key").exists()

    def test_another_key_is_refused(self, sqlite_engine: Engine, tmp_path: Path) -> None:
        AuditLog(sqlite_engine, KEY, None).record(a_look(1))
        (tmp_path / "audit.key").write_text("ab" * 32)
        with pytest.raises(SettingsError, match=r"HELPDESK_AUDIT_KEY_FILE: .* not sealed with the key"):
            own_key(tmp_path / "audit.key", sqlite_engine)

    @pytest.mark.parametrize("content", ["", "ab" * 31, "no hexadecimal digits", "ab" * 33])
    def test_what_is_no_key_is_refused(self, sqlite_engine: Engine, tmp_path: Path, content: str) -> None:
        (tmp_path / "audit.key").write_text(content)
        with pytest.raises(SettingsError, match="HELPDESK_AUDIT_KEY_FILE: no key of 64 hexadecimal digits"):
            own_key(tmp_path / "audit.key", sqlite_engine)

    def test_all_who_start_at_once_get_one_key(self, tmp_path: Path) -> None:
        ready = threading.Barrier(8)

        def make(n: int) -> bytes:
            ready.wait()
            return read_or_make(tmp_path / "one.key", str(n).encode())

        with ThreadPoolExecutor(8) as threads:
            made = set(threads.map(make, range(8)))
        assert len(made) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["one.key"]


@pytest.mark.parametrize("own_database_url", ["postgresql"], indirect=True)
def test_a_new_log_is_begun_as_the_operations_page_says(engine: Engine, heads: HeadFile) -> None:
    heads.check()
    AuditLog(engine, KEY, heads).record(a_look(1))
    page = (ROOT / "docs/operations/privacy.md").read_text(encoding="utf-8")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in page[page.index("    BEGIN;") : page.index("COMMIT;") + 7].split(";")[:-1]:
            connection.execute(text(statement))
    heads.path.unlink()
    log = AuditLog(engine, bytes(32), heads)
    assert log.record(a_look(1)) == 1
    log.close()
    assert log.verify() == Verdict(rows=1, heads=2, uncovered=0)
    with pytest.raises(DBAPIError, match="never changed or deleted"), engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_log"))
