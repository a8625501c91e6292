"""The shapes of the tickets' API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from channels.messages import PRINTABLE
from conversations.handover import Stretch
from core.scope import City
from escalation.attachments import MOST, Attachment
from escalation.desk import TicketFile, need_of
from escalation.incidents import Incident, IncidentState
from escalation.listing import LARGEST_PAGE, Filter
from escalation.routing import RuleBook
from escalation.rules import Actor, Event, Level, MessageKind, Name, State, Ticket, Urgency, may

TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""Anything but control characters; new lines and tabs are kept."""
Line = Annotated[str, Field(min_length=1, max_length=60, pattern=PRINTABLE)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewTicket(_Body):
    """What a member of staff knows when making a ticket; `key` makes a repeated call harmless."""

    key: str = Field(default_factory=lambda: str(uuid4()), min_length=1, max_length=80, pattern=PRINTABLE)
    city: City
    district: Line | None = None
    school: Line | None = Field(None, description="Needs its district.")
    question: str = Field(min_length=1, max_length=4000, pattern=TEXT)
    entry_id: str | None = Field(None, max_length=10, pattern=PRINTABLE, description="Answer that was not enough.")
    branch: str | None = Field(None, max_length=40, pattern=PRINTABLE)
    topic: str | None = Field(None, max_length=40, pattern=r"^[a-z_]+$", description="Where there is no entry.")
    urgency: Urgency = "normal"
    closes_at: AwareDatetime | None = Field(None, description="When the family's batch closes, if it is known.")
    call_id: str | None = Field(None, max_length=36, pattern=PRINTABLE, description="One of one's own calls.")


class CommandBody(_Body):
    """What somebody wants to happen to the version that they saw."""

    version: int = Field(ge=1, le=2**31 - 1)
    text: str = Field("", max_length=4000, pattern=TEXT)
    why: str = Field("", max_length=1000, pattern=TEXT)
    to: Level | None = Field(None, description="Of `transfer`: the level.")
    district: Line | None = Field(None, description="Of `transfer`: another district.")
    school: Line | None = Field(None, description="Of `transfer`: another school.")
    attachments: list[Annotated[str, Field(max_length=36, pattern=PRINTABLE)]] = Field(
        [], max_length=MOST, description="Of `reply`, `ask_parent` and `note`: own files that were added as `waiting`."
    )


class ListQuery(_Body):
    """Which tickets are wanted: what is not given does not matter; `state`, `level` and `urgency` may be repeated."""

    state: list[State] = []
    level: list[Level] = []
    urgency: list[Urgency] = []
    district: Line | None = None
    school: Line | None = None
    number: Line | None = None
    mine: bool = False
    late_soon: bool = Field(False, description="Those that are late or will be soon.")
    limit: int = Field(50, ge=1, le=LARGEST_PAGE)
    cursor: str | None = Field(None, max_length=200)

    def filter(self, reader: str) -> Filter:
        """Return what is wanted, for the member of staff of that id."""
        return Filter(
            states=tuple(self.state),
            levels=tuple(self.level),
            urgencies=tuple(self.urgency),
            district=self.district,
            school=self.school,
            number=self.number,
            holder=reader if self.mine else None,
            late_soon=self.late_soon,
            limit=self.limit,
            cursor=self.cursor,
        )


class TicketSummary(BaseModel):
    """A ticket as a list shows it: no words of a case."""

    id: str
    number: str
    version: int
    city: City
    district: str | None
    school: str | None
    level: Level
    team: str
    state: State
    state_name: str
    urgency: Urgency
    urgency_name: str
    holder: str | None
    holder_name: str | None
    mine: bool
    topic: str
    entry_id: str | None
    branch: str | None
    created_at: datetime
    updated_at: datetime
    due_at: datetime
    late: bool
    late_soon: bool
    hours_left: float = Field(description="Working hours until the expected answer; 0 when none is awaited.")
    closes_at: datetime | None


class TicketRow(TicketSummary):
    """A ticket as the list of one's tickets shows it; `person_since`: since when a person speaks with its parent."""

    person_since: datetime | None


class ServiceHours(BaseModel):
    """When a team works in a normal week: `weekdays` from 0 (Monday), `windows` as pairs of local times, 09:00."""

    weekdays: tuple[int, ...]
    windows: list[tuple[str, str]]


class TicketMade(TicketSummary):
    """A new ticket, with what whoever asked for it takes home: when its team works."""

    service: ServiceHours


class MessageView(BaseModel):
    """Words on a ticket; a `note` is for colleagues only."""

    version: int
    kind: MessageKind
    by: str
    by_name: str
    role: str
    at: datetime
    text: str


class EventView(BaseModel):
    """One step: who, when, why, from where to where."""

    version: int
    kind: str
    by: str
    by_name: str
    role: str
    at: datetime
    why: str
    before: State | None
    after: State
    level_before: Level | None
    level: Level


class TicketIncident(BaseModel):
    """The incident that a ticket belongs to."""

    id: str
    title: str
    state: IncidentState


class AttachmentView(BaseModel):
    """A file on a ticket; `size` in bytes, `version` of the step that it came with, if any."""

    id: str
    name: str
    type: str
    size: int
    version: int | None
    to_parent: bool
    by: str
    by_name: str
    role: str
    at: datetime


class TicketView(TicketSummary):
    """A ticket with its course; `may` are the commands that the reader can give now."""

    guidance: str
    may: tuple[Name, ...]
    call_id: str | None
    from_chat: bool
    about_application: bool = Field(description="Whether an application of the parent can be looked at.")
    incident: TicketIncident | None
    messages: list[MessageView]
    events: list[EventView]
    attachments: list[AttachmentView]


class TicketPage(BaseModel):
    """Some tickets; `cursor` leads on, null at the end."""

    tickets: list[TicketRow]
    cursor: str | None


def summary(ticket: Ticket, book: RuleBook, by: Actor, now: datetime) -> TicketSummary:
    """Return what a list shows of a ticket."""
    return TicketSummary(**_summary(ticket, book, by, now))


def row(ticket: Ticket, book: RuleBook, by: Actor, now: datetime, talk: Stretch | None) -> TicketRow:
    """Return what the list of one's tickets shows of a ticket, `talk` being the person's in its conversation."""
    return TicketRow(**_summary(ticket, book, by, now), person_since=talk.since if talk else None)


def made(ticket: Ticket, book: RuleBook, by: Actor, now: datetime) -> TicketMade:
    """Return what its maker is told of a new ticket."""
    hours = book.calendar.hours_at(ticket.place)
    windows = [(f"{first:%H:%M}", f"{last:%H:%M}") for first, last in hours.windows]
    service = ServiceHours(weekdays=tuple(sorted(hours.weekdays)), windows=windows)
    return TicketMade(**_summary(ticket, book, by, now), service=service)


def view(file: TicketFile, book: RuleBook, by: Actor, now: datetime) -> TicketView:
    """Return the whole ticket as somebody may see it."""
    ticket = file.ticket
    levels = book.levels.of(ticket.place.city)
    return TicketView(
        **_summary(ticket, book, by, now),
        guidance=book.guidance(need_of(ticket)),
        may=may(ticket, by, now, levels),
        call_id=ticket.call_id,
        from_chat=ticket.conversation_id is not None,
        about_application=ticket.application_id is not None,
        incident=_incident(file.incident) if file.incident else None,
        messages=[MessageView(**_said(one), kind=one.kind, text=one.text) for one in file.messages],
        events=[event_view(one) for one in file.events],
        attachments=[_attachment(one) for one in file.attachments],
    )


def _incident(incident: Incident) -> TicketIncident:
    return TicketIncident(id=incident.id, title=incident.title, state=incident.state)


def event_view(event: Event) -> EventView:
    """Return one step as the API tells it."""
    facts = {name: getattr(event, name) for name in ("kind", "why", "before", "after", "level_before", "level")}
    return EventView(**_said(event), **facts)


def _attachment(one: Attachment) -> AttachmentView:
    facts = {name: getattr(one, name) for name in ("id", "name", "type", "size", "to_parent")}
    return AttachmentView(**_said(one), **facts)


def _said(one: object) -> dict[str, object]:
    by: Actor = one.by  # type: ignore[attr-defined]
    return {
        "version": one.version,  # type: ignore[attr-defined]
        "at": one.at,  # type: ignore[attr-defined]
        "by": by.id,
        "by_name": by.name,
        "role": by.role,
    }


def _summary(ticket: Ticket, book: RuleBook, by: Actor, now: datetime) -> dict[str, object]:
    same = ("id", "number", "version", "level", "state", "urgency", "holder", "holder_name", "topic", "branch")
    times = ("created_at", "updated_at", "due_at", "closes_at")
    place, waiting = ticket.place, ticket.answerable
    left = book.calendar.between(now, ticket.due_at, place) if waiting else 0
    return {
        **{name: getattr(ticket, name) for name in (*same, *times)},
        "city": place.city,
        "district": place.district,
        "school": place.school,
        "team": book.levels.team(ticket.level, place),
        "state_name": book.levels.states[ticket.state],
        "urgency_name": book.levels.urgencies[ticket.urgency],
        "mine": ticket.holder == by.id,
        "entry_id": ticket.entry,
        "late": waiting and ticket.due_at <= now,
        "late_soon": waiting and ticket.warn_at <= now,
        "hours_left": round(left, 2),
    }
