"""Working time: which days and hours count in which place, and arithmetic with them. Data, no input or output.

Sums are of working time: an answer promised in seven hours on a Friday is due on Monday, or on the Saturday that a
notice made a working day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from core.clock import CHINA
from core.scope import City
from escalation.rules import Place

_LONGEST = 400
"""Days that are looked at for working time before giving up."""


def _span(value: Any) -> Any:
    if isinstance(value, str):
        first, _, last = value.partition("..")
        return date.fromisoformat(first), date.fromisoformat(last or first)
    return (value, value) if isinstance(value, date) else value


def _window(value: Any) -> Any:
    if isinstance(value, str):
        first, _, last = value.partition("-")
        return time.fromisoformat(first), time.fromisoformat(last)
    return value


Span = Annotated[tuple[date, date], BeforeValidator(_span)]
Window = Annotated[tuple[time, time], BeforeValidator(_window)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Days(_Strict):
    def covers(self, spans: tuple[Span, ...], day: date) -> bool:
        return any(first <= day <= last for first, last in spans)


class Hours(_Strict):
    """The hours of service of a city, or of one district or school; `weekdays`: 0 is Monday."""

    city: City
    district: str | None = None
    school: str | None = None
    windows: tuple[Window, ...]
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)

    @model_validator(mode="after")
    def _in_order(self) -> Hours:
        times = [moment for window in self.windows for moment in window]
        if not times or times != sorted(set(times)):
            raise ValueError("windows are given in their order, each from an earlier to a later time")
        if not self.weekdays or not set(self.weekdays) <= set(range(7)):
            raise ValueError("weekdays are 0 (Monday) to 6 (Sunday), at least one")
        return self


class Notice(_Days):
    """A year's days off and the weekend days that are worked instead, as the State Council's notice has them."""

    year: int
    source: str
    days_off: tuple[Span, ...]
    days_worked: tuple[Span, ...]


class OwnDays(_Days):
    """Days of one city, district or school that go before the notice."""

    city: City
    district: str | None = None
    school: str | None = None
    days_off: tuple[Span, ...] = ()
    days_worked: tuple[Span, ...] = ()
    because: str


class Away(_Days):
    """Days on which a team, or one member of staff by id, is away."""

    city: City | None = None
    district: str | None = None
    school: str | None = None
    staff: str | None = None
    days: tuple[Span, ...]
    because: str

    @model_validator(mode="after")
    def _one_of_them(self) -> Away:
        if (self.staff is None) == (self.district is None and self.school is None) or (
            self.staff is None and self.city is None
        ):
            raise ValueError("give either staff, or a city with its district, and school if it is one school")
        return self


class Calendar(_Strict):
    """All of `calendar.yml`."""

    hours: tuple[Hours, ...]
    notices: tuple[Notice, ...]
    own_days: tuple[OwnDays, ...] = ()
    away: tuple[Away, ...] = ()

    def knows(self, year: int) -> bool:
        """Whether there is a notice for the year; without one, the weekdays count."""
        return any(notice.year == year for notice in self.notices)

    def works(self, day: date, place: Place) -> bool:
        """Whether the day is a working day there."""
        for own in self.own_days:
            if _within(place, own):
                if own.covers(own.days_off, day):
                    return False
                if own.covers(own.days_worked, day):
                    return True
        for notice in self.notices:
            if notice.covers(notice.days_worked, day):
                return True
            if notice.covers(notice.days_off, day):
                return False
        return day.weekday() in self.hours_at(place).weekdays

    def hours_at(self, place: Place) -> Hours:
        """Return the hours of service there."""
        return [hours for hours in self.hours if _within(place, hours)][-1]

    def windows(self, day: date, place: Place) -> list[tuple[datetime, datetime]]:
        """Return when work is done there on that day, aware, in their order."""
        if not self.works(day, place):
            return []
        return [
            (datetime.combine(day, first, CHINA), datetime.combine(day, last, CHINA))
            for first, last in self.hours_at(place).windows
        ]

    def add(self, start: datetime, hours: float, place: Place) -> datetime:
        """Return the moment at which so many working hours have passed since `start`, in `start`'s time zone.

        Args:
            start: any aware moment.
            hours: more than 0.
            place: whose calendar counts.

        Raises:
            ValueError: they don't fit into the next 400 days.
        """
        left = timedelta(hours=hours)
        for first, last in self._from(start, place):
            if last - first >= left:
                return (first + left).astimezone(start.tzinfo)
            left -= last - first
        raise ValueError(f"calendar.yml has fewer than {hours} working hours in {_LONGEST} days there")

    def between(self, start: datetime, end: datetime, place: Place) -> float:
        """Return the working hours from `start` to `end`; 0 if `end` is not later."""
        passed = timedelta()
        for first, last in self._from(start, place):
            if first >= end:
                break
            passed += min(last, end) - first
        return passed / timedelta(hours=1)

    def team_away(self, at: datetime, place: Place) -> str | None:
        """Return why the team of this place is away on that day, or None if it is there."""
        day = at.astimezone(CHINA).date()
        for one in self.away:
            theirs = one.staff is None and Place(one.city or place.city, one.district, one.school) == place
            if theirs and one.covers(one.days, day):
                return one.because
        return None

    def staff_away(self, at: datetime) -> dict[str, str]:
        """Return the ids of staff who are away on that day, with the reason."""
        day = at.astimezone(CHINA).date()
        return {one.staff: one.because for one in self.away if one.staff and one.covers(one.days, day)}

    def _from(self, start: datetime, place: Place) -> Iterator[tuple[datetime, datetime]]:
        """Yield the pieces of working time after `start`."""
        today = start.astimezone(CHINA).date()
        for day in range(_LONGEST):
            for first, last in self.windows(today + timedelta(days=day), place):
                if last > start:
                    yield max(first, start), last


def _within(place: Place, part: Hours | OwnDays) -> bool:
    return part.city == place.city and part.district in (None, place.district) and part.school in (None, place.school)
