"""Backups: one snapshot of all tables that comes back whole, on and across both databases, or is refused whole."""

from __future__ import annotations

import hashlib
import json
import stat
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copy, copy2
from typing import Any
from zipfile import ZipFile

import pytest
from alembic import command
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Engine,
    Float,
    Integer,
    LargeBinary,
    String,
    Text,
    cast,
    func,
    insert,
    inspect,
    select,
    text,
)

from conversations.archive import BackupFileError, new_archive, open_archive
from conversations.audit import AuditLog
from conversations.audit_heads import HeadFile
from conversations.backup import VERSION_TABLE, back_up
from conversations.migrate import alembic_config, migrate
from conversations.reply import TextMessage
from conversations.restore import restore
from conversations.storage import ConversationStore, open_engine
from conversations.tables import Base, ConversationRow, SaidRow, UtcDateTime
from core.errors import HelpdeskError, NotAuthenticatedError
from core.private_files import FileNotWrittenError
from core.scope import Scope
from escalation.desk import Draft, TicketDesk
from escalation.listing import Reach
from escalation.outbox import Outbox
from escalation.routing import own_rules
from escalation.rules import Actor, Command, Place
from escalation.tables import OutboxRow, TicketEventRow, TicketRow
from tests.conversations.conftest import postgres_schema
from tests.conversations.looking import KEY, a_look

PARENT, SCHOOL = Actor("parent:1", "家长", "parent"), Actor("school-1", "王老师", "school")
WORDS = '孩子“户口”在外婆家,\n\t"怎么办"?\u2028 \\ 😀'
TABLES = set(Base.metadata.tables)
Make = Callable[[str], Engine]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Give `make(dialect)`: an engine on an empty database of its own."""
    with ExitStack() as stack:

        def new(dialect: str) -> Engine:
            number = len(list(tmp_path.glob("*.db")))
            sqlite = f"sqlite:///{tmp_path / f'{number}.db'}"
            engine = open_engine(sqlite if dialect == "sqlite" else stack.enter_context(postgres_schema()))
            stack.callback(engine.dispose)
            engine.connect().close()
            return engine

        yield new


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the database of a small service that was worked with, `used.db`, and its `backup.zip`."""
    folder = tmp_path_factory.mktemp("once")
    engine = open_engine(f"sqlite:///{folder}/used.db")
    worked_with(engine)
    back_up(engine, folder / "backup.zip")
    engine.dispose()
    return folder


