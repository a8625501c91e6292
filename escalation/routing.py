"""Which level and team gets a ticket, and by when: rules that are data, each step of a decision with its reason.

No input or output but reading the rules, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import SettingsError
from core.scope import CITIES, City
from escalation.calendar import Calendar
from escalation.rules import LEVELS, STATES, URGENCIES, Level, Place, State, Ticket, Urgency

FOLDER = Path(__file__).parent
Reason = Literal["dispatched", "climbed", "freed", "closed", "reopened"]
"""What the desk itself does and says why."""
_HARDLY_ANY = 1 / 60
"""Working hours."""
_Shape = TypeVar("_Shape", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OwnName(_Strict):
    """What the level is called in the districts whose name ends so."""

    city: City
    ends_with: str
    level: Level
    name: str


class Levels(_Strict):
    """All of `levels.yml`."""

    cities: dict[City, dict[Level, str]]
    own_names: tuple[OwnName, ...] = ()
    states: dict[State, str]
    urgencies: dict[Urgency, str]
    reasons: dict[Reason, str]

    @model_validator(mode="after")
    def _complete(self) -> Levels:
        missing = {*CITIES} - {*self.cities} | {*STATES} - {*self.states} | {*URGENCIES} - {*self.urgencies}
        missing |= {*get_args(Reason)} - {*self.reasons}
        if missing:
            raise ValueError(f"nothing is said of {', '.join(sorted(missing))}")
        if empty := [city for city, levels in self.cities.items() if not levels]:
            raise ValueError(f"{empty[0]} has no level")
        return self

    def of(self, city: City) -> tuple[Level, ...]:
        """Return the levels that the city has, lowest first."""
        return tuple(level for level in LEVELS if level in self.cities[city])

    def team(self, level: Level, place: Place) -> str:
        """Return what the level is called there."""
        for own in self.own_names:
            if (own.city, own.level) == (place.city, level) and (place.district or "").endswith(own.ends_with):
                return own.name
        return self.cities[place.city][level]


class Rule(_Strict):
    """Which level settles what; a field that is not given fits everything.

    `offered`: a parent who gets this answer in the chat is offered a ticket with it, since only people can settle it.
    """

    name: str
    city: City
    entry: str | None = None
    branch: str | None = None
    topic: str | None = None
    level: Level
    because: str
    guidance: str = ""
    offered: bool = False

    def fits(self, need: Need) -> bool:
        """Whether the rule is about such a ticket."""
        return self.city == need.place.city and all(
            mine in (None, theirs)
            for mine, theirs in ((self.entry, need.entry), (self.branch, need.branch), (self.topic, need.topic))
        )


class Closing(_Strict):
    """When a batch closes, for some districts of a city or for all of it."""

    city: City
    districts: tuple[str, ...] = ()
    closes_at: AwareDatetime


class Piling(_Strict):
    """When similar tickets of a district count as one failure: so many within so many minutes."""

    tickets: int = Field(5, ge=2)
    minutes: int = Field(60, ge=1)


class Routing(_Strict):
    """All of `routing.yml`."""

    default: Level
    rules: tuple[Rule, ...]
    service_hours: dict[Level, dict[Urgency, float]]
    closing_within: dict[Urgency, float]
    climb_after: float = Field(gt=0, lt=1)
    warn_after: float = Field(gt=0, lt=1)
    closings: tuple[Closing, ...] = ()
    incidents: Piling = Piling()

    @model_validator(mode="after")
    def _complete(self) -> Routing:
        for level in LEVELS:
            hours = self.service_hours.get(level, {})
            if {*hours} != {*URGENCIES} or min(hours.values(), default=0) <= 0:
                raise ValueError(f"service_hours of {level}: give hours above 0 for {', '.join(URGENCIES)}")
        if self.climb_after >= self.warn_after:
            raise ValueError("climb_after must be less than warn_after: who could still take it comes first")
        if len({rule.name for rule in self.rules}) != len(self.rules):
            raise ValueError("two rules have the same name")
        return self


@dataclass(frozen=True, slots=True)
class Need:
    """What is known of a ticket that is to be routed; `closes_at` and `urgency` where the ticket has its own."""

    place: Place
    entry: str | None = None
    branch: str | None = None
    topic: str | None = None
    urgency: Urgency = "normal"
    closes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """Until when what has to happen; `now` < `climb_at` and `now` < `warn_at` < `due_at`."""

    urgency: Urgency
    due_at: datetime
    warn_at: datetime
    climb_at: datetime | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a ticket goes, by when, and why: each step's reason in order."""

    level: Level
    team: str
    because: str
    guidance: str
    times: Times
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class RuleBook:
    """The rules of one service: levels, routing and calendar."""

    levels: Levels
    routing: Routing
    calendar: Calendar

    def route(self, need: Need, now: datetime) -> Route:
        """Decide where a ticket goes first."""
        rule = next((rule for rule in self.routing.rules if rule.fits(need)), None)
        wanted = rule.level if rule else self.routing.default
        because = f"rule {rule.name}: {rule.because}" if rule else "no rule fits: the default"
        level, reasons = self._reachable(wanted, need.place, now)
        times = self.times(level, need, now)
        team = self.levels.team(level, need.place)
        return Route(
            level,
            team,
            rule.because if rule else self.levels.reasons["dispatched"],
            rule.guidance if rule else "",
            times,
            (f"{because} → {wanted}", *reasons, f"{level} is {team}", *times.reasons),
        )

    def guidance(self, need: Need) -> str:
        """Return what the rule tells who works on such a ticket; empty if nothing."""
        return next((rule.guidance for rule in self.routing.rules if rule.fits(need)), "")

    def offered(self, need: Need) -> bool:
        """Whether a parent is offered a ticket with the answer that the need names."""
        return next((rule.offered for rule in self.routing.rules if rule.fits(need)), False)

    def times(self, level: Level, need: Need, now: datetime, promised: datetime | None = None) -> Times:
        """Return until when an answer is expected from a level; never later than what was `promised` before."""
        place, closes_at = need.place, self.closing(need)
        urgency, why = self.urgency(need, now)
        hours = self.routing.service_hours[level][urgency]
        due = self.calendar.add(now, hours, place)
        reasons = [*why, f"{hours:g} working hours for {level}, {urgency}"]
        for limit, name in ((closes_at, "the batch closes"), (promised, "it was promised")):
            if limit and now < limit < due:
                due = limit
                reasons.append(f"{name} before")
        top = self.levels.of(place.city)[-1]
        climb = None if level == top else self._share(now, due, self.routing.climb_after, place)
        if not self.calendar.knows(due.year):
            reasons.append(f"calendar.yml has no notice for {due.year}: weekdays count")
        return Times(
            urgency, due, self._share(now, due, self.routing.warn_after, place), climb, tuple(reasons)
        )  # fmt: skip

    def urgency(self, need: Need, now: datetime) -> tuple[Urgency, list[str]]:
        """Return the more urgent of what was said and what the hours to the closing make of it."""
        closes_at = self.closing(need)
        if closes_at is None or closes_at <= now:
            return need.urgency, [f"urgency {need.urgency}: as given, no closing ahead"]
        left = (closes_at - now) / timedelta(hours=1)
        near = [name for name, within in self.routing.closing_within.items() if left <= within]
        urgency = max([need.urgency, *near], key=URGENCIES.index)
        return urgency, [f"urgency {urgency}: the batch closes in {left:.1f} hours"]

    def closing(self, need: Need) -> datetime | None:
        """Return when the ticket's batch closes, if that is known."""
        place = need.place
        known = [
            closing.closes_at
            for closing in self.routing.closings
            if closing.city == place.city and (not closing.districts or place.district in closing.districts)
        ]
        return need.closes_at or min(known, default=None)

    def is_there(self, ticket: Ticket, now: datetime) -> bool:
        """Whether the level that has a ticket can take it up: its place is known, and it is not away."""
        return self._unreachable(ticket.level, ticket.place, now) is None

    def _reachable(self, wanted: Level, place: Place, now: datetime) -> tuple[Level, list[str]]:
        """Return the wanted level, or the next above that the city has, whose place is known, and that is there."""
        levels = self.levels.of(place.city)
        reasons: list[str] = []
        for level in LEVELS[LEVELS.index(wanted) :]:
            reason = self._unreachable(level, place, now)
            if level == levels[-1] or (reason is None and level in levels):
                return level, reasons
            reasons.append(f"not {level}: {reason or 'the city has no such level'}")
        return levels[-1], [*reasons, f"{levels[-1]} is the city's highest level"]

    def _unreachable(self, level: Level, place: Place, now: datetime) -> str | None:
        if level == "school":
            away = self.calendar.team_away(now, place) if place.school else None
            return "the school is not known" if not place.school else away and f"away: {away}"
        if level == "district":
            away = self.calendar.team_away(now, Place(place.city, place.district)) if place.district else None
            return "the district is not known" if not place.district else away and f"away: {away}"
        return None

    def _share(self, now: datetime, due: datetime, share: float, place: Place) -> datetime:
        """Return when a share of the time to the answer has passed: of working time, of all if hardly any is left."""
        hours = self.calendar.between(now, due, place)
        return self.calendar.add(now, hours * share, place) if hours > _HARDLY_ANY else now + (due - now) * share


def load_rules(folder: Path | None = None) -> RuleBook:
    """Read and check the rules.

    Raises:
        SettingsError: a file is missing or wrong; names file and reason.
    """
    where = folder or FOLDER
    levels = _read(where / "levels.yml", Levels)
    routing = _read(where / "routing.yml", Routing)
    calendar = _read(where / "calendar.yml", Calendar)
    if missing := {*CITIES} - {hours.city for hours in calendar.hours if not hours.district and not hours.school}:
        raise SettingsError(f"{where / 'calendar.yml'}: no hours for {', '.join(sorted(missing))}")
    return RuleBook(levels, routing, calendar)


@lru_cache(maxsize=1)
def own_rules() -> RuleBook:
    """Return the rules that come with the product, read once."""
    return load_rules()


def _read(path: Path, shape: type[_Shape]) -> _Shape:
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return shape.model_validate(content)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise SettingsError(f"{path}: {error}") from error
