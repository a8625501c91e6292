"""What parents are told of outside the chat while they don't see it there: kept, tried, settled.

These are steps of tickets, and that a person speaks to them.

All functions block; coroutines call them through `ConversationStore.call`. Several processes may work at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import cast

from sqlalchemy import Connection, Engine, Select, Table, Update, insert, select, true, update

from conversations.tables import ConversationRow
from escalation.rows import TICKETS
from escalation.tables import NotificationRow, OutboxRow

_NOTIFICATIONS = cast("Table", NotificationRow.__table__)
_OUTBOX = cast("Table", OutboxRow.__table__)
_CONVERSATIONS = cast("Table", ConversationRow.__table__)
_FIRST, _LONGEST = timedelta(seconds=30), timedelta(minutes=15)
_LIVE = 0
"""Stands for a step's version where it is not a step that was told, but a person who speaks in the chat."""
KEPT_TRYING = timedelta(days=1)
"""How long after the step was told in the chat it is tried."""


class Notified(StrEnum):
    """What became of a notification, or of a try to send it."""

    TAKEN = "taken"
    FAILED = "failed"
    SEEN = "seen"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Notification:
    """One step to tell a guardian of, or that a person speaks in the chat.

    Args:
        id: the same at each try.
        guardian, city: whom the host app of that city knows by this id.
        number: the ticket's.
        seq: how far a page must have read to have shown the step.
        at: when it was told in the chat.
        tries: how often it was sent.
    """

    ticket_id: str
    version: int
    id: str
    conversation_id: str
    guardian: str
    city: str
    number: str
    seq: int
    at: datetime
    next_at: datetime
    tries: int


class Notifications:
    """The steps whose guardians may have to be told.

    Args:
        engine: the migrated database.
        after: how long a step may be seen in the chat before it is sent.
    """

    def __init__(self, engine: Engine, after: timedelta) -> None:
        self._engine, self._after = engine, after

    def put(self, connection: Connection, steps: Sequence[int], now: datetime) -> None:
        """Keep those of the outbox's steps that a guardian was just told in the chat, in the caller's transaction.

        A ticket's making is none of them: the guardian has made it in this moment.
        """
        rows = connection.execute(_told(steps)).all()
        same = {"at": now, "next_at": now + self._after, "tries": 0, "outcome": None}
        new = [{"id": str(uuid.uuid4()), **row._mapping, **same} for row in rows]
        if new:
            connection.execute(insert(_NOTIFICATIONS), new)

    def put_said(self, connection: Connection, conversation_id: str, seq: int, now: datetime) -> None:
        """Keep that a person said `seq` in the chat of a ticket's guardian, in the caller's transaction.

        A ticket has one of these at a time: what is said while it is not settled needs no other.
        """
        ticket_id = connection.execute(_spoken_of(conversation_id)).scalar()
        if ticket_id is None:
            return
        c = _NOTIFICATIONS.c
        mine = update(_NOTIFICATIONS).where(c.ticket_id == ticket_id, c.version == _LIVE)
        if connection.execute(mine.where(c.outcome.is_(None)).values(seq=seq)).rowcount:
            return
        new = {
            "id": str(uuid.uuid4()),
            "seq": seq,
            "at": now,
            "next_at": now + self._after,
            "tries": 0,
            "outcome": None,
        }
        if not connection.execute(mine.values(new)).rowcount:
            connection.execute(insert(_NOTIFICATIONS), {"ticket_id": ticket_id, "version": _LIVE, **new})

    def waiting(self, limit: int = 200) -> list[Notification]:
        """Return those that are not settled, of people who are known, the next to be sent first."""
        names = ("ticket_id", "version", "id", "seq", "at", "next_at", "tries")
        whose = (_CONVERSATIONS.c.guardian, _CONVERSATIONS.c.guardian_city.label("city"), TICKETS.c.number)
        joined = _NOTIFICATIONS.join(TICKETS, TICKETS.c.id == _NOTIFICATIONS.c.ticket_id)
        joined = joined.join(_CONVERSATIONS, _CONVERSATIONS.c.id == TICKETS.c.conversation_id)
        found = select(*(_NOTIFICATIONS.c[name] for name in names), TICKETS.c.conversation_id, *whose)
        found = found.select_from(joined).where(_NOTIFICATIONS.c.outcome.is_(None))
        found = found.where(_CONVERSATIONS.c.guardian.is_not(None)).order_by(_NOTIFICATIONS.c.next_at).limit(limit)
        with self._engine.connect() as connection:
            return [Notification(**row) for row in connection.execute(found).mappings()]

    def begin_try(self, one: Notification, now: datetime) -> bool:
        """Note a try, and when the next one is if nothing comes of it; False if another process was first."""
        again = {"tries": one.tries + 1, "next_at": now + pause_after(one.tries + 1)}
        with self._engine.begin() as connection:
            held = connection.execute(_open(one).where(_NOTIFICATIONS.c.tries == one.tries).values(again))
            return bool(held.rowcount)

    def settle(self, one: Notification, outcome: Notified) -> bool:
        """Note what became of it; False if that is noted already, it was erased, or more was said than was seen."""
        same = _NOTIFICATIONS.c.seq == one.seq if outcome is Notified.SEEN else true()
        with self._engine.begin() as connection:
            return bool(connection.execute(_open(one).where(same).values(outcome=outcome.value)).rowcount)


def pause_after(tries: int) -> timedelta:
    """Return how long to wait after so many tries, at least one."""
    return min(_FIRST * (1 << min(tries - 1, 10)), _LONGEST)


def _told(steps: Sequence[int]) -> Select[tuple[str, int, int]]:
    joined = _OUTBOX.join(TICKETS, TICKETS.c.id == _OUTBOX.c.ticket_id)
    joined = joined.join(_CONVERSATIONS, _CONVERSATIONS.c.id == TICKETS.c.conversation_id)
    columns = (_OUTBOX.c.ticket_id, _OUTBOX.c.version, _CONVERSATIONS.c.last_seq.label("seq"))
    told = (_OUTBOX.c.id.in_(steps), _OUTBOX.c.to_parent.is_(True), _OUTBOX.c.kind != "dispatch")
    return select(*columns).select_from(joined).where(*told, _CONVERSATIONS.c.guardian.is_not(None))


def _spoken_of(conversation_id: str) -> Select[tuple[str]]:
    """Select the ticket that a known guardian's conversation is about: the newest, unsettled before settled."""
    joined = TICKETS.join(_CONVERSATIONS, _CONVERSATIONS.c.id == TICKETS.c.conversation_id)
    known = (_CONVERSATIONS.c.id == conversation_id, _CONVERSATIONS.c.guardian.is_not(None))
    newest = (TICKETS.c.settled_at.is_not(None), TICKETS.c.created_at.desc(), TICKETS.c.id)
    return select(TICKETS.c.id).select_from(joined).where(*known).order_by(*newest).limit(1)


def _open(one: Notification) -> Update:
    return update(_NOTIFICATIONS).where(_NOTIFICATIONS.c.id == one.id, _NOTIFICATIONS.c.outcome.is_(None))
