"""The audit log: who looked at which family's case, when and what for; nobody can change it unseen.

Each row is sealed with a key and chained to the row before, the database refuses changes, and heads of the chain go to
a second place. Ids are pseudonyms whose links can be erased while the log stays whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import Connection, Engine, Table, bindparam, insert, select, update

from conversations import audit_verify, pseudonyms
from conversations.audit_heads import Head, HeadFile, HeadKeeper
from conversations.audit_seal import ROW, START, own_key, seal
from conversations.audit_verify import Verdict
from conversations.tables import AuditEndRow, AuditRow
from core import clock
from core.settings import Settings

Role = Literal["guardian", "agent", "school", "district", "city", "editor", "admin"]

_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")
_COLUMNS = [column.key for column in ROW]
_LOG, _END = cast("Table", AuditRow.__table__), cast("Table", AuditEndRow.__table__)
_TAKE = update(_END).values(seq=_END.c.seq + 1).returning(_END.c.seq, _END.c.hash)
_LEAVE = update(_END).values(hash=bindparam("new_hash"), mac=bindparam("new_mac"))
_ADD = insert(_LOG)
_LAST = select(_LOG.c.seq, _LOG.c.hash).order_by(_LOG.c.seq.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a family's case.

    Args:
        actor: who looked: a guardian's id, or a member of staff's.
        role: what the actor is; `guardian` for the family itself.
        city: whose backend was asked.
        applications: the backend's ids of the applications that came back; none if there was none or no answer.
        purpose: why, one word: `asked` (in words), `chosen` (by a button), `news` (the backend announced a change) …
        shown: words for what was shown: the outcome first (`card`, `list`, `none`, `unavailable` …), then the names of
            the fields that were shown, e.g. `("card", "child", "state", "school")`. Never a value of the case.
        conversation_id: in which conversation, if in one.

    Raises:
        ValueError: a word is not 1–40 of a–z, 0–9 and _, or an id is empty or over 200 characters.
    """

    actor: str
    role: Role
    city: str
    applications: tuple[str, ...]
    purpose: str
    shown: tuple[str, ...]
    conversation_id: str | None = None

    def __post_init__(self) -> None:
        for word in (self.role, self.city, self.purpose, *self.shown):
            if not _WORD.fullmatch(word):
                raise ValueError("role, city, purpose and shown of a look are words of a-z, 0-9 and _, at most 40 long")
        if not all(0 < len(one) <= 200 for one in (self.actor, *self.applications)):
            raise ValueError("actor and applications of a look are ids of 1 to 200 characters")

    @property
    def actor_name(self) -> pseudonyms.Name:
        """What the actor's pseudonym is linked to."""
        return ("guardian" if self.role == "guardian" else "staff", self.actor)


class AuditLog:
    """Records looks and verifies the log.

    Safe in several threads and processes at once: who records holds the log's end until the row is committed.

    Args:
        engine: the conversations' database, migrated.
        key: 32 bytes that seal the rows.
        heads: where heads are kept; None: nowhere, then a log that was cut or written anew is not noticed.
        every_records, every_seconds: after how many looks and how long after a look a head is written.
    """

    def __init__(
        self,
        engine: Engine,
        key: bytes,
        heads: HeadFile | None,
        *,
        every_records: int = 100,
        every_seconds: float = 60.0,
    ) -> None:
        self._engine, self._key, self._heads = engine, key, heads
        self._keeper = HeadKeeper(self.write_head, every_records, every_seconds) if heads else None

    def record(self, look: Look) -> int:
        """Add a look in one transaction of its own and return its number, from 1 without gaps.

        When this returns, the look is committed; if it raises, nothing was recorded and nothing may be shown.
        """
        with self._engine.begin() as connection:
            seq, prev = connection.execute(_TAKE).one()
            now = clock.now()
            if seq == 1:
                self._add_head(0, START)  # so that a log with rows but without heads is one whose heads were removed
            names = [look.actor_name, *(("application", one) for one in look.applications)]
            known = pseudonyms.use(connection, names, look.conversation_id, now)
            values: tuple[Any, ...] = (
                seq,
                now.isoformat(timespec="microseconds"),
                known[look.actor_name],
                look.role,
                look.city,
                " ".join(known["application", one] for one in look.applications),
                look.purpose,
                " ".join(look.shown),
                look.conversation_id,
                prev or START,
            )
            digest = seal(self._key, "row", values)
            connection.execute(_ADD, {**dict(zip(_COLUMNS, values, strict=True)), "hash": digest})
            mac = seal(self._key, "end", (seq, digest))
            connection.execute(_LEAVE, {"new_hash": digest, "new_mac": mac})
        if self._keeper:
            self._keeper.note()
        return int(seq)

    def verify(self) -> Verdict:
        """Check the whole log; see `audit_verify.verify`."""
        return audit_verify.verify(self._engine, self._key, self._heads)

    def write_head(self) -> None:
        """Add a head to the head file, once every row that it covers is on the disk."""
        if self._heads is None:
            return
        with self._engine.connect() as connection:
            last = connection.execute(_LAST).one_or_none()
            if last:
                _flush(connection)
        if last:
            self._add_head(last.seq, last.hash)

    def close(self) -> None:
        """Write a last head if looks wait for one; call it at the end of the process."""
        if self._keeper:
            self._keeper.close()

    def _add_head(self, seq: int, digest: str) -> None:
        if self._heads:
            at = clock.now().isoformat(timespec="microseconds")
            self._heads.append(Head(seq, digest, at), self._key)


def open_audit_log(settings: Settings, engine: Engine) -> AuditLog:
    """Build the service's audit log on a migrated database.

    Raises:
        SettingsError: the key is missing though there are rows, is another one, or the head file can't be written.
    """
    heads = HeadFile(settings.audit_heads)
    heads.check()
    return AuditLog(
        engine,
        own_key(settings.audit_key, engine),
        heads,
        every_records=settings.audit_head_records,
        every_seconds=settings.audit_head_seconds,
    )


def _flush(connection: Connection) -> None:
    """Have the embedded database put on the disk what it has committed; a server has done so at each commit."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA synchronous=FULL")
        pseudonyms.hold(connection)
        connection.commit()
        connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
