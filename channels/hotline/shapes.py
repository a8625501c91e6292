"""The shapes of the calls' API."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from channels.messages import PRINTABLE
from core.scope import City
from hotline.calls import Call, EventKind, Happened, Result

NOTE_MAX = 4000
_MANY = 200
_LONGEST_AGO = 24 * 60 * 60 * 1000


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
    note: str = Field("", max_length=NOTE_MAX)


class HappenedBody(_Body):
    """What happened with a suggestion, `ago_ms` milliseconds before it is sent; `asked` has no entry."""

    key: str = Field(pattern=r"^[A-Za-z0-9-]{8,36}$")
    kind: EventKind
    entry_id: str = Field("", max_length=10)
    question: str = Field(max_length=500)
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


class EventCard(BaseModel):
    """What happened with a suggestion, or what was asked: then `entry_id` is empty."""

    kind: EventKind
    entry_id: str
    question: str
    at: datetime


class CallCard(BaseModel):
    """A call; texts are masked, `seconds` counts until its end or until now."""

    id: str
    city: City | None
    district: str | None
    note: str
    result: Result | None
    started_at: datetime
    ended_at: datetime | None
    seconds: int
    escalated_at: datetime | None
    questions: list[str]
    events: list[EventCard]

    @classmethod
    def of(cls, call: Call) -> CallCard:
        """Return the card of a call."""
        return cls.model_validate(call, from_attributes=True)


class OpenCall(BaseModel):
    """The call that is not ended, or null."""

    call: CallCard | None


class DayOfCalls(BaseModel):
    """One's calls of a day, the last one first."""

    day: date
    calls: list[CallCard]


class Escalated(BaseModel):
    """A call that is marked for the school teams; `ticket` is null as long as the caller's city is not known."""

    call: CallCard
    ticket: str | None
