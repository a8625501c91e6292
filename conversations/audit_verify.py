"""Verify the audit log: every row's seal, the chain, the end, and every head.

Rows are read in order, a few thousand at a time, beside a running service: what it adds meanwhile does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from sqlalchemy import Engine, Row, func, or_, select
from sqlalchemy.exc import OperationalError

from conversations.audit_heads import Head, HeadFile
from conversations.audit_seal import ROW, START, seal
from conversations.tables import AuditEndRow, AuditRow

CHUNK = 5_000
HEADS_AT_ONCE = 500
Fault = Literal["missing", "inserted", "changed", "cut", "rewritten", "end_changed", "head_damaged", "no_heads"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found.

    Args:
        rows: rows that were found sound.
        heads: heads that were compared with the rows.
        uncovered: sound rows after the last head.
        fault: what is wrong first, or None. `missing`: a number has no row. `changed`: a row is not what was recorded
            under its number. `inserted`: a row too many. `rewritten`: soundly sealed rows that are not those of a head,
            or don't follow one another. `cut`: rows are gone at the end. `end_changed`: the record of the log's end is
            not ours. `head_damaged`: a line of the head file is not ours. `no_heads`: there are rows, but no head.
        seq: number of the first bad row, for `head_damaged` of the line; None where there is none to name.
    """

    rows: int
    heads: int
    uncovered: int
    fault: Fault | None = None
    seq: int | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None


def verify(engine: Engine, key: bytes, heads: HeadFile | None) -> Verdict:
    """Check the whole log; the memory that it takes does not grow with it."""
    walk = _Walk(engine, key)
    fault, seq = None, None
    try:
        walk.check_rows()
        if heads:
            walk.check_heads(heads)
        walk.check_end()
    except _FaultError as error:
        fault, seq = error.fault, error.seq
    return Verdict(walk.rows, walk.heads, max(0, walk.rows - walk.covered), fault, seq)


class _FaultError(Exception):
    def __init__(self, fault: Fault, seq: int | None = None) -> None:
        super().__init__(fault)
        self.fault, self.seq = fault, seq


class _Walk:
    """One verification under way: how many rows and heads were sound, and the last sound row's hash."""

    def __init__(self, engine: Engine, key: bytes) -> None:
        self._engine, self._key, self._hash = engine, key, START
        self.rows = self.heads = self.covered = 0

    def check_rows(self) -> None:
        """Check each row's number, seal and place in the chain."""
        while chunk := self._chunk(CHUNK):
            for row in chunk:
                self._check_row(row)
        with self._engine.connect() as connection:
            upto = or_(AuditRow.seq.is_(None), AuditRow.seq <= self.rows)
            if connection.execute(select(func.count()).select_from(AuditRow).where(upto)).scalar_one() != self.rows:
                raise _FaultError("inserted")

    def check_heads(self, file: HeadFile) -> None:
        """Check that every head fits the row that was the last one then."""
        lines = file.read(self._key)
        while some := list(islice(lines, HEADS_AT_ONCE)):
            found = {0: START} | self._hashes([head.seq for head in some if head])
            for head in some:
                self._check_head(head, found)
        if self.rows and not self.heads:
            raise _FaultError("no_heads")

    def check_end(self) -> None:
        """Check the record of the log's end. It is read last, so it can't be behind the rows that were read."""
        with self._engine.connect() as connection:
            end = connection.execute(select(AuditEndRow.seq, AuditEndRow.hash, AuditEndRow.mac)).one_or_none()
        if end is None or end.seq < self.rows:
            raise _FaultError("end_changed")
        if end.seq == 0:
            return
        if end.mac != seal(self._key, "end", (end.seq, end.hash)):
            raise _FaultError("end_changed")
        digest = self._hashes([end.seq]).get(end.seq)
        if digest is None:
            raise _FaultError("cut", self.rows + 1)
        if digest != end.hash:
            raise _FaultError("rewritten", end.seq)

    def _chunk(self, limit: int) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return the next rows; a row that the database can't even read is a changed one."""
        rows = select(*ROW, AuditRow.hash).order_by(AuditRow.seq).limit(limit)
        if self.rows:
            rows = rows.where(AuditRow.seq > self.rows)
        try:
            with self._engine.connect() as connection:
                return connection.execute(rows).all()
        except OperationalError as error:
            if "decode" not in str(error.orig):
                raise
            if limit == 1:
                raise _FaultError("changed", self.rows + 1) from error
            return self._chunk(limit // 2)

    def _check_row(self, row: Row[*tuple[Any, ...]]) -> None:
        seq, due = row[0], self.rows + 1
        if seq != due:
            raise _FaultError("missing", due) if seq > due else _FaultError("inserted", seq)
        if row[-1] != self._seal(row):
            raise _FaultError("changed", seq)
        if row[-2] != self._hash:
            raise _FaultError("rewritten", seq)
        self.rows, self._hash = seq, row[-1]

    def _seal(self, row: Row[*tuple[Any, ...]]) -> str | None:
        try:
            return seal(self._key, "row", row[:-1])
        except TypeError:  # bytes, where a text was
            return None

    def _check_head(self, head: Head | None, found: dict[int, str]) -> None:
        self.heads += 1
        if head is None:
            raise _FaultError("head_damaged", self.heads)
        if head.seq not in found:
            raise _FaultError("cut", self.rows + 1)
        if found[head.seq] != head.hash:
            raise _FaultError("rewritten", head.seq)
        self.covered = max(self.covered, head.seq)

    def _hashes(self, numbers: list[int]) -> dict[int, str]:
        with self._engine.connect() as connection:
            found = connection.execute(select(AuditRow.seq, AuditRow.hash).where(AuditRow.seq.in_(numbers)))
            return {row.seq: row.hash for row in found}
