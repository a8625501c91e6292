"""Pseudonyms of the audit log: random, and linked to the real ids in tables that can be erased.

Who changes the links holds the audit log's end in the same transaction: no two make a pseudonym at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import Connection, Table, bindparam, insert, select, text, update

from conversations.tables import AuditEndRow, PseudonymRow, PseudonymUseRow, UtcDateTime

Kind = Literal["guardian", "staff", "application"]
Name = tuple[Kind, str]

_NAMES = cast("Table", PseudonymRow.__table__)
_KNOWN = select(_NAMES.c.kind, _NAMES.c.value, _NAMES.c.pseudonym).where(
    _NAMES.c.value.in_(bindparam("values", expanding=True))
)
_NEW = insert(_NAMES)
_HOLD = update(AuditEndRow).values(id=AuditEndRow.id)
_USED = text(
    f"INSERT INTO {PseudonymUseRow.__tablename__} (pseudonym, conversation_id, at) "  # noqa: S608 - our own table's name
    "VALUES (:pseudonym, :conversation, :at) "
    "ON CONFLICT (pseudonym, conversation_id) DO UPDATE SET at = excluded.at"
).bindparams(bindparam("at", type_=UtcDateTime()))


def use(connection: Connection, names: Sequence[Name], conversation_id: str | None, at: datetime) -> dict[Name, str]:
    """Return each name's pseudonym, made where there is none, and note that it is used now."""
    known = pseudonyms_of(connection, names)
    new = {name: secrets.token_hex(12) for name in names if name not in known}
    if new:
        rows = [{"pseudonym": made, "kind": kind, "value": value} for (kind, value), made in new.items()]
        connection.execute(_NEW, rows)
    pseudonyms = known | new
    same = {"conversation": conversation_id or "", "at": at}
    connection.execute(_USED, [{"pseudonym": one, **same} for one in pseudonyms.values()])
    return pseudonyms


def hold(connection: Connection) -> None:
    """Hold the audit log's end for the rest of the transaction: nobody records a look or changes links meanwhile."""
    connection.execute(_HOLD)


def pseudonyms_of(connection: Connection, names: Iterable[Name]) -> dict[Name, str]:
    """Return the pseudonyms of those names that have one."""
    wanted = set(names)
    rows = connection.execute(_KNOWN, {"values": [value for _, value in wanted]})
    return {(row.kind, row.value): row.pseudonym for row in rows if (row.kind, row.value) in wanted}


def values_of(connection: Connection, pseudonyms: Iterable[str]) -> dict[str, str]:
    """Return what the pseudonyms stand for, as far as their links still exist."""
    rows = connection.execute(select(_NAMES.c.pseudonym, _NAMES.c.value).where(_NAMES.c.pseudonym.in_(set(pseudonyms))))
    return {row.pseudonym: row.value for row in rows}
