"""Pseudonyms of the audit log: random, and linked to the real ids in tables that can be erased.

Who changes the links holds the audit log's end in the same transaction: no two make a pseudonym at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, cast

from sqlalchemy import Connection, Select, Table, and_, bindparam, insert, or_, select, text, update

from conversations.tables import AuditEndRow, PseudonymRow, PseudonymUseRow, UtcDateTime

Kind = Literal["guardian", "staff", "application"]
Name = tuple[Kind, str]

_NOTED_EVERY = timedelta(hours=1)
_NAMES, _USES = cast("Table", PseudonymRow.__table__), cast("Table", PseudonymUseRow.__table__)
_NEW = insert(_NAMES)
_HOLD = update(AuditEndRow).values(id=AuditEndRow.id)
_USED = text(
    f"INSERT INTO {PseudonymUseRow.__tablename__} (pseudonym, conversation_id, at) "  # noqa: S608 - our own table's name
    "VALUES (:pseudonym, :conversation, :at) "
    "ON CONFLICT (pseudonym, conversation_id) DO UPDATE SET at = excluded.at"
).bindparams(bindparam("at", type_=UtcDateTime()))


def use(connection: Connection, names: Sequence[Name], conversation_id: str | None, at: datetime) -> dict[Name, str]:
    """Return each name's pseudonym, made where there is none, and note that it is used now, to the hour."""
    known, fresh = _known(connection, names, conversation_id or "", at)
    new = {name: secrets.token_hex(12) for name in names if name not in known}
    if new:
        rows = [{"pseudonym": made, "kind": kind, "value": value} for (kind, value), made in new.items()]
        connection.execute(_NEW, rows)
    pseudonyms = known | new
    if stale := set(pseudonyms.values()) - fresh:
        same = {"conversation": conversation_id or "", "at": at}
        connection.execute(_USED, [{"pseudonym": one, **same} for one in stale])
    return pseudonyms


def _known(
    connection: Connection, names: Sequence[Name], conversation: str, at: datetime
) -> tuple[dict[Name, str], set[str]]:
    """Return the pseudonyms of those names that have one, and which of them were used here within the hour."""
    wanted = set(names)
    values = {f"value_{n}": value for n, (_, value) in enumerate(names)}
    rows = connection.execute(_look_up(len(names)), {**values, "conversation": conversation}).all()
    rows = [row for row in rows if (row.kind, row.value) in wanted]
    fresh = {row.pseudonym for row in rows if row.at and at - row.at < _NOTED_EVERY}
    return {(row.kind, row.value): row.pseudonym for row in rows}, fresh


@lru_cache(maxsize=64)
def _look_up(count: int) -> Select[Any]:
    """Return the statement for so many values; an `IN` that SQLAlchemy widens itself is written anew at each call."""
    here = and_(_USES.c.pseudonym == _NAMES.c.pseudonym, _USES.c.conversation_id == bindparam("conversation"))
    values = [bindparam(f"value_{n}", type_=_NAMES.c.value.type) for n in range(count)]
    columns = (_NAMES.c.kind, _NAMES.c.value, _NAMES.c.pseudonym, _USES.c.at)
    return (
        select(*columns).select_from(_NAMES.outerjoin(_USES, here)).where(or_(*(_NAMES.c.value == v for v in values)))
    )


def hold(connection: Connection) -> None:
    """Hold the audit log's end for the rest of the transaction: nobody records a look or changes links meanwhile."""
    connection.execute(_HOLD)


def pseudonyms_of(connection: Connection, names: Iterable[Name]) -> dict[Name, str]:
    """Return the pseudonyms of those names that have one."""
    wanted = set(names)
    found = select(_NAMES.c.kind, _NAMES.c.value, _NAMES.c.pseudonym)
    rows = connection.execute(found.where(_NAMES.c.value.in_({value for _, value in wanted})))
    return {(row.kind, row.value): row.pseudonym for row in rows if (row.kind, row.value) in wanted}


def values_of(connection: Connection, pseudonyms: Iterable[str]) -> dict[str, str]:
    """Return what the pseudonyms stand for, as far as their links still exist."""
    rows = connection.execute(select(_NAMES.c.pseudonym, _NAMES.c.value).where(_NAMES.c.pseudonym.in_(set(pseudonyms))))
    return {row.pseudonym: row.value for row in rows}
