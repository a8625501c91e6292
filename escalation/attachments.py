"""Files on tickets: kept in the database beside the step that brought them, so that both are there or neither."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Final, cast

import yaml
from sqlalchemy import ColumnElement, Connection, Row, Table, and_, delete, func, insert, select, update

from conversations.reply import FileCard
from core.errors import ConflictError, NotFoundError
from core.privacy import mask_personal_data
from escalation.files import SUFFIXES, CleanFile
from escalation.rules import Actor
from escalation.tables import TicketAttachmentRow

MOST: Final = 10
"""Files of one ticket that came with steps; as many of one person may wait for their step besides."""
FORGOTTEN_AFTER: Final = timedelta(days=1)
"""How long a file waits for its step."""
_LONGEST_NAME: Final = 60
_KEYED: Final = uuid.UUID("5f0f8a4e-5a51-4d0c-9f0e-2b7d3c1a9e64")
"""The name space of files that were sent with a key."""
_WORDS_FILE = Path(__file__).with_name("attachments.yml")
ATTACHMENTS = cast("Table", TicketAttachmentRow.__table__)
_TOLD = [column for column in ATTACHMENTS.columns if column.key != "content"]


@dataclass(frozen=True, slots=True)
class NewFile:
    """A cleaned file with the name that it is kept under: masked, short, ending as its type does."""

    name: str
    file: CleanFile

    @property
    def step(self) -> str:
        """What stands on the ticket for it."""
        return step_of(self.name, self.file.type)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file on a ticket, without its bytes.

    Args:
        size: in bytes.
        version: of the ticket, which the step made that it came with; None: it waits for its sender's step.
        to_parent: whether the parent may see it: their own, and what was sent to them.
    """

    id: str
    ticket_id: str
    name: str
    type: str
    size: int
    sha256: str
    by: Actor
    at: datetime
    version: int | None
    to_parent: bool


def step_of(name: str, type_: str) -> str:
    """Return what stands on a ticket for a file that came without words."""
    return str(_words()["steps"][CleanFile(type_, b"").kind]).format(name=name)


def named(name: str, file: CleanFile) -> NewFile:
    """Return the file with the name that may be kept; `name` is what the sender calls it, with or without a path."""
    stem = PurePosixPath(name.replace("\\", "/")).name.rpartition(".")
    shown = "".join(one for one in (stem[0] or stem[2]) if one.isprintable()).strip(" .")
    masked = mask_personal_data(shown)[:_LONGEST_NAME].strip() or str(_words()["names"][file.kind])
    return NewFile(masked + SUFFIXES[file.type], file)


def id_of(ticket_id: str, by: Actor, key: str | None) -> str:
    """Return the id of a file that is to be kept: the same for the same `key`, so that sending twice keeps one."""
    if key is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(_KEYED, f"{ticket_id}\n{by.id}\n{key}"))


def is_kept(connection: Connection, id_: str) -> bool:
    """Return whether there is a file of that id."""
    return connection.execute(select(ATTACHMENTS.c.id).where(ATTACHMENTS.c.id == id_)).scalar() is not None


def put(
    connection: Connection,
    ticket_id: str,
    id_: str,
    new: NewFile,
    by: Actor,
    *,
    at: datetime,
    version: int | None,
    to_parent: bool,
) -> None:
    """Keep a file in the transaction of its step, which holds the ticket's row; without a version it waits for one.

    Files of others that wait take no place.

    Raises:
        ConflictError: the ticket has ten files already, for one that waits with those of the sender's that do.
    """
    own = _waiting(ticket_id, by) if version is None else ()
    _refuse_above(MOST - 1, connection, ticket_id, *own)
    values = {
        "id": id_,
        "ticket_id": ticket_id,
        "name": new.name,
        "type": new.file.type,
        "size": len(new.file.content),
        "sha256": hashlib.sha256(new.file.content).hexdigest(),
        "content": new.file.content,
        "actor": by.id,
        "actor_name": by.name,
        "role": by.role,
        "at": at,
        "version": version,
        "to_parent": to_parent,
    }
    connection.execute(insert(ATTACHMENTS), values)


def names_of_waiting(connection: Connection, ticket_id: str, ids: Collection[str], by: Actor) -> list[str]:
    """Return what stands on a ticket for files of the sender's that wait, in the order of `ids`.

    Raises:
        NotFoundError: one of them does not wait there.
    """
    rows = connection.execute(select(*_TOLD).where(*_waiting(ticket_id, by), ATTACHMENTS.c.id.in_(ids))).all()
    steps = {row.id: step_of(row.name, row.type) for row in rows}
    if set(steps) != set(ids):
        raise NotFoundError("没有这个文件。")
    return [steps[one] for one in ids]


