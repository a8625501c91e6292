"""Erase conversations and the links of pseudonyms that none needs any more; the audit log itself stays whole.

Works in short transactions beside a running service. Whatever table refers to a conversation is emptied with it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Connection, Engine, Table, and_, delete, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from conversations import pseudonyms
from conversations.news import NewsStore
from conversations.tables import Base, ConversationRow, PseudonymRow, PseudonymUseRow, SaidRow
from core import clock
from core.errors import HelpdeskError

BATCH = 50
"""Conversations erased in one transaction, and half the pseudonyms that are looked through in one."""
PAUSE = 0.05
"""Seconds between two transactions, in which the service has the database to itself."""
_TRIES = 20

_HAS_CONVERSATION = exists().where(ConversationRow.id == PseudonymUseRow.conversation_id)
_USED = exists().where(PseudonymUseRow.pseudonym == PseudonymRow.pseudonym)


@dataclass(frozen=True, slots=True)
class Idle:
    """Everything of conversations in which nothing was said since `before`."""

    before: datetime

    def conversations(self) -> ColumnElement[bool]:
        """Which conversations are erased."""
        said = exists().where(SaidRow.conversation_id == ConversationRow.id, SaidRow.at >= self.before)
        return and_(ConversationRow.created_at < self.before, ~said)

    def other_uses(self) -> ColumnElement[bool]:
        """Which uses of pseudonyms outside of any conversation end, too: those that are as old."""
        return PseudonymUseRow.at < self.before


@dataclass(frozen=True, slots=True)
class Guardian:
    """Everything of one guardian, however new."""

    id: str

    def conversations(self) -> ColumnElement[bool]:
        """Which conversations are erased."""
        return ConversationRow.guardian == self.id

    def other_uses(self) -> ColumnElement[bool]:
        """Which uses of pseudonyms outside of any conversation end, too: of the guardian and the applications seen."""
        own = and_(PseudonymRow.kind == "guardian", PseudonymRow.value == self.id)
        theirs = select(ConversationRow.id).where(self.conversations())
        seen = select(PseudonymUseRow.pseudonym).where(PseudonymUseRow.conversation_id.in_(theirs))
        seen_applications = and_(PseudonymRow.kind == "application", PseudonymRow.pseudonym.in_(seen))
        return PseudonymUseRow.pseudonym.in_(select(PseudonymRow.pseudonym).where(or_(own, seen_applications)))


Erased = Idle | Guardian
_Of = Callable[[Any], ColumnElement[bool]]
Counts = Counter[str]
"""Rows by table; every table that was looked at is there."""


def count(engine: Engine, what: Erased) -> Counts:
    """Return what `purge` would delete now."""
    ids = select(ConversationRow.id).where(what.conversations())
    ends = or_(PseudonymUseRow.conversation_id.in_(ids), and_(~_HAS_CONVERSATION, what.other_uses()))
    with engine.connect() as connection:
        counts: Counts = Counter({table.name: _rows(connection, table, of(ids)) for table, of in _tables()})
        needed = exists().where(PseudonymUseRow.pseudonym == PseudonymRow.pseudonym, ~ends)
        counts["pseudonyms"] = _rows(connection, PseudonymRow, ~needed)
    return counts


def purge(engine: Engine, what: Erased, pause: float = PAUSE) -> Counts:
    """Delete it, in transactions of `BATCH` conversations; return what was deleted.

    Interrupted, it leaves nothing half deleted; the next run goes on. On SQLite the bytes leave the file, too.
    """
    counts: Counts = Counter({"pseudonyms": 0})
    counts.update({table.name: 0 for table, _ in _tables()})
    if isinstance(what, Guardian):
        NewsStore(engine).forget(what.id, clock.now())
    for some in _batches(engine, PseudonymRow.pseudonym, 2 * BATCH):
        _end_other_uses(engine, what, some)
        time.sleep(pause)
    for some in _batches(engine, ConversationRow.id, BATCH, what.conversations()):
        counts.update(_erase(engine, what, some))
        time.sleep(pause)
    for some in _batches(engine, PseudonymRow.pseudonym, 2 * BATCH, ~_USED):
        counts["pseudonyms"] += _drop_links(engine, some)
        time.sleep(pause)
    compact(engine)
    return counts


def compact(engine: Engine) -> None:
    """Write the embedded database's file anew without what was deleted, and empty its write-ahead log.

    Deleted rows would leave copies in pages that were split before they were deleted. A server is left alone.
    """
    if engine.dialect.name != "sqlite":
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM")
        for _ in range(_TRIES):  # somebody may be reading just now
            if not connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]:
                return
            time.sleep(PAUSE)
    raise HelpdeskError("all is deleted, but the database was too busy to erase the bytes: run the purge again")


def _end_other_uses(engine: Engine, what: Erased, some: Sequence[str]) -> None:
    ended = delete(PseudonymUseRow).where(PseudonymUseRow.pseudonym.in_(some), ~_HAS_CONVERSATION, what.other_uses())
    with engine.begin() as connection:
        pseudonyms.hold(connection)
        connection.execute(ended)


def _erase(engine: Engine, what: Erased, some: Sequence[str]) -> Counts:
    """Delete those of the conversations that are still to be erased: somebody may have spoken since."""
    chosen = select(ConversationRow.id).where(ConversationRow.id.in_(some))
    with engine.begin() as connection:
        pseudonyms.hold(connection)
        connection.execute(chosen.with_for_update()).all()
        ids = connection.execute(chosen.where(what.conversations())).scalars().all()
        connection.execute(delete(PseudonymUseRow).where(PseudonymUseRow.conversation_id.in_(ids)))
        return Counter({t.name: connection.execute(delete(t).where(of(ids))).rowcount for t, of in _tables()})


def _drop_links(engine: Engine, some: Sequence[str]) -> int:
    with engine.begin() as connection:
        pseudonyms.hold(connection)
        dropped = delete(PseudonymRow).where(PseudonymRow.pseudonym.in_(some), ~_USED)
        return connection.execute(dropped).rowcount


def _tables() -> Iterator[tuple[Table, _Of]]:
    """Yield every table of conversations, and of what hangs on one, with its rows by ids, in the order of deletion."""
    conversations = cast("Table", ConversationRow.__table__)
    for table in reversed(Base.metadata.sorted_tables):
        for column in table.columns:
            for key in column.foreign_keys:
                if key.column.table is conversations:
                    yield table, column.in_
                for parent in key.column.table.columns:
                    if parent.references(conversations.c.id):
                        yield table, partial(_through, column, key.column, parent)
    yield conversations, conversations.c.id.in_


def _through(column: Column[Any], parent_id: Column[Any], parent: Column[Any], ids: Any) -> ColumnElement[bool]:
    """Return which rows hang on something that hangs on one of the conversations."""
    return column.in_(select(parent_id).where(parent.in_(ids)))


def _batches(
    engine: Engine, key: InstrumentedAttribute[str], size: int, *where: ColumnElement[bool]
) -> Iterator[Sequence[str]]:
    """Yield the keys in their order, so many at a time, each batch read when it is asked for."""
    last = ""
    while True:
        with engine.connect() as connection:
            found = select(key).where(key > last, *where).order_by(key).limit(size)
            some = connection.execute(found).scalars().all()
        if not some:
            return
        yield some
        last = some[-1]


def _rows(connection: Connection, table: Table | type[Base], where: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(table).where(where)).scalar_one()
