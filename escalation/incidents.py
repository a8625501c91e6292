"""An incident: one failure that many parents report. What it covers, and how its rows are read.

Its texts are counted by its version; each linked ticket notes up to which it was told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, false, or_, select

from core.scope import City
from escalation.rows import TICKETS
from escalation.tables import IncidentRow, IncidentTextRow, IncidentTicketRow

IncidentState = Literal["open", "closed"]

INCIDENTS, TEXTS, LINKS = (
    cast("Table", row.__table__) for row in (IncidentRow, IncidentTextRow, IncidentTicketRow)
)  # fmt: skip


UNSORTED = "other"
"""The topic of a ticket that is about no official answer: such tickets have nothing in common that is known."""


@dataclass(frozen=True, slots=True)
class Matter:
    """What an incident is about: reports of one official answer or, without one, of a topic, in a district or city.

    An incident without answer and topic (`UNSORTED`) covers nothing but the tickets that people name.
    """

    city: City
    district: str | None
    topic: str
    entry: str | None = None

    @property
    def key(self) -> str:
        """The same for the same matter."""
        return f"{self.city}/{self.district or ''}/{self.entry or self.topic}"

    @property
    def unsorted(self) -> bool:
        """Whether nothing is known by which another report would belong here."""
        return not self.entry and self.topic == UNSORTED

    def covers(self, other: Matter) -> bool:
        """Whether a report about `other` belongs here; a topic takes in the reports of all its official answers."""
        where = self.city == other.city and self.district in (None, other.district)
        if self.unsorted:
            return False
        return where and (self.entry == other.entry if self.entry else self.topic == other.topic)

    def where(self) -> list[ColumnElement[bool]]:
        """Return what the row of a ticket that is covered must fulfil."""
        if self.unsorted:
            return [false()]
        found = [TICKETS.c.city == self.city]
        found += [TICKETS.c.district == self.district] if self.district else []
        return [*found, TICKETS.c.entry == self.entry if self.entry else TICKETS.c.topic == self.topic]


@dataclass(frozen=True, slots=True)
class Incident:
    """One version of an incident.

    Args:
        text: what parents are told at this version, masked.
        since: tickets that were made from then on belong to it while it is open.
    """

    id: str
    matter: Matter
    title: str
    text: str
    state: IncidentState
    version: int
    created_by: str
    created_at: datetime
    since: datetime
    closed_at: datetime | None = None


def incident_of(row: Row[Any]) -> Incident:
    """Return the incident that a row of `incidents` holds."""
    matter = Matter(row.city, row.district, row.topic, row.entry)
    facts = (row.title, row.text, row.state, row.version, row.created_by, row.created_at, row.since, row.closed_at)
    return Incident(row.id, matter, *facts)


def columns_of(incident: Incident) -> dict[str, Any]:
    """Return the values of the row that holds the incident."""
    own = ("id", "title", "text", "state", "version", "created_by", "created_at", "since", "closed_at")
    matter = {name: getattr(incident.matter, name) for name in Matter.__slots__}
    open_for = incident.matter.key if incident.state == "open" else None
    return {**{name: getattr(incident, name) for name in own}, **matter, "open_for": open_for}


def nearest(incidents: Iterable[Incident], about: Matter) -> Incident | None:
    """Return the incident that covers a report best: its district's, and its answer's, first."""
    covering = [one for one in incidents if one.matter.covers(about)]
    return max(covering, key=lambda one: (bool(one.matter.district), bool(one.matter.entry)), default=None)


def open_incidents(connection: Connection, *where: ColumnElement[bool]) -> list[Incident]:
    """Return the incidents that are open, oldest first."""
    found = select(INCIDENTS).where(INCIDENTS.c.state == "open", *where).order_by(INCIDENTS.c.created_at)
    return [incident_of(row) for row in connection.execute(found)]


def incident_of_ticket(connection: Connection, ticket_id: str) -> Incident | None:
    """Return the incident that a ticket belongs to, open or closed, or None."""
    mine = select(INCIDENTS).join(LINKS, LINKS.c.incident_id == INCIDENTS.c.id).where(LINKS.c.ticket_id == ticket_id)
    row = connection.execute(mine).one_or_none()
    return incident_of(row) if row else None


def not_linked() -> ColumnElement[bool]:
    """Return which tickets belong to no incident."""
    return ~select(LINKS.c.ticket_id).where(LINKS.c.ticket_id == TICKETS.c.id).exists()


def unlinked(incident: Incident) -> ColumnElement[bool]:
    """Return which tickets belong to an open incident and are not linked to any yet."""
    lately = TICKETS.c.created_at >= incident.since, TICKETS.c.settled_at.is_(None)
    return and_(*incident.matter.where(), *lately, not_linked())


def in_reach(city: City | None, district: str | None) -> list[ColumnElement[bool]]:
    """Return what an incident's row must fulfil for a reader of a city and district or all of them."""
    found = [INCIDENTS.c.city == city] if city else []
    return [*found, or_(INCIDENTS.c.district.is_(None), INCIDENTS.c.district == district)] if district else found
