"""Who sees which tickets, and pages of them."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, Connection, and_, case, literal, or_, select

from conversations.tables import UtcDateTime
from core.errors import MalformedRequestError
from core.scope import City
from escalation.rows import TICKETS, ticket_of
from escalation.rules import Level, State, Ticket, Urgency

_SETTLED: ColumnElement[int] = case((TICKETS.c.settled_at.is_(None), 0), else_=1)
_ANSWERABLE = TICKETS.c.state.in_(("new", "assigned", "working"))
_Cursor = tuple[int, AwareDatetime, Annotated[str, Field(max_length=36, pattern="^[!-~]*$")]]
_CURSOR: TypeAdapter[tuple[int, datetime, str]] = TypeAdapter(_Cursor)
LARGEST_PAGE = 100


@dataclass(frozen=True, slots=True)
class Reach:
    """The tickets that somebody may see; `None` from a place on means all of it. `made_by`: only those this one made.

    A ticket whose district or school is not known belongs to no reach that names one.
    """

    city: City | None = None
    district: str | None = None
    school: str | None = None
    made_by: str | None = None

    def where(self) -> list[ColumnElement[bool]]:
        """Return what a ticket's row must fulfil."""
        columns = {"city": self.city, "district": self.district, "school": self.school, "created_by": self.made_by}
        return [TICKETS.c[name] == value for name, value in columns.items() if value is not None]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tickets are wanted; what is not given does not matter. `late_soon` takes in what is late."""

    states: tuple[State, ...] = ()
    levels: tuple[Level, ...] = ()
    urgencies: tuple[Urgency, ...] = ()
    district: str | None = None
    school: str | None = None
    number: str | None = None
    holder: str | None = None
    late_soon: bool = False
    limit: int = 50
    cursor: str | None = None

    def where(self, now: datetime) -> list[ColumnElement[bool]]:
        """Return what a ticket's row must fulfil."""
        lists = {"state": self.states, "level": self.levels, "urgency": self.urgencies}
        texts = {"district": self.district, "school": self.school, "number": self.number, "holder": self.holder}
        found: list[ColumnElement[bool]] = [TICKETS.c[name].in_(values) for name, values in lists.items() if values]
        found += [TICKETS.c[name] == value for name, value in texts.items() if value is not None]
        return [*found, _ANSWERABLE, TICKETS.c.warn_at <= now] if self.late_soon else found


@dataclass(frozen=True, slots=True)
class Page:
    """Some tickets, unsettled before settled, the earlier expected answer first; `cursor` leads on, None at the end."""

    tickets: tuple[Ticket, ...]
    cursor: str | None


def page_of(connection: Connection, wanted: Filter, reach: Reach, now: datetime) -> Page:
    """Return the page that the filter's cursor leads to.

    Raises:
        MalformedRequestError: the cursor is none of ours.
    """
    found = select(TICKETS).where(*reach.where(), *wanted.where(now), *_after(wanted.cursor))
    ordered = found.order_by(_SETTLED, TICKETS.c.due_at, TICKETS.c.id).limit(wanted.limit + 1)
    tickets = [ticket_of(row) for row in connection.execute(ordered)]
    page, more = tickets[: wanted.limit], len(tickets) > wanted.limit
    return Page(tuple(page), _cursor(page[-1]) if more else None)


def _cursor(last: Ticket) -> str:
    return urlsafe_b64encode(_CURSOR.dump_json((int(last.settled_at is not None), last.due_at, last.id))).decode()


def _after(cursor: str | None) -> list[ColumnElement[bool]]:
    if cursor is None:
        return []
    try:
        settled, due_at, ticket_id = _CURSOR.validate_json(urlsafe_b64decode(cursor))
    except (binascii.Error, ValidationError, ValueError) as error:
        raise MalformedRequestError("翻页参数不对，请从第一页重新打开。") from error
    due, same = literal(due_at, UtcDateTime()), literal(settled) == _SETTLED
    later = and_(same, or_(TICKETS.c.due_at > due, and_(TICKETS.c.due_at == due, TICKETS.c.id > ticket_id)))
    return [or_(literal(settled) < _SETTLED, later)]
