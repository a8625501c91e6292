"""Calls of the hotline on SQL: one function, one transaction; all functions block.

An agent sees and changes only their own calls, and has at most one that is open. A call can be changed while it is open
and, once it has ended, on the day on which it began (China's time): notes, results and late events still reach it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, cast, get_args

from sqlalchemy import Column, Connection, Engine, Row, Select, Table, func, insert, literal, select, text, update

from core import clock
from core.errors import ConflictError, NotFoundError
from core.privacy import mask_personal_data
from core.scope import City
from hotline.questions import questions_of
from hotline.tables import CallEventRow, CallRow

EventKind = Literal["asked", "displayed", "chosen", "copied", "told", "wrong"]
Result = Literal["answered", "escalated", "called_back", "dropped"]
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
RESULTS: tuple[Result, ...] = get_args(Result)

_CALLS, _EVENTS = cast("Table", CallRow.__table__), cast("Table", CallEventRow.__table__)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened with a suggestion, or what was asked without one, as the browser reports it.

    Args:
        key: made by the browser; what comes twice with one key is kept once.
        entry_id: empty for `asked`, a question for which nothing was shown.
        question: what stood in the box; masked before it is kept.
        ago: how long before the report it happened.
    """

    key: str
    kind: EventKind
    entry_id: str
    question: str
    ago: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Event:
    """What happened with a suggestion, or what was asked without one, as it is kept."""

    kind: EventKind
    entry_id: str
    question: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """A call with its events, oldest first; `ended_at` is None while it is open."""

    id: str
    city: City | None
    district: str | None
    note: str
    result: Result | None
    started_at: datetime
    ended_at: datetime | None
    escalated_at: datetime | None
    events: tuple[Event, ...]

    @property
    def questions(self) -> list[str]:
        """What was asked, in order, each once; what was still being typed does not count."""
        return questions_of([event.question for event in self.events])

    @property
    def seconds(self) -> int:
        """How long the call took, or has taken until now."""
        return int(((self.ended_at or clock.now()) - self.started_at).total_seconds())


class CallOpenError(ConflictError):
    """The agent has an open call already; `details["call_id"]` names it."""

    code = "call_open"


class CallClosedError(ConflictError):
    """The call ended on an earlier day and stays as it is."""

    code = "call_closed"


