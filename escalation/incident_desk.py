"""Incidents on SQL: proposed where similar tickets pile up, opened, given new texts, closed.

All functions block; coroutines call them through `ConversationStore.call`. What is kept here is told to the tickets'
parents by `TicketDesk.tell_incidents`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError

from core import clock
from core.errors import (
    ConflictError,
    IllegalTransitionError,
    MalformedRequestError,
    NotFoundError,
    VersionConflictError,
)
from core.privacy import mask_personal_data
from core.scope import City
from escalation.incidents import (
    INCIDENTS,
    LINKS,
    TEXTS,
    UNSORTED,
    Incident,
    Matter,
    columns_of,
    in_reach,
    incident_of,
    not_linked,
    open_incidents,
    unlinked,
)
from escalation.listing import LARGEST_PAGE, Reach
from escalation.routing import Piling
from escalation.rows import TICKETS, ticket_of
from escalation.rules import Actor, Ticket

_SHOWN = 100
"""Incidents in one list."""
_TRIES = 3
_NONE_SUCH = "没有这个突发事件。"


@dataclass(frozen=True, slots=True)
class NewIncident:
    """An incident that somebody wants opened; `ticket_ids`: begin with exactly these, not with all that it covers."""

    matter: Matter
    title: str
    text: str
    ticket_ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """Unsettled tickets of one matter that have piled up, the first of them made at `since`."""

    matter: Matter
    tickets: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Counted:
    """An incident with the number of its tickets."""

    incident: Incident
    tickets: int


class IncidentDesk:
    """Incidents: proposed, opened, written to, closed.

    Args:
        engine: the migrated database.
        piling: when similar tickets count as a failure.

    Attributes:
        open_now: the open incidents as of the last `refresh`, for readers who may not ask the database.
    """

    def __init__(self, engine: Engine, piling: Piling) -> None:
        self._engine, self.piling = engine, piling
        self.open_now: tuple[Incident, ...] = ()

    def refresh(self) -> None:
        """Read which incidents are open."""
        with self._engine.connect() as connection:
            self.open_now = tuple(open_incidents(connection))

    def proposals(self, reach: Reach, now: datetime) -> list[Proposal]:
        """Return what has piled up in a reach and no open incident covers, most tickets first."""
        topic = case((TICKETS.c.entry.is_(None), TICKETS.c.topic), else_="")
        groups = (TICKETS.c.city, TICKETS.c.district, TICKETS.c.entry, topic)
        since = now - timedelta(minutes=self.piling.minutes)
        lately = (TICKETS.c.created_at >= since, TICKETS.c.settled_at.is_(None), TICKETS.c.district.is_not(None))
        sorted_ = or_(TICKETS.c.entry.is_not(None), TICKETS.c.topic != UNSORTED)
        number = func.count().label("number")
        facts = (func.max(TICKETS.c.topic).label("topic"), number, func.min(TICKETS.c.created_at).label("since"))
        piled = select(*groups[:3], *facts).where(*lately, sorted_, *reach.where()).group_by(*groups)
        piled = piled.having(number >= self.piling.tickets).order_by(number.desc(), TICKETS.c.district).limit(_SHOWN)
        with self._engine.connect() as connection:
            rows = connection.execute(piled).all()
            known = open_incidents(connection) if rows else []
        found = [Proposal(Matter(row.city, row.district, row.topic, row.entry), row.number, row.since) for row in rows]
        return [one for one in found if not any(incident.matter.covers(one.matter) for incident in known)]

    def open(self, new: NewIncident, by: Actor, reach: Reach) -> Incident:
        """Open an incident; without named tickets, all that it covers and that were made lately belong to it.

        Raises:
            ConflictError: one is open for the same matter.
            MalformedRequestError: a ticket is named that the caller may not see or that is of another place; or none is
                named, and the matter is neither an answer nor a topic.
        """
        now, matter = clock.now(), new.matter
        if matter.unsorted and new.ticket_ids is None:
            raise MalformedRequestError(
                "没有对应的官方问答或主题，系统不知道哪些工单属于同一事件，请逐个选出工单。",
                fields={"body.ticket_ids": "required without entry and topic"},
            )
        since = now if new.ticket_ids is not None else now - timedelta(minutes=self.piling.minutes)
        title, text = mask_personal_data(new.title), mask_personal_data(new.text)
        incident = Incident(str(uuid.uuid4()), matter, title, text, "open", 1, by.id, now, since)
        for _ in range(_TRIES):
            try:
                with self._engine.begin() as connection:
                    connection.execute(insert(INCIDENTS), columns_of(incident))
                    self._keep_text(connection, incident, by, now)
                    self._link(connection, incident, new.ticket_ids, reach)
                    return incident
            except IntegrityError:  # one is open already; or a ticket was linked elsewhere in this moment: once more
                continue
        raise ConflictError("同类突发事件已在处理中，请刷新后查看。")

    def write(self, incident_id: str, version: int, text: str, by: Actor, reach: Reach) -> Incident:
        """Give an open incident a new text for all its parents.

        Raises:
            NotFoundError: there is none, or the caller may not change it.
            VersionConflictError: somebody else was first; nothing was changed.
            IllegalTransitionError: it is closed.
        """
        return self._changed(incident_id, version, text, by, reach, closing=False)

    def close(self, incident_id: str, version: int, text: str, by: Actor, reach: Reach) -> Incident:
        """Close an incident with a last text for all its parents; raises as `write` does."""
        return self._changed(incident_id, version, text, by, reach, closing=True)

    def listed(self, city: City | None, district: str | None) -> list[Counted]:
        """Return what somebody of a city and district may read, open before closed, the newest first."""
        number = select(func.count()).where(LINKS.c.incident_id == INCIDENTS.c.id).scalar_subquery()
        order = (INCIDENTS.c.state.desc(), INCIDENTS.c.created_at.desc(), INCIDENTS.c.id)
        found = select(INCIDENTS, number.label("number")).where(*in_reach(city, district)).order_by(*order)
        with self._engine.connect() as connection:
            return [Counted(incident_of(row), row.number) for row in connection.execute(found.limit(_SHOWN))]

    def read(self, incident_id: str, city: City | None, district: str | None) -> Counted:
        """Return one that somebody of a city and district may read.

        Raises:
            NotFoundError: there is none, or not for this reader.
        """
        number = select(func.count()).where(LINKS.c.incident_id == INCIDENTS.c.id).scalar_subquery()
        with self._engine.connect() as connection:
            mine = select(INCIDENTS, number.label("number")).where(INCIDENTS.c.id == _readable(incident_id))
            row = connection.execute(mine.where(*in_reach(city, district))).one_or_none()
        if row is None:
            raise NotFoundError(_NONE_SUCH)
        return Counted(incident_of(row), row.number)

    def tickets(self, incident_id: str, reach: Reach) -> list[Ticket]:
        """Return the incident's tickets that a reader may see, the newest first, at most a page."""
        mine = select(TICKETS).join(LINKS, LINKS.c.ticket_id == TICKETS.c.id)
        found = mine.where(LINKS.c.incident_id == incident_id, *reach.where()).order_by(TICKETS.c.created_at.desc())
        with self._engine.connect() as connection:
            return [ticket_of(row) for row in connection.execute(found.limit(LARGEST_PAGE))]

    def _changed(
        self, incident_id: str, version: int, text: str, by: Actor, reach: Reach, *, closing: bool
    ) -> Incident:
        now = clock.now()
        mine = INCIDENTS.c.id == _readable(incident_id)
        with self._engine.begin() as connection:
            connection.execute(update(INCIDENTS).where(mine).values(id=INCIDENTS.c.id))  # nobody else changes it now
            before = self._writable(connection, incident_id, reach)
            if before.state == "closed":
                raise IllegalTransitionError("突发事件已结束。")
            if before.version != version:
                raise VersionConflictError("突发事件刚被他人更新，请核对后再操作。", version=before.version)
            after = replace(before, version=version + 1, text=mask_personal_data(text))
            after = replace(after, state="closed", closed_at=now) if closing else after
            connection.execute(update(INCIDENTS).where(mine).values(columns_of(after)))
            self._keep_text(connection, after, by, now)
        return after

    def _writable(self, connection: Connection, incident_id: str, reach: Reach) -> Incident:
        where = [INCIDENTS.c.id == _readable(incident_id)]
        where += [INCIDENTS.c.city == reach.city] if reach.city else []
        where += [INCIDENTS.c.district == reach.district] if reach.district else []
        row = connection.execute(select(INCIDENTS).where(*where)).one_or_none()
        if row is None:
            raise NotFoundError(_NONE_SUCH)
        return incident_of(row)

    def _keep_text(self, connection: Connection, incident: Incident, by: Actor, now: datetime) -> None:
        who = {"actor": by.id, "actor_name": by.name, "at": now}
        row = {"incident_id": incident.id, "version": incident.version, "text": incident.text, **who}
        connection.execute(insert(TEXTS), row)

    def _link(self, connection: Connection, incident: Incident, ticket_ids: Sequence[str] | None, reach: Reach) -> None:
        """Link the named tickets, or all that are covered; one that belongs to another incident stays with it."""
        where = [unlinked(incident)]
        if ticket_ids is not None:
            named = self._named(connection, incident.matter, ticket_ids, reach)
            where = [named, not_linked()]
        rows = select(TICKETS.c.id, literal(incident.id), literal(0)).where(*where)
        connection.execute(insert(LINKS).from_select(["ticket_id", "incident_id", "told"], rows))

    def _named(
        self, connection: Connection, matter: Matter, ticket_ids: Sequence[str], reach: Reach
    ) -> ColumnElement[bool]:
        where = [TICKETS.c.id.in_(ticket_ids), TICKETS.c.city == matter.city, *reach.where()]
        where += [TICKETS.c.district == matter.district] if matter.district else []
        found = connection.execute(select(func.count()).select_from(TICKETS).where(*where)).scalar_one()
        if found != len(set(ticket_ids)):
            raise MalformedRequestError("有的工单不存在，或不在这个区县。", fields={"body.ticket_ids": "not all found"})
        return and_(*where)


def _readable(incident_id: str) -> str:
    """Return an id that any database can look for; PostgreSQL refuses a text with a zero character."""
    return incident_id if incident_id.isprintable() else ""