@pytest.fixture
def source(once: Path, tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{copy(once / 'used.db', tmp_path / 'used.db')}")
    yield engine
    engine.dispose()


@pytest.fixture
def backup(once: Path, tmp_path: Path) -> Path:
    return Path(copy2(once / "backup.zip", tmp_path))


def worked_with(engine: Engine) -> tuple[str, str, str]:
    """Migrate, work a little with the real parts; return a conversation, its secret and its ticket."""
    migrate(engine)
    store = ConversationStore(engine)
    conversation, secret = store.create(Scope("chongqing", "渝北区"), [TextMessage(text=WORDS)])
    store.begin_turn(conversation.id, WORDS)
    desk = TicketDesk(engine, own_rules())
    place = Place("chongqing", "渝北区", "某小学")
    ticket, _ = desk.create(Draft("key-1", place, WORDS, conversation_id=conversation.id), PARENT)
    desk.act(ticket.id, Command("claim", ticket.version), SCHOOL, Reach())
    log = AuditLog(engine, KEY, None)
    for n in range(3):
        log.record(a_look(n))
    return conversation.id, secret, ticket.id


def fill_every_table(engine: Engine) -> None:
    """Put two odd rows into each table, whatever its columns; what a row refers to is there, too."""
    with engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name not in ("audit_log", "audit_end"):
                connection.execute(insert(table), [{c.key: odd(c, n) for c in table.columns} for n in (0, 1)])


MOMENT = datetime(2026, 7, 1, 23, 59, 59, 123456, UTC)
ODD: dict[type, Callable[[int], Any]] = {
    JSON: lambda _: {"深": [None, True, 1e-9, WORDS]},
    Boolean: bool,
    BigInteger: lambda n: 2**62 + n,
    Integer: lambda n: 1000 + n,
    LargeBinary: lambda n: bytes(range(256)) * (n + 1),
    Float: lambda n: 0.1 + 0.2 + n,
    UtcDateTime: lambda n: MOMENT + timedelta(days=200 * n),
}


def odd(column: Column[Any], n: int) -> Any:
    for key in column.foreign_keys:
        return odd(key.column, n)
    if column.nullable and n:
        return None
    if type(column.type) in ODD:
        return ODD[type(column.type)](n)
    assert isinstance(column.type, String), column
    return f"{n}-{column.name}-{WORDS}"[: column.type.length or 400]


def contents(engine: Engine) -> dict[str, list[str]]:
    """Return every row of every table, as text; what a JSON column holds as its text."""
    found = {}
    with engine.connect() as connection:
        for name, table in Base.metadata.tables.items():
            columns = [cast(c, Text) if isinstance(c.type, JSON) else c for c in table.columns]
            found[name] = sorted(repr([*map(plain, row)]) for row in connection.execute(select(*columns)))
    return found


def plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def changed(backup: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Write the backup anew, with other entries."""
    with ZipFile(backup) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    made = backup.with_name("changed.zip")
    with ZipFile(made, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return made


def told(entries: dict[str, bytes], change: Callable[[Any], None]) -> None:
    manifest = json.loads(entries["manifest.json"])
    change(manifest)
    entries["manifest.json"] = json.dumps(manifest).encode()


def retold(entries: dict[str, bytes], table: str, lines: list[bytes]) -> None:
    """Replace a table's lines, and what the manifest tells of them."""
    whole = entries[f"{table}.jsonl"] = b"".join(lines)
    facts = {"rows": len(lines), "sha256": hashlib.sha256(whole).hexdigest()}
    told(entries, lambda manifest: manifest["tables"][table].update(facts))


class TestThereAndBack:
    @pytest.mark.parametrize("to", ["sqlite", "postgresql"])
    @pytest.mark.parametrize("of", ["sqlite", "postgresql"])
    def test_every_row_of_every_table_is_the_same(self, make: Make, tmp_path: Path, of: str, to: str) -> None:
        before, after, path = make(of), make(to), tmp_path / "backup.zip"
        worked_with(before)
        fill_every_table(before)
        there = contents(before)
        manifest = back_up(before, path)
        assert {name: entry.rows for name, entry in manifest.tables.items()} == {n: len(r) for n, r in there.items()}
        assert all(there.values())
        assert restore(after, path) == manifest
        assert contents(after) == there
        assert set(inspect(before).get_table_names()) - {VERSION_TABLE} == set(manifest.tables) == TABLES
        again = tmp_path / "again.zip"
        assert {n: e.rows for n, e in back_up(after, again).tables.items()} == {n: len(r) for n, r in there.items()}

    @pytest.mark.parametrize("to", ["sqlite", "postgresql"])
    @pytest.mark.parametrize("of", ["sqlite", "postgresql"])
    def test_work_goes_on_where_it_stopped(self, make: Make, tmp_path: Path, of: str, to: str) -> None:
        before, after, path = make(of), make(to), tmp_path / "backup.zip"
        conversation, secret, ticket = worked_with(before)
        back_up(before, path)
        restore(after, path)
        store, desk = ConversationStore(after), TicketDesk(after, own_rules())
        store.authenticate(conversation, secret)
        with pytest.raises(NotAuthenticatedError):
            store.authenticate(conversation, secret[:-1] + "?")
        assert store.said_after(conversation, 0)[0].message == TextMessage(text=WORDS)
        fresh, _ = store.create(Scope("qingdao"), [TextMessage(text="您好")])
        assert len(store.said_after(fresh.id, 0)) == 1
        steps = Outbox(after).last()
        file = desk.act(ticket, Command("reply", 3, text="可以就近登记"), SCHOOL, Reach())
        assert [event.kind for event in file.events] == ["create", "dispatch", "claim", "reply"]
        assert Outbox(after).last() > steps > 0
        heads = HeadFile(tmp_path / "heads")
        log = AuditLog(after, KEY, heads)
        assert log.record(a_look(4)) == 4
        log.close()
        assert log.verify().ok
        assert log.verify().rows == 4

    def test_null_of_json_and_no_value_stay_two_things(self, make: Make, tmp_path: Path) -> None:
        before, after = make("sqlite"), make("postgresql")
        worked_with(before)
        with before.begin() as connection:
            connection.execute(text("UPDATE turns SET intent = 'null', details = NULL"))
        back_up(before, tmp_path / "backup.zip")
        restore(after, tmp_path / "backup.zip")
        with after.connect() as connection:
            row = connection.execute(text("SELECT CAST(intent AS TEXT), details IS NULL FROM turns")).one()
        assert tuple(row) == ("null", True)

    @pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
    def test_an_installation_that_was_started_but_not_used_is_empty(
        self, make: Make, backup: Path, source: Engine, dialect: str
    ) -> None:
        target = make(dialect)
        migrate(target)
        restore(target, backup)
        assert contents(target) == contents(source)

    @pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
    @pytest.mark.parametrize("started", [False, True])
    def test_backup_of_an_older_version_is_brought_up_to_date(
        self, make: Make, tmp_path: Path, dialect: str, started: bool
    ) -> None:
        old, target = make("sqlite"), make(dialect)
        with old.begin() as connection:
            command.upgrade(alembic_config(connection), "0001")
            columns = "id, secret_hash, city, owner, turns, last_seq, memory, created_at"
            values = "'c-1', 'h', 'qingdao', 'bot', 1, 0, '{}', '2025-07-01 02:00:00'"
            connection.execute(text(f"INSERT INTO conversations ({columns}) VALUES ({values})"))  # noqa: S608
        assert back_up(old, tmp_path / "old.zip").revision == "0001"
        if started:
            migrate(target)
        restore(target, tmp_path / "old.zip")
        assert set(inspect(target).get_table_names()) >= TABLES
        conversation = ConversationStore(target).get("c-1")
        assert (conversation.scope.city, conversation.fence) == ("qingdao", 0)
        AuditLog(target, KEY, None).record(a_look(1))

    @pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
    def test_backup_beside_writers_is_of_one_moment(self, make: Make, tmp_path: Path, dialect: str) -> None:
        engine, stop = make(dialect), threading.Event()
        worked_with(engine)
        store, desk = ConversationStore(engine), TicketDesk(engine, own_rules())

        def write() -> None:
            while not stop.is_set():
                conversation, _ = store.create(Scope("qingdao"), [TextMessage(text="您好")])
                store.begin_turn(conversation.id, "怎么报名")
                place = Place("qingdao", "市南区")
                desk.create(Draft(conversation.id, place, "怎么报名", conversation_id=conversation.id), PARENT)

        writers = [threading.Thread(target=write) for _ in range(2)]
        for writer in writers:
            writer.start()
        manifests = [back_up(engine, tmp_path / f"{n}.zip") for n in range(4)]
        stop.set()
        for writer in writers:
            writer.join()
        rows = [manifest.tables["conversations"].rows for manifest in manifests]
        assert rows == sorted(set(rows)), "nothing was written meanwhile"
        for n in range(4):
            target = make("sqlite")
            restore(target, tmp_path / f"{n}.zip")
            assert_whole(target)


def assert_whole(engine: Engine) -> None:
    """Every conversation has all that was said, every ticket all its steps, every step its outbox row."""
    said = select(func.count()).where(SaidRow.conversation_id == ConversationRow.id).scalar_subquery()
    steps = select(func.count()).where(TicketEventRow.ticket_id == TicketRow.id).scalar_subquery()
    with engine.connect() as connection:
        assert connection.execute(select(ConversationRow.id).where(ConversationRow.last_seq != said)).all() == []
        assert connection.execute(select(TicketRow.id).where(TicketRow.version != steps)).all() == []
        events = connection.execute(select(func.count()).select_from(TicketEventRow)).scalar_one()
        assert connection.execute(select(func.count()).select_from(OutboxRow)).scalar_one() == events
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


class TestTheFile:
    def test_only_its_owner_may_read_it_and_nothing_else_is_left(self, source: Engine, tmp_path: Path) -> None:
        folder = tmp_path / "backups"
        folder.mkdir()
        back_up(source, folder / "b.zip")
        assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()] == [("b.zip", 0o600)]

    def test_another_file_is_replaced_only_by_force(self, backup: Path, source: Engine) -> None:
        backup.write_text("older")
        with pytest.raises(FileNotWrittenError, match="is there already; --force replaces it"):
            back_up(source, backup)
        assert backup.read_text() == "older"
        back_up(source, backup, force=True)
        with open_archive(backup) as archive:
            archive.check()

    def test_failed_backup_leaves_the_older_file_and_no_other(self, backup: Path, source: Engine) -> None:
        whole = backup.read_bytes()
        with source.begin() as connection:
            connection.execute(text("UPDATE turns SET text = x'ff00'"))
        with pytest.raises(HelpdeskError, match="turns can't be read"):
            back_up(source, backup, force=True)
        assert backup.read_bytes() == whole
        assert [path.name for path in backup.parent.glob("*backup*")] == ["backup.zip"]

    def test_folder_that_is_not_there_is_named(self, source: Engine, tmp_path: Path) -> None:
        with pytest.raises(FileNotWrittenError, match=r"cannot write .*nowhere/b.zip: No such file"):
            back_up(source, tmp_path / "nowhere/b.zip")

    def test_an_empty_database_is_not_backed_up(self, make: Make, tmp_path: Path) -> None:
        with pytest.raises(HelpdeskError, match="nothing to back up"):
            back_up(make("sqlite"), tmp_path / "b.zip")
        assert not (tmp_path / "b.zip").exists()

    def test_memory_does_not_grow_with_the_rows(self, tmp_path: Path) -> None:
        def peak(rows: int) -> int:
            path = tmp_path / f"{rows}.zip"
            tracemalloc.start()
            with new_archive(path) as archive:
                archive.add("said", ["text"], ([f"{n}{WORDS}"] for n in range(rows)))
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return most

        assert peak(30_000) < peak(3_000) + 200_000


def nothing_in(engine: Engine) -> bool:
    return inspect(engine).get_table_names() == []


class TestRefused:
    @pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9, 0.999])
    def test_cut_off_file(self, make: Make, backup: Path, share: float) -> None:
        whole, target = backup.read_bytes(), make("sqlite")
        backup.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(BackupFileError, match=r"is no backup, or was cut off|is damaged"):
            restore(target, backup)
        assert nothing_in(target)

    def test_a_flipped_bit_is_found_or_means_nothing(self, backup: Path) -> None:
        whole, refused = backup.read_bytes(), 0
        with open_archive(backup) as archive:
            rows = {name: [*archive.rows(name)] for name in archive.manifest.tables}
        for place in range(0, len(whole), 37):
            backup.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            try:
                with open_archive(backup) as archive:
                    archive.check()
                    assert {name: [*archive.rows(name)] for name in archive.manifest.tables} == rows
            except BackupFileError:
                refused += 1
        assert refused > len(whole) / 37 / 2

    @pytest.mark.parametrize("content", [b"", b"PK", "不是备份".encode(), b"\0" * 10_000])
    def test_another_file(self, make: Make, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(BackupFileError, match="is no backup, or was cut off"):
            restore(make("sqlite"), tmp_path / "other")

    def test_file_that_is_not_there(self, make: Make, tmp_path: Path) -> None:
        with pytest.raises(BackupFileError, match=r"cannot read .*none.zip: No such file"):
            restore(make("sqlite"), tmp_path / "none.zip")

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda e: e.pop("manifest.json"), "it has no manifest"),
            (lambda e: e.update({"manifest.json": b"{}"}), "none of format 1: "),
            (lambda e: told(e, lambda m: m.update(format=2)), "none of format 1: format"),
            (lambda e: told(e, lambda m: m.update(more=1)), "none of format 1: more"),
            (lambda e: told(e, lambda m: m["tables"]["said"].update(rows=0)), "said is not what the manifest says"),
            (lambda e: told(e, lambda m: m["tables"].pop("said")), "manifest and the tables in the file differ"),
            (lambda e: e.pop("said.jsonl"), "manifest and the tables in the file differ"),
            (lambda e: e.update({"said.jsonl": e["said.jsonl"] * 2}), "said is not what the manifest says"),
            (lambda e: e.update({"../../etc/x.jsonl": b""}), "manifest and the tables in the file differ"),
            (lambda e: told(e, lambda m: m.update(revision="9999")), r"newer version of the service \(revision 9999\)"),
            (lambda e: retold(e, "said", [b"{}\n"]), "a row of said does not have the manifest's columns"),
            (lambda e: retold(e, "said", [b"[1]\n"]), "a row of said does not have the manifest's columns"),
            (lambda e: retold(e, "said", [b"nonsense\n"]), "a row of said was refused"),
            (lambda e: retold(e, "said", e["said.jsonl"].splitlines(True) * 2), "a row of said was refused"),
            (lambda e: retold(e, "conversations", []), "refers to one that is not in the backup|was refused"),
            (lambda e: told(e, lambda m: m.update(revision="0006")), "are not those of its revision 0006"),
        ],
    )
    @pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
    def test_file_that_was_changed(
        self, make: Make, backup: Path, dialect: str, change: Callable[[dict[str, bytes]], None], says: str
    ) -> None:
        target = make(dialect)
        with pytest.raises(HelpdeskError, match=says) as refused:
            restore(target, changed(backup, change))
        assert "户口" not in str(refused.value)
        assert nothing_in(target)
        restore(target, backup)

    @pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
    def test_installation_with_rows(self, make: Make, backup: Path, dialect: str) -> None:
        target = make(dialect)
        migrate(target)
        ConversationStore(target).create(Scope(), [])
        before = contents(target)
        with pytest.raises(HelpdeskError, match=r"not empty \(conversations has rows\)"):
            restore(target, backup)
        assert contents(target) == before

    def test_installation_with_nothing_but_looks(self, make: Make, backup: Path) -> None:
        target = make("sqlite")
        migrate(target)
        AuditLog(target, KEY, None).record(a_look(1))
        with pytest.raises(HelpdeskError, match="not empty"):
            restore(target, backup)

    def test_installation_of_a_newer_version(self, make: Make, backup: Path) -> None:
        target = make("sqlite")
        migrate(target)
        with target.begin() as connection:
            connection.execute(text("UPDATE conversations_version SET version_num = '9999'"))
        with pytest.raises(HelpdeskError, match="belongs to a newer version"):
            restore(target, backup)

    @pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
    def test_guards_of_the_audit_log_are_there_afterwards(self, make: Make, backup: Path, dialect: str) -> None:
        target = make(dialect)
        restore(target, backup)
        with pytest.raises(Exception, match="never changed or deleted"), target.begin() as connection:
            connection.execute(text("DELETE FROM audit_log"))
        if dialect == "sqlite":
            with target.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
