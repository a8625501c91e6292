"""Whatever is done to the audit log behind its back is found, and the first bad row is named."""

# ruff: noqa: S608 - the statements are the tests' own
from __future__ import annotations

import shutil
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from looking import KEY, a_look
from sqlalchemy import insert, update

from conversations import audit_verify
from conversations.audit import AuditLog
from conversations.audit_heads import HeadFile
from conversations.audit_seal import START, seal
from conversations.audit_verify import Verdict
from conversations.migrate import migrate
from conversations.storage import open_engine
from conversations.tables import AuditEndRow, AuditRow

ROWS = 12
COLUMNS = list(AuditRow.__table__.c.keys())
TEXTS = [name for name in COLUMNS if name != "seq"]
numbers = st.integers(1, ROWS)
often = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Kept:
    """A log of `ROWS` looks, all of them covered by heads, to copy and to meddle with."""

    folder: Path

    def copied(self) -> Path:
        target = self.folder / "copy"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.folder / "kept", target)
        return target


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("audit")
    (folder / "kept").mkdir()
    engine = open_engine(f"sqlite:///{folder}/kept/helpdesk.db")
    migrate(engine)
    log = AuditLog(engine, KEY, HeadFile(folder / "kept/audit.heads"), every_records=5)
    for n in range(ROWS):
        log.record(a_look(n, conversation_id=None if n % 3 else f"conversation-{n}"))
    log.close()
    engine.dispose()
    return Kept(folder)


