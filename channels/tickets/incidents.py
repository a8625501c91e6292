"""The incidents' API: districts and cities tell all parents of one failure the same; who works there may read it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from channels.access import Allowed
from channels.messages import PRINTABLE
from channels.services import services
from channels.tickets.routes import actor_of, desk_of, reach_of
from channels.tickets.shapes import TEXT, Line, TicketSummary, summary
from core import clock
from core.errors import MalformedRequestError, NotFoundError
from core.scope import City
from escalation.incident_desk import Counted, NewIncident, Proposal
from escalation.incidents import IncidentState, Matter
from knowledge.loader import Knowledge

router = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])
_Text = Annotated[str, Field(min_length=1, max_length=2000, pattern=TEXT)]
_TicketId = Annotated[str, Field(min_length=1, max_length=36, pattern=PRINTABLE)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class NewIncidentBody(_Body):
    """A failure and what its parents are told; about an official answer or, without one, a topic."""

    city: City
    district: Line | None = Field(None, description="Null: the whole city.")
    entry_id: str | None = Field(None, max_length=10, pattern=PRINTABLE)
    topic: str | None = Field(None, max_length=40, pattern=r"^[a-z_]+$", description="Where there is no entry.")
    title: Line
    text: _Text
    ticket_ids: list[_TicketId] | None = Field(
        None, min_length=1, max_length=200, description="Begin with these alone, not with all lately made."
    )

    @model_validator(mode="after")
    def _about_one_thing(self) -> Self:
        if (self.entry_id is None) == (self.topic is None):
            raise ValueError("give entry_id or topic")
        return self


class IncidentText(_Body):
    """The next text for all parents, for the version that the writer saw."""

    version: int = Field(ge=1, le=2**31 - 2)
    text: _Text


class IncidentView(BaseModel):
    """An incident; `tickets` is the number of all its tickets, `may_write`: the reader may write to it and close it."""

    id: str
    city: City
    district: str | None
    topic: str
    entry_id: str | None
    title: str
    text: str
    state: IncidentState
    version: int
    created_at: datetime
    closed_at: datetime | None
    tickets: int
    may_write: bool


class IncidentFile(BaseModel):
    """An incident with those of its tickets that the reader may see, the newest first, at most a page."""

    incident: IncidentView
    tickets: list[TicketSummary]


class IncidentList(BaseModel):
    """Incidents, open ones first, the newest first."""

    incidents: list[IncidentView]


class ProposalView(BaseModel):
    """Similar tickets that piled up; `question` is that of the official answer, where there is one."""

    city: City
    district: str | None
    topic: str
    entry_id: str | None
    question: str | None
    tickets: int
    since: datetime


class ProposalList(BaseModel):
    """What could be opened as an incident, most tickets first; they were made within so many minutes."""

    minutes: int
    proposals: list[ProposalView]


@router.post("", status_code=201)
async def open_incident(request: Request, who: Allowed, body: NewIncidentBody) -> IncidentView:
    """Open an incident; the text goes to the parents of all its tickets within seconds."""
    parts = services(request)
    parts.limits.check(request)
    if not who.scope.covers(body.city, body.district):
        raise NotFoundError("不在您的服务范围内。")
    new = NewIncident(
        _matter(body, parts.desk.knowledge),
        body.title,
        body.text,
        None if body.ticket_ids is None else tuple(body.ticket_ids),
    )
    desk, call = desk_of(request).incidents, parts.desk.store.call
    incident = await call(desk.open, new, actor_of(who), reach_of(who))
    return await _read(request, who, incident.id)


@router.get("")
async def list_incidents(request: Request, who: Allowed) -> IncidentList:
    """Return the incidents of one's city and district and those of the whole city, the newest hundred."""
    found = await services(request).desk.store.call(
        desk_of(request).incidents.listed, who.scope.city, who.scope.district
    )
    return IncidentList(incidents=[_view(one, who) for one in found])


@router.get("/proposals")
async def propose_incidents(request: Request, who: Allowed) -> ProposalList:
    """Return where similar tickets have piled up in one's scope and no open incident covers them."""
    parts, desk = services(request), desk_of(request).incidents
    found = await parts.desk.store.call(desk.proposals, reach_of(who), clock.now())
    shown = [_proposal(one, parts.desk.knowledge) for one in found]
    return ProposalList(minutes=desk.piling.minutes, proposals=shown)


@router.get("/{incident_id}")
async def read_incident(request: Request, who: Allowed, incident_id: str) -> IncidentFile:
    """Return an incident with those of its tickets that one may see."""
    incident, desk, now = await _read(request, who, incident_id), desk_of(request), clock.now()
    tickets = await services(request).desk.store.call(desk.incidents.tickets, incident_id, reach_of(who))
    return IncidentFile(
        incident=incident, tickets=[summary(one, desk.book, actor_of(who), now) for one in tickets]
    )  # fmt: skip


@router.post("/{incident_id}/text")
async def write_incident(request: Request, who: Allowed, incident_id: str, body: IncidentText) -> IncidentView:
    """Tell the parents of all tickets of an open incident a new text."""
    parts = services(request)
    parts.limits.check(request)
    change = desk_of(request).incidents.write
    await parts.desk.store.call(change, incident_id, body.version, body.text, actor_of(who), reach_of(who))
    return await _read(request, who, incident_id)


@router.post("/{incident_id}/close")
async def close_incident(request: Request, who: Allowed, incident_id: str, body: IncidentText) -> IncidentView:
    """Close an incident with a last text for the parents of all its tickets; the tickets stay as they are."""
    parts = services(request)
    parts.limits.check(request)
    change = desk_of(request).incidents.close
    await parts.desk.store.call(change, incident_id, body.version, body.text, actor_of(who), reach_of(who))
    return await _read(request, who, incident_id)


async def _read(request: Request, who: Allowed, incident_id: str) -> IncidentView:
    read = desk_of(request).incidents.read
    return _view(await services(request).desk.store.call(read, incident_id, who.scope.city, who.scope.district), who)


def _matter(body: NewIncidentBody, knowledge: Knowledge) -> Matter:
    """Return what the incident is about, checked against what there is.

    Raises:
        MalformedRequestError: an entry that the city does not have.
    """
    entry = knowledge.entries.get(body.entry_id) if body.entry_id else None
    if body.entry_id and (entry is None or entry.city != body.city):
        raise MalformedRequestError("没有这条官方问答。", fields={"body.entry_id": "not an entry of the city"})
    return Matter(body.city, body.district, entry.topic if entry else body.topic or "other", body.entry_id)


def _view(one: Counted, who: Allowed) -> IncidentView:
    incident, matter = one.incident, one.incident.matter
    names = ("id", "title", "text", "state", "version", "created_at", "closed_at")
    return IncidentView(
        **{name: getattr(incident, name) for name in names},
        city=matter.city,
        district=matter.district,
        topic=matter.topic,
        entry_id=matter.entry,
        tickets=one.tickets,
        may_write=who.role in ("district", "city") and who.scope.covers(matter.city, matter.district),
    )


def _proposal(one: Proposal, knowledge: Knowledge) -> ProposalView:
    matter = one.matter
    entry = knowledge.entries.get(matter.entry) if matter.entry else None
    return ProposalView(
        city=matter.city,
        district=matter.district,
        topic=matter.topic,
        entry_id=matter.entry,
        question=entry.question if entry else None,
        tickets=one.tickets,
        since=one.since,
    )
