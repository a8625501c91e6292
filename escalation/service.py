"""How well tickets are served, by city, district and school: shares, and working time to the first answer."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median, quantiles

from core.scope import CITIES, City
from escalation.calendar import Calendar
from escalation.records import TicketRecord
from escalation.rules import Place


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """One city, one district of it, or one school.

    Args:
        city, district, school: where; None from a level on: all of it. `known` is False for the tickets of a city whose
            district is not known.
        tickets: how many were made.
        answered: how many have a first answer.
        on_time_share: 0–1, of those whose answer was given or is overdue; None if there are none.
        median_hours, p90_hours: working hours from making to the first answer; None without answers.
        open: not settled now; `late`: an answer is overdue now.
    """

    city: City
    district: str | None
    school: str | None
    known: bool
    tickets: int
    answered: int
    on_time_share: float | None
    median_hours: float | None
    p90_hours: float | None
    open: int
    late: int


@dataclass(slots=True)
class _Tally:
    tickets: int = 0
    due: int = 0
    on_time: int = 0
    open: int = 0
    late: int = 0
    hours: array[float] = field(default_factory=lambda: array("d"))


_Key = tuple[City, str | None, str | None, bool]


def service_report(records: Iterable[TicketRecord], calendar: Calendar) -> list[ServiceLine]:
    """Return a line for each city, then its districts, each followed by its schools.

    A ticket counts where it is now; eight bytes of memory are kept for each answer on each of its three lines.
    """
    tallies: dict[_Key, _Tally] = defaultdict(_Tally)
    for record in records:
        place, hours = record.ticket.place, None
        if record.first_answer_at:
            hours = calendar.between(record.ticket.created_at, record.first_answer_at, place)
        for key in _keys(place):
            _count(tallies[key], record, hours)
    return [_line(key, tallies[key]) for key in sorted(tallies, key=_order)]


def _keys(place: Place) -> Iterable[_Key]:
    yield (place.city, None, None, True)
    yield (place.city, place.district, None, place.district is not None)
    if place.school:
        yield (place.city, place.district, place.school, True)


def _order(key: _Key) -> tuple[int, bool, str, str]:
    city, district, school, known = key
    return CITIES.index(city), not known, district or "", school or ""


def _count(tally: _Tally, record: TicketRecord, hours: float | None) -> None:
    answered = record.first_answer_at is not None
    tally.tickets += 1
    tally.due += answered or record.late
    tally.on_time += answered and not record.late
    tally.open += record.ticket.settled_at is None
    tally.late += record.late_now
    if hours is not None:
        tally.hours.append(hours)


def _line(key: _Key, tally: _Tally) -> ServiceLine:
    share = round(tally.on_time / tally.due, 4) if tally.due else None
    return ServiceLine(*key, tally.tickets, len(tally.hours), share, *_hours(tally.hours), tally.open, tally.late)


def _hours(hours: array[float]) -> tuple[float | None, float | None]:
    """Return median and 90th percentile, interpolated between the two nearest."""
    if not hours:
        return None, None
    ninth = quantiles(hours, n=10, method="inclusive")[8] if len(hours) > 1 else hours[0]
    return round(median(hours), 2), round(ninth, 2)
