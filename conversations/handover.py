"""Who owns a conversation: the bot, or one person who has taken it over. On SQL: one function, one transaction.

Each change of owner makes the conversation's fence grow by one, in the row that every writer updates to number what it
says. Whoever writes carries the fence under which they may: a person in the call, a turn since it was opened. With an
older one nothing is kept, so there is one owner at a time, across processes and restarts and without a lock.

All functions block; coroutines call them through `ConversationStore.call`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from conversations.reply import Memory, TextMessage
from conversations.said import keep_said
from conversations.tables import ConversationRow, HandoverRow, SaidRow, StaffMessageKeyRow
from core import clock
from core.errors import ConflictError, NotFoundError, StaleFenceError
from core.scope import Scope

_CONVERSATIONS, _SAID, _HANDOVERS, _KEYS = (
    cast("Table", row.__table__) for row in (ConversationRow, SaidRow, HandoverRow, StaffMessageKeyRow)
)
NOT_FOUND = "没有这个会话。"
_STALE = "会话的接管情况已经变化，请刷新后再试。"
_SEEN_AGAIN = timedelta(seconds=10)
"""How old a note that the owner is there may grow: their page asks every two seconds, and not each time is kept."""


OnSaid = Callable[[Connection, str, int, datetime], None]
"""Takes the transaction, the conversation's id, the number of what was said, and when."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member of staff as the owner of a conversation: id and role."""

    id: str
    role: str


@dataclass(frozen=True, slots=True)
class Hold:
    """A person's claim to own a conversation, by the fence that taking over returned."""

    conversation_id: str
    person: Person
    fence: int


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owns a conversation now, and where it belongs; `role` and `since` are a person's."""

    owner: Literal["bot", "person"]
    fence: int
    role: str | None
    since: datetime | None
    scope: Scope


@dataclass(frozen=True, slots=True)
class Stretch:
    """A person's time with a conversation that goes on: their claim, since when, and when they were last there."""

    hold: Hold
    since: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class OwnerChange:
    """A change of owner after message number `seq`: `role` took the conversation over, or handed it back."""

    fence: int
    owner: Literal["bot", "person"]
    role: str
    seq: int
    at: datetime


def ownership(engine: Engine, conversation_id: str) -> Ownership:
    """Return who owns the conversation.

    Raises:
        NotFoundError: there is no such conversation.
    """
    with engine.connect() as connection:
        return _ownership(connection, conversation_id)


def take_over(engine: Engine, conversation_id: str, person: Person, from_fence: int | None = None) -> int:
    """Make a person the owner and return the new fence; a turn that still runs will say nothing.

    Args:
        engine: the migrated database.
        conversation_id: any text.
        person: who takes over.
        from_fence: the fence that the person has seen, to take over from another person; None: from the bot only.

    Raises:
        NotFoundError: there is no such conversation.
        StaleFenceError: another person owns it, or the fence is not `from_fence` any more.
    """
    c, now = _CONVERSATIONS.c, clock.now()
    expected = c.owner == "bot" if from_fence is None else c.fence == from_fence
    new = {"owner": "person", "owner_staff": person.id, "owner_role": person.role, "owned_since": now}
    new["owner_seen_at"] = now
    with engine.begin() as connection:
        # The next words of the parent need not wait for an answer that will be dropped.
        changed = update(_CONVERSATIONS).where(c.id == _id(conversation_id), expected)
        row = connection.execute(
            changed.values(**new, fence=c.fence + 1, busy_until=None).returning(c.fence, c.last_seq)
        ).one_or_none()
        if row is None:
            raise _refused(connection, conversation_id)
        _note(connection, conversation_id, person, OwnerChange(row.fence, "person", person.role, row.last_seq, now))
        return int(row.fence)


def say(engine: Engine, hold: Hold, text: str, key: str | None = None, on_said: OnSaid | None = None) -> int:
    """Say a person's words, masked, to the parent and return their number.

    A second call with the same `key` under the same fence says nothing more and returns the same number, even when
    the conversation has another owner since. `on_said`, if there is one, is done in the transaction that keeps them.

    Raises:
        NotFoundError: there is no such conversation.
        StaleFenceError: the person does not own it by this fence any more.
        ConflictError: the key came with other words before.
    """
    for _ in range(2):
        try:
            with engine.begin() as connection:
                if before := key and _said_before(connection, hold, text, key):
                    return before
                seq = _say(connection, hold, text, key)
                if on_said:
                    on_said(connection, hold.conversation_id, seq, clock.now())
                return seq
        except IntegrityError:  # the same call, made twice at once: the other was quicker
            continue
    raise ConflictError("这条消息正在发送，请稍候再试。")


