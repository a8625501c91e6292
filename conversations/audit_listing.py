"""Read the audit log: who looked at what, with real ids as far as their links exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, select

from conversations import pseudonyms
from conversations.audit_seal import ROW
from conversations.tables import AuditRow

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class RecordedLook:
    """A row of the log; `actor` and `applications` are real ids, or pseudonyms where the link was erased."""

    seq: int
    at: str
    role: str
    actor: str
    city: str
    applications: list[str]
    purpose: str
    shown: list[str]
    conversation_id: str | None


def looks(engine: Engine, *, application: str | None = None, guardian: str | None = None) -> Iterator[RecordedLook]:
    """Yield the looks, oldest first, a chunk at a time; with `application` or `guardian` only those of that real id."""
    wanted: list[ColumnElement[bool]] = []
    with engine.connect() as connection:
        if guardian is not None:
            known = pseudonyms.pseudonyms_of(connection, [("guardian", guardian)])
            wanted.append(AuditRow.actor.in_(known.values()))
        if application is not None:
            known = pseudonyms.pseudonyms_of(connection, [("application", application)])
            wanted.append(AuditRow.applications.contains(known.get(("application", application), "-")))
    after = 0
    while rows := _chunk(engine, [*wanted, AuditRow.seq > after]):
        after = rows[-1].seq
        yield from _named(engine, rows)


def _chunk(engine: Engine, wanted: list[ColumnElement[bool]]) -> Sequence[Row[*tuple[Any, ...]]]:
    with engine.connect() as connection:
        return connection.execute(select(*ROW).where(*wanted).order_by(AuditRow.seq).limit(CHUNK)).all()


def _named(engine: Engine, rows: Sequence[Row[*tuple[Any, ...]]]) -> Iterator[RecordedLook]:
    used = {one for row in rows for one in (row.actor, *row.applications.split())}
    with engine.connect() as connection:
        values = pseudonyms.values_of(connection, used)
    for row in rows:
        yield RecordedLook(
            row.seq,
            row.at,
            row.role,
            values.get(row.actor, row.actor),
            row.city,
            [values.get(one, one) for one in row.applications.split()],
            row.purpose,
            row.shown.split(),
            row.conversation_id,
        )