class CallStore:
    """The calls of all agents.

    Every function that takes `staff`, the id of a member of staff, and a call raises `NotFoundError` if the call is not
    theirs, and, if it changes something, `CallClosedError` if it ended on an earlier day.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def start(self, staff: str, city: City | None, district: str | None, call_id: str | None = None) -> Call:
        """Open a call.

        Args:
            staff: whose call it is.
            city: of the caller, as far as it is known.
            district: the same.
            call_id: a UUID made by the browser: to start the same open call twice is to start it once.

        Raises:
            CallOpenError: another call of theirs is open, or the id is taken.
        """
        wanted = call_id or str(uuid.uuid4())
        values = {
            "id": wanted,
            "staff": staff,
            "city": city,
            "district": district,
            "note": "",
            "started_at": clock.now(),
        }
        free = ~select(_CALLS.c.id).where(_CALLS.c.staff == staff, _CALLS.c.ended_at.is_(None)).exists()
        free &= ~select(_CALLS.c.id).where(_CALLS.c.id == wanted).exists()
        row = select(*(literal(value, _CALLS.c[name].type) for name, value in values.items())).where(free)
        with self.engine.begin() as connection:
            self._one_at_a_time(connection, staff)
            connection.execute(insert(_CALLS).from_select(list(values), row))
            open_call = _read_open(connection, staff)
            if open_call is None or open_call.id != wanted:
                raise CallOpenError("您还有一通来电没有结束。", call_id=open_call.id if open_call else None)
            return open_call

    def get(self, staff: str, call_id: str) -> Call:
        """Return a call."""
        with self.engine.connect() as connection:
            return _read(connection, staff, call_id)

    def open_call(self, staff: str) -> Call | None:
        """Return the call that is not ended, or None."""
        with self.engine.connect() as connection:
            return _read_open(connection, staff)

    def of_day(self, staff: str, day: date) -> list[Call]:
        """Return the calls that began on a day in China, the last one first."""
        start = datetime.combine(day, time(), clock.CHINA)
        within = _CALLS.c.started_at.between(start, start + timedelta(days=1) - _TICK)
        with self.engine.connect() as connection:
            wanted = select(_CALLS).where(_CALLS.c.staff == staff, within)
            rows = connection.execute(wanted.order_by(_CALLS.c.started_at.desc(), _CALLS.c.id)).all()
            return _with_events(connection, rows)

    def change(self, staff: str, call_id: str, changed: dict[str, str | None]) -> Call:
        """Change some of `city`, `district` and `note`; a note is masked."""
        values = {**changed, **({"note": mask_personal_data(changed["note"] or "")} if "note" in changed else {})}
        return self._change(staff, call_id, values)

    def add(self, staff: str, call_id: str, happened: Sequence[Happened]) -> Call:
        """Keep what happened, in the order given; what is kept already is left as it is."""
        now = clock.now()
        with self.engine.begin() as connection:
            call = _changeable(connection, staff, call_id)
            known = set(connection.execute(select(_EVENTS.c.key).where(_EVENTS.c.call_id == call_id)).scalars())
            new = {
                one.key: _event(call, one, now + i * _TICK) for i, one in enumerate(happened) if one.key not in known
            }
            if new:
                connection.execute(insert(_EVENTS), [{"key": key, **values} for key, values in new.items()])
            return _read(connection, staff, call_id)

    def end(self, staff: str, call_id: str, result: Result) -> Call:
        """End a call with its result; one that has ended gets another result and keeps its end."""
        return self._change(
            staff, call_id, {"result": result, "ended_at": func.coalesce(_CALLS.c.ended_at, clock.now())}
        )

    def escalate(self, staff: str, call_id: str) -> Call:
        """Mark a call for the school teams; the first time counts."""
        return self._change(staff, call_id, {"escalated_at": _now_unless(_CALLS.c.escalated_at)})

    def _change(self, staff: str, call_id: str, values: dict[str, Any]) -> Call:
        with self.engine.begin() as connection:
            _changeable(connection, staff, call_id)
            if values:
                connection.execute(update(_CALLS).where(_CALLS.c.id == call_id).values(values))
            return _read(connection, staff, call_id)

    def _one_at_a_time(self, connection: Connection, staff: str) -> None:
        """Let nobody else start a call of theirs until this transaction ends; SQLite has one writer anyway."""
        if self.engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"call:{staff}"})


def _now_unless(set_before: Column[Any]) -> Any:
    return func.coalesce(set_before, literal(clock.now(), set_before.type))


def _changeable(connection: Connection, staff: str, call_id: str) -> Row[Any]:
    row = _row(connection, _own(staff, call_id).with_for_update())
    if row.ended_at and row.started_at.astimezone(clock.CHINA).date() != clock.today():
        raise CallClosedError("这通来电已经结束，隔天不能再改。")
    return row


def _event(call: Row[Any], one: Happened, now: datetime) -> dict[str, Any]:
    at = max(call.started_at, now - one.ago)
    question = mask_personal_data(one.question)
    return {"call_id": call.id, "kind": one.kind, "entry_id": one.entry_id, "question": question, "at": at}


def _own(staff: str, call_id: str) -> Select[Any]:
    return select(_CALLS).where(_CALLS.c.id == call_id, _CALLS.c.staff == staff)


def _row(connection: Connection, wanted: Select[Any]) -> Row[Any]:
    row = connection.execute(wanted).one_or_none()
    if row is None:
        raise NotFoundError("没有这通来电。")
    return row


def _read(connection: Connection, staff: str, call_id: str) -> Call:
    return _with_events(connection, [_row(connection, _own(staff, call_id))])[0]


def _read_open(connection: Connection, staff: str) -> Call | None:
    wanted = select(_CALLS).where(_CALLS.c.staff == staff, _CALLS.c.ended_at.is_(None))
    calls = _with_events(connection, connection.execute(wanted).all())
    return calls[0] if calls else None


def _with_events(connection: Connection, rows: Sequence[Row[Any]]) -> list[Call]:
    wanted = select(_EVENTS).where(_EVENTS.c.call_id.in_([row.id for row in rows]))
    events: dict[str, list[Event]] = {row.id: [] for row in rows}
    for row in connection.execute(wanted.order_by(_EVENTS.c.at, _EVENTS.c.key)) if rows else ():
        events[row.call_id].append(Event(row.kind, row.entry_id, row.question, row.at))
    names = [name for name in Call.__slots__ if name != "events"]
    return [Call(**{name: getattr(row, name) for name in names}, events=tuple(events[row.id])) for row in rows]