def hand_back(engine: Engine, hold: Hold, words: str, unseen_since: datetime | None = None) -> int:
    """Give the conversation back to the bot, which says `words`, and return the new fence.

    What the bot had asked before is forgotten: the talk has gone on without it. A form that was begun is kept.

    Args:
        engine: the migrated database.
        hold: whose it is.
        words: what the bot says.
        unseen_since: do so only if the person was not there since then.

    Raises:
        NotFoundError: there is no such conversation.
        StaleFenceError: the person does not own it by this fence any more.
    """
    c, now = _CONVERSATIONS.c, clock.now()
    new: dict[str, Any] = {"owner": "bot", "owner_staff": None, "owner_role": None, "owned_since": None}
    new["owner_seen_at"] = None
    gone = _seen_at() <= unseen_since if unseen_since else true()
    counted = {"fence": c.fence + 1, "last_seq": c.last_seq + 1, "busy_until": None}
    with engine.begin() as connection:
        changed = update(_CONVERSATIONS).where(_held(hold), gone).values(**new, **counted)
        row = connection.execute(changed.returning(c.fence, c.last_seq, c.memory)).one_or_none()
        if row is None:
            raise _refused(connection, hold.conversation_id)
        kept = Memory.model_validate(row.memory or {})
        memory = Memory(city_is_fixed=kept.city_is_fixed, shown=kept.shown, child=kept.child, form=kept.form)
        fresh = update(_CONVERSATIONS).where(c.id == hold.conversation_id)
        connection.execute(fresh.values(memory=memory.model_dump(mode="json")))
        change = OwnerChange(row.fence, "bot", hold.person.role, row.last_seq - 1, now)
        _note(connection, hold.conversation_id, hold.person, change)
        keep_said(connection, hold.conversation_id, "bot", row.last_seq, [_text(words)], at=clock.now())
        return int(row.fence)


def check_owner(engine: Engine, hold: Hold) -> None:
    """Let a person go on who owns the conversation, and note that they are there.

    Raises:
        NotFoundError: there is no such conversation.
        StaleFenceError: they don't, or not any more.
    """
    now = clock.now()
    with engine.begin() as connection:
        seen = connection.execute(select(_seen_at()).where(_held(hold))).one_or_none()
        if seen is None:
            raise _refused(connection, hold.conversation_id)
        if seen[0] <= now - _SEEN_AGAIN:
            connection.execute(update(_CONVERSATIONS).where(_held(hold)).values(owner_seen_at=now))


def stretch_of(engine: Engine, conversation_id: str, staff: str) -> Stretch | None:
    """Return the person's stretch in the conversation, None if it is not theirs."""
    c = _CONVERSATIONS.c
    return next(iter(_stretches(engine, c.id == _id(conversation_id), c.owner_staff == staff)), None)


def stretches_in(engine: Engine, conversation_ids: Sequence[str]) -> dict[str, Stretch]:
    """Return who has which of these conversations."""
    found = _stretches(engine, _CONVERSATIONS.c.id.in_(conversation_ids)) if conversation_ids else []
    return {one.hold.conversation_id: one for one in found}


def left(engine: Engine, unseen_since: datetime) -> list[Stretch]:
    """Return the stretches whose person was not there since a moment."""
    return _stretches(engine, _seen_at() <= unseen_since)


def owner_changes(
    engine: Engine, conversation_id: str, *, after_fence: int = 0, from_seq: int = 0, up_to: int | None = None
) -> list[OwnerChange]:
    """Return the changes of owner after a fence and not before a message's number, oldest first."""
    h = _HANDOVERS.c
    wanted = (h.conversation_id == _id(conversation_id)) & (h.fence > after_fence) & (h.seq >= from_seq)
    if up_to is not None:
        wanted &= h.fence <= up_to
    with engine.connect() as connection:
        rows = connection.execute(select(h.fence, h.owner, h.role, h.seq, h.at).where(wanted).order_by(h.fence))
        return [OwnerChange(*row) for row in rows]