def bind(
    connection: Connection, ticket_id: str, ids: Collection[str], by: Actor, *, version: int, to_parent: bool
) -> None:
    """Give waiting files of the sender's to their step, and drop those of theirs that it does not name.

    Raises:
        ConflictError: with them the ticket would have more than ten.
    """
    named_ones = (*_waiting(ticket_id, by), ATTACHMENTS.c.id.in_(ids))
    connection.execute(update(ATTACHMENTS).where(*named_ones).values(version=version, to_parent=to_parent))
    connection.execute(delete(ATTACHMENTS).where(*_waiting(ticket_id, by)))
    if ids:
        _refuse_above(MOST, connection, ticket_id)


def drop_forgotten(connection: Connection, now: datetime) -> int:
    """Drop files that have waited for their step for a day; return how many."""
    c = ATTACHMENTS.c
    forgotten = delete(ATTACHMENTS).where(c.version.is_(None), c.at <= now - FORGOTTEN_AFTER)
    return connection.execute(forgotten).rowcount


def _refuse_above(most: int, connection: Connection, ticket_id: str, *waiting: ColumnElement[bool]) -> None:
    """Raise a ConflictError if more files than that came with the ticket's steps, or are those `waiting`."""
    c = ATTACHMENTS.c
    counted = c.version.is_not(None) | and_(*waiting) if waiting else c.version.is_not(None)
    all_of_it = select(func.count()).select_from(ATTACHMENTS).where(c.ticket_id == ticket_id, counted)
    if connection.execute(all_of_it).scalar_one() > most:
        raise ConflictError(f"一张工单最多 {MOST} 个文件，已经满了。")


def _waiting(ticket_id: str, by: Actor) -> tuple[ColumnElement[bool], ...]:
    c = ATTACHMENTS.c
    return c.ticket_id == ticket_id, c.actor == by.id, c.version.is_(None)


def card_of(id_: str, new: NewFile) -> FileCard:
    """Return what the chat shows of a file that is kept now."""
    return FileCard(id=id_, name=new.name, type=new.file.type, size=len(new.file.content))


def sent_with(connection: Connection, ticket_ids: Collection[str]) -> dict[tuple[str, int], tuple[FileCard, ...]]:
    """Return what parents may see of the tickets' files, by ticket and the version of the step that brought them."""
    if not ticket_ids:
        return {}
    found: dict[tuple[str, int], tuple[FileCard, ...]] = {}
    theirs = select(*_TOLD).where(ATTACHMENTS.c.ticket_id.in_(ticket_ids), ATTACHMENTS.c.to_parent.is_(True))
    for row in connection.execute(theirs.order_by(ATTACHMENTS.c.at, ATTACHMENTS.c.id)):
        card = FileCard(id=row.id, name=row.name, type=row.type, size=row.size)
        found[row.ticket_id, row.version] = (*found.get((row.ticket_id, row.version), ()), card)
    return found


def of_ticket(connection: Connection, ticket_id: str) -> tuple[Attachment, ...]:
    """Return a ticket's files, oldest first; those that still wait for their step are nobody's but the sender's."""
    mine = select(*_TOLD).where(ATTACHMENTS.c.ticket_id == ticket_id, ATTACHMENTS.c.version.is_not(None))
    return tuple(map(_attachment, connection.execute(mine.order_by(ATTACHMENTS.c.at, ATTACHMENTS.c.version))))


def find(connection: Connection, id_: str, *where: Any) -> tuple[Attachment, bytes]:
    """Return one file and its bytes, of the rows that `where` lets through.

    Raises:
        NotFoundError: there is no such file.
    """
    row = None
    if id_.isprintable():  # PostgreSQL refuses a text with a zero character
        row = connection.execute(select(ATTACHMENTS).where(ATTACHMENTS.c.id == id_, *where)).one_or_none()
    if row is None:
        raise NotFoundError("没有这个文件。")
    return _attachment(row), bytes(row.content)


def _attachment(row: Row[Any]) -> Attachment:
    facts = (row.id, row.ticket_id, row.name, row.type, row.size, row.sha256)
    return Attachment(*facts, Actor(row.actor, row.actor_name, row.role), row.at, row.version, row.to_parent)


@lru_cache(maxsize=1)
def _words() -> dict[str, Any]:
    words: dict[str, Any] = yaml.safe_load(_WORDS_FILE.read_text(encoding="utf-8"))
    return words
