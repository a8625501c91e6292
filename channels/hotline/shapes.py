"""The shapes of the calls' API."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from channels.messages import PRINTABLE
from channels.tickets.shapes import Line, TicketMade
from core.scope import City
from hotline.calls import Call, EventKind, Happened, Result

NOTE_MAX = 4000
_QUESTION_MAX = 500
_MANY = 200
_LONGEST_AGO = 24 * 60 * 60 * 1000
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _without_controls(text: str) -> str:
    return _CONTROLS.sub("", text)


Typed = Annotated[str, AfterValidator(_without_controls)]
"""What an agent typed or pasted. Control characters are dropped: to refuse them would lose the words around them."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewCall(_Body):
    """A call that begins; `id` is made by the browser, so that a repeated request starts nothing twice."""

    id: UUID | None = None
    city: City | None = None
    district: str | None = Field(None, max_length=40, pattern=PRINTABLE)


class CallChange(_Body):
    """What is to be changed; what is left out stays."""

    city: City | None = None
    district: str | None = Field(None, max_length=40, pattern=PRINTABLE)
    note: Typed = Field("", max_length=NOTE_MAX)


class HappenedBody(_Body):
    """What happened with a suggestion, `ago_ms` milliseconds before it is sent; `asked` has no entry."""

    key: str = Field(pattern=r"^[A-Za-z0-9-]{8,36}$")
    kind: EventKind
    entry_id: str = Field("", max_length=10)
    question: Typed = Field(max_length=_QUESTION_MAX)
    ago_ms: int = Field(0, ge=0, le=_LONGEST_AGO)

    @model_validator(mode="after")
    def _about_an_entry(self) -> Self:
        if (self.kind == "asked") != (self.entry_id == ""):
            raise ValueError("all but what was `asked` is about an entry")
        return self

    def happened(self) -> Happened:
        """Return it as the store takes it."""
        return Happened(self.key, self.kind, self.entry_id, self.question, timedelta(milliseconds=self.ago_ms))


class EventsBody(_Body):
    """Some events, in the order in which they happened."""

    events: list[HappenedBody] = Field(min_length=1, max_length=_MANY)


class EndBody(_Body):
    """How the call ended."""

    result: Result


class HandOver(_Body):
    """What the agent adds when handing a call over: what stands in the box, and the school if it was named."""

    question: Typed = Field("", max_length=_QUESTION_MAX)
    school: Line | None = Field(None, description="Needs the call's district.")


class EventCard(BaseModel):
    """What happened with a suggestion, or what was asked: then `entry_id` is empty."""

    kind: EventKind
    entry_id: str
    question: str
    at: datetime


class CallCard(BaseModel):
    """A call; texts are masked, `seconds` counts until its end or until now; `ticket`: the number of what it became."""

    id: str
    city: City | None
    district: str | None
    note: str
    result: Result | None
    started_at: datetime
    ended_at: datetime | None
    seconds: int
    escalated_at: datetime | None
    ticket: str | None
    questions: list[str]
    events: list[EventCard]

    @classmethod
    def of(cls, call: Call, ticket: str | None) -> CallCard:
        """Return the card of a call that became the ticket of this number, or none."""
        facts = {name: getattr(call, name) for name in cls.model_fields if name not in ("ticket", "events")}
        events = [EventCard.model_validate(one, from_attributes=True) for one in call.events]
        return cls(**facts, ticket=ticket, events=events)


class OpenCall(BaseModel):
    """The call that is not ended, or null."""

    call: CallCard | None


class DayOfCalls(BaseModel):
    """One's calls of a day, the last one first."""

    day: date
    calls: list[CallCard]


class Escalated(BaseModel):
    """A call that is marked for the school teams, and its ticket: which team has it, and by when it answers."""

    call: CallCard
    ticket: TicketMade