def _id(conversation_id: str) -> str:
    """Return an id that a database takes; PostgreSQL refuses a text with a zero character."""
    return conversation_id if conversation_id.isprintable() else ""


def _ownership(connection: Connection, conversation_id: str) -> Ownership:
    c = _CONVERSATIONS.c
    columns = (c.owner, c.fence, c.owner_role, c.owned_since, c.city, c.district, c.stage)
    row = connection.execute(select(*columns).where(c.id == _id(conversation_id))).one_or_none()
    if row is None:
        raise NotFoundError(NOT_FOUND)
    owner: Literal["bot", "person"] = "person" if row.owner == "person" else "bot"
    return Ownership(owner, row.fence, row.owner_role, row.owned_since, Scope(row.city, row.district, row.stage))


def _refused(connection: Connection, conversation_id: str) -> StaleFenceError:
    """Return the refusal of a change that found no row, with what is true now; raises if there is no conversation."""
    return stale(_ownership(connection, conversation_id))


def stale(now: Ownership) -> StaleFenceError:
    """Return the refusal of somebody who believes in another owner than there is; it names a role, not a person."""
    since = now.since.isoformat() if now.since else None
    return StaleFenceError(_STALE, fence=now.fence, owner=now.owner, role=now.role, since=since)


def _seen_at() -> ColumnElement[Any]:
    return func.coalesce(_CONVERSATIONS.c.owner_seen_at, _CONVERSATIONS.c.owned_since)


def _stretches(engine: Engine, *where: ColumnElement[bool]) -> list[Stretch]:
    c = _CONVERSATIONS.c
    columns = (c.id, c.owner_staff, c.owner_role, c.fence, c.owned_since, _seen_at().label("seen_at"))
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).where(c.owner == "person", *where)).all()
    holds = [Hold(row.id, Person(row.owner_staff, row.owner_role), row.fence) for row in rows]
    return [Stretch(hold, row.owned_since, row.seen_at) for hold, row in zip(holds, rows, strict=True)]


def _held(hold: Hold) -> ColumnElement[bool]:
    c = _CONVERSATIONS.c
    mine = and_(c.owner == "person", c.owner_staff == hold.person.id, c.fence == hold.fence)
    return and_(c.id == _id(hold.conversation_id), mine)


def _say(connection: Connection, hold: Hold, text: str, key: str | None) -> int:
    c = _CONVERSATIONS.c
    numbered = update(_CONVERSATIONS).where(_held(hold))
    numbered = numbered.values(last_seq=c.last_seq + 1, owner_seen_at=clock.now()).returning(c.last_seq)
    seq: int | None = connection.execute(numbered).scalar()
    if seq is None:
        raise _refused(connection, hold.conversation_id)
    keep_said(connection, hold.conversation_id, "person", seq, [_text(text)], at=clock.now())
    if key:
        values = {"conversation_id": hold.conversation_id, "fence": hold.fence, "key": key, "seq": seq}
        connection.execute(insert(_KEYS), values)
    return seq


def _said_before(connection: Connection, hold: Hold, text: str, key: str) -> int | None:
    """Return the number of what this key has said."""
    k, s = _KEYS.c, _SAID.c
    here = and_(k.conversation_id == _id(hold.conversation_id), k.fence == hold.fence, k.key == key)
    same = and_(s.conversation_id == k.conversation_id, s.seq == k.seq)
    row = connection.execute(select(k.seq, s.message).join(_SAID, same).where(here)).one_or_none()
    if row is None:
        return None
    if row.message["text"] != text:
        raise ConflictError("这个 key 已经用于另一条消息。")
    return int(row.seq)


def _note(connection: Connection, conversation_id: str, person: Person, change: OwnerChange) -> None:
    values = {"conversation_id": conversation_id, "staff": person.id, **asdict(change)}
    connection.execute(insert(_HANDOVERS), values)


def _text(words: str) -> dict[str, Any]:
    return TextMessage(text=words).model_dump(mode="json")