@contextmanager
def meddling(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the database as somebody would who has the file: the triggers are gone."""
    with closing(sqlite3.connect(folder / "helpdesk.db")) as connection, connection:
        connection.execute("DROP TRIGGER IF EXISTS audit_log_refuses_update")
        connection.execute("DROP TRIGGER IF EXISTS audit_log_refuses_delete")
        yield connection


def verified(folder: Path, heads: bool = True) -> Verdict:
    engine = open_engine(f"sqlite:///{folder}/helpdesk.db")
    try:
        return audit_verify.verify(engine, KEY, HeadFile(folder / "audit.heads") if heads else None)
    finally:
        engine.dispose()


def meddled(kept: Kept, *statements: str, values: tuple[Any, ...] = ()) -> Verdict:
    folder = kept.copied()
    with meddling(folder) as connection:
        for statement in statements:
            assert connection.execute(statement, values).rowcount
    return verified(folder)


def row(connection: sqlite3.Connection, seq: int) -> tuple[Any, ...]:
    return tuple(connection.execute("SELECT * FROM audit_log WHERE seq = ?", (seq,)).fetchone())


def put(connection: sqlite3.Connection, values: tuple[Any, ...]) -> None:
    connection.execute(f"INSERT INTO audit_log VALUES ({', '.join('?' * len(COLUMNS))})", values)


def test_untouched_log_is_sound(kept: Kept) -> None:
    verdict = verified(kept.copied())
    assert (verdict.rows, verdict.uncovered, verdict.fault) == (ROWS, 0, None)
    assert verdict.heads >= 2
    assert verdict.ok


@often
@given(seq=numbers, column=st.sampled_from(TEXTS), value=st.text(max_size=70) | st.binary(max_size=70))
def test_any_edit_of_any_column_is_found(kept: Kept, seq: int, column: str, value: str | bytes) -> None:
    folder = kept.copied()
    with meddling(folder) as connection:
        before = row(connection, seq)
        connection.execute(f"UPDATE audit_log SET {column} = ? WHERE seq = ?", (value, seq))
        assume(row(connection, seq) != before)
    verdict = verified(folder)
    assert (verdict.fault, verdict.seq, verdict.rows) == ("changed", seq, seq - 1)


@often
@given(seq=numbers, column=st.sampled_from(TEXTS), place=st.integers(0, 70), other=st.characters(codec="ascii"))
def test_any_edit_of_one_character_is_found(kept: Kept, seq: int, column: str, place: int, other: str) -> None:
    folder = kept.copied()
    with meddling(folder) as connection:
        text = row(connection, seq)[COLUMNS.index(column)]
        assume(text)
        place %= len(text)
        assume(text[place] != other)
        changed = text[:place] + other + text[place + 1 :]
        connection.execute(f"UPDATE audit_log SET {column} = ? WHERE seq = ?", (changed, seq))
    assert (verified(folder).fault, verified(folder).seq) == ("changed", seq)


@often
@given(seq=numbers, value=st.integers(-100, 100))
def test_another_number_is_found(kept: Kept, seq: int, value: int) -> None:
    assume(not 1 <= value <= ROWS)
    verdict = meddled(kept, f"UPDATE audit_log SET seq = {value} WHERE seq = {seq}")
    assert (verdict.fault, verdict.seq) in [("missing", seq), ("inserted", value), ("cut", seq)]


@pytest.mark.parametrize("seq", range(1, ROWS + 1))
def test_a_removed_row_is_found(kept: Kept, seq: int) -> None:
    verdict = meddled(kept, f"DELETE FROM audit_log WHERE seq = {seq}")
    assert (verdict.fault, verdict.seq) == ("missing" if seq < ROWS else "cut", seq)


@often
@given(at=st.integers(1, ROWS + 1), copied=numbers)
def test_an_inserted_row_is_found_although_the_others_move_up(kept: Kept, at: int, copied: int) -> None:
    folder = kept.copied()
    with meddling(folder) as connection:
        forged = row(connection, copied)
        for seq in range(ROWS, at - 1, -1):
            connection.execute("UPDATE audit_log SET seq = seq + 1 WHERE seq = ?", (seq,))
        put(connection, (at, *forged[1:]))
    verdict = verified(folder)
    assert (verdict.fault, verdict.seq) == ("changed", at + (copied == at))


@often
@given(pair=st.tuples(numbers, numbers).filter(lambda pair: pair[0] != pair[1]))
def test_two_rows_that_changed_places_are_found(kept: Kept, pair: tuple[int, int]) -> None:
    folder = kept.copied()
    with meddling(folder) as connection:
        one, other = (row(connection, seq) for seq in pair)
        connection.execute("DELETE FROM audit_log WHERE seq IN (?, ?)", pair)
        put(connection, (pair[1], *one[1:]))
        put(connection, (pair[0], *other[1:]))
    assert (verified(folder).fault, verified(folder).seq) == ("changed", min(pair))


@pytest.mark.parametrize("left", range(ROWS))
def test_a_cut_tail_is_found_by_the_heads(kept: Kept, left: int) -> None:
    last = f"(SELECT hash FROM audit_log WHERE seq = {left})"
    end = f"UPDATE audit_end SET seq = {left}, hash = coalesce({last}, ''), mac = ''"
    verdict = meddled(kept, end, f"DELETE FROM audit_log WHERE seq > {left}")
    assert (verdict.fault, verdict.seq, verdict.rows) == ("cut", left + 1, left)


def test_a_cut_tail_is_found_without_heads_unless_the_end_was_kept_from_before(kept: Kept) -> None:
    folder = kept.copied()
    with meddling(folder) as connection:
        connection.execute(f"DELETE FROM audit_log WHERE seq = {ROWS}")
    assert verified(folder, heads=False).fault == "cut"
    with meddling(folder) as connection:
        connection.execute(
            f"UPDATE audit_end SET seq = {ROWS - 1}, hash = (SELECT hash FROM audit_log WHERE seq = {ROWS - 1})"
        )
    assert verified(folder, heads=False).fault == "end_changed"


@pytest.mark.parametrize("first", [1, 4, ROWS])
def test_a_log_written_anew_with_the_key_is_found_by_the_heads(kept: Kept, first: int) -> None:
    folder = kept.copied()
    with meddling(folder) as connection:
        prev = row(connection, first - 1)[-1] if first > 1 else START
        for seq in range(first, ROWS + 1):
            values = (*row(connection, seq)[:-2], prev)
            values = tuple("changed" if name == "purpose" else v for name, v in zip(COLUMNS, values, strict=False))
            prev = seal(KEY, "row", values)
            connection.execute("DELETE FROM audit_log WHERE seq = ?", (seq,))
            put(connection, (*values, prev))
        connection.execute("UPDATE audit_end SET hash = ?, mac = ?", (prev, seal(KEY, "end", (ROWS, prev))))
    assert verified(folder, heads=False).ok, "without heads nobody could tell"
    verdict = verified(folder)
    assert verdict.fault == "rewritten"
    assert first <= (verdict.seq or 0) <= ROWS


def test_a_soundly_sealed_row_that_does_not_follow_is_found(kept: Kept) -> None:
    folder = kept.copied()
    with meddling(folder) as connection:
        values = (*row(connection, 5)[:-2], "0" * 64)
        connection.execute("DELETE FROM audit_log WHERE seq = 5")
        put(connection, (*values, seal(KEY, "row", values)))
    assert (verified(folder).fault, verified(folder).seq) == ("rewritten", 5)


def test_text_that_the_database_cannot_read_is_found(kept: Kept) -> None:
    verdict = meddled(kept, "UPDATE audit_log SET purpose = CAST(x'ff' AS TEXT) WHERE seq = 7")
    assert (verdict.fault, verdict.seq, verdict.rows) == ("changed", 7, 6)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE audit_end SET seq = seq - 1", "end_changed"),
        ("UPDATE audit_end SET seq = seq + 1", "end_changed"),
        ("UPDATE audit_end SET hash = 'x'", "end_changed"),
        ("UPDATE audit_end SET mac = ''", "end_changed"),
        ("UPDATE audit_end SET seq = 0, hash = '', mac = ''", "end_changed"),
        ("DELETE FROM audit_end", "end_changed"),
    ],
)
def test_a_changed_end_is_found(kept: Kept, change: str, fault: str) -> None:
    assert meddled(kept, change).fault == fault


def test_another_key_finds_no_row_sound(kept: Kept) -> None:
    engine = open_engine(f"sqlite:///{kept.copied()}/helpdesk.db")
    verdict = audit_verify.verify(engine, b"another key", None)
    engine.dispose()
    assert (verdict.fault, verdict.seq) == ("changed", 1)


@pytest.mark.parametrize(
    ("change", "fault", "seq"),
    [
        (lambda text: "", "no_heads", None),
        (lambda text: text.replace('"seq": 0', '"seq": 3', 1), "head_damaged", 1),
        (lambda text: "no head\n" + text, "head_damaged", 1),
        (lambda text: "[1, 2]\n" + text, "head_damaged", 1),
        (lambda text: text + '{"seq": 1, "hash": "x", "at": "now"}\n', "head_damaged", None),
        (lambda text: text + "half a li", None, None),
    ],
)
def test_changes_of_the_head_file_are_found(
    kept: Kept, change: Callable[[str], str], fault: str | None, seq: int | None
) -> None:
    folder = kept.copied()
    file = folder / "audit.heads"
    lines = file.read_text().count("\n")
    file.write_text(change(file.read_text()))
    verdict = verified(folder)
    assert verdict.fault == fault
    assert verdict.seq == (lines + 1 if fault == "head_damaged" and seq is None else seq)


def test_a_removed_head_file_is_found(kept: Kept) -> None:
    folder = kept.copied()
    (folder / "audit.heads").unlink()
    assert verified(folder).fault == "no_heads"


def test_an_empty_log_is_sound(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/helpdesk.db")
    migrate(engine)
    assert audit_verify.verify(engine, KEY, HeadFile(tmp_path / "none")) == Verdict(rows=0, heads=0, uncovered=0)
    engine.dispose()


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/helpdesk.db")
    migrate(engine)
    peaks = []
    for rows in (2 * audit_verify.CHUNK, 6 * audit_verify.CHUNK):
        fill(tmp_path, rows)
        audit_verify.verify(engine, KEY, None)
        tracemalloc.start()
        assert audit_verify.verify(engine, KEY, None) == Verdict(rows=rows, heads=0, uncovered=rows)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    engine.dispose()
    assert peaks[1] < 1.1 * peaks[0]


def fill(folder: Path, rows: int) -> None:
    """Have the log hold so many soundly sealed rows."""
    engine = open_engine(f"sqlite:///{folder}/helpdesk.db")
    with meddling(folder) as connection:
        connection.execute("DELETE FROM audit_log")
    prev, made = START, []
    for seq in range(1, rows + 1):
        values = (seq, "2026-04-17T03:11:12.123456+00:00", "a" * 24, "guardian", "chongqing", "b" * 24, "asked", "card")
        values = (*values, None, prev)  # type: ignore[assignment]
        prev = seal(KEY, "row", values)
        made.append(dict(zip(COLUMNS, (*values, prev), strict=True)))
    with engine.begin() as connection:
        connection.execute(insert(AuditRow), made)
        connection.execute(update(AuditEndRow).values(seq=rows, hash=prev, mac=seal(KEY, "end", (rows, prev))))
    engine.dispose()
