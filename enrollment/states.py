"""The state machine of each city, and what the desk says about each state: `states.yml`, read and proved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.scope import CITIES, City
from enrollment.errors import StatesError
from enrollment.models import Application, Word

STATES_FILE = Path(__file__).with_name("states.yml")
ENTRY_PREFIX: dict[City, str] = {"chongqing": "cq-", "qingdao": "qd-"}


class _Datum(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Datum):
    """A legal step out of a state."""

    to: Word
    by: Literal["parent", "staff"]
    window: bool = Field(False, description="Whether the step is legal only while the window is open.")


class Advice(_Datum):
    """What a parent does now and what happens then, with the part of an official answer that fits."""

    next: Word
    then: Word | None = Field(None, description="What happens after that; None where nobody can say.")
    entry: str | None = Field(None, description="Id of the official entry; set if and only if `quote` is.")
    quote: str | None = Field(None, description="A verbatim piece of that entry's answer.")


class State(Advice):
    """One state of a city's machine; its own `next`, `entry` and `quote` hold while the window is open."""

    meaning: Word
    official: bool = Field(description="Whether an entry of the city describes this state.")
    start: bool = Field(False, description="Whether a case may begin here.")
    problems_named: bool = Field(False, description="Whether the state is entered only with what is wrong.")
    closed: Advice | None = Field(None, description="The advice once the window is closed, where it differs.")
    steps: tuple[Step, ...]

    def advice(self, *, window_open: bool) -> Advice:
        """Return the advice that fits an open or closed window."""
        if self.closed and not window_open:
            return self.closed
        return Advice(next=self.next, then=self.then, entry=self.entry, quote=self.quote)

    def targets(self) -> tuple[str, ...]:
        """Return the states that a step leads to, at whatever time."""
        return tuple(step.to for step in self.steps)

    def may_go(self, to: str, *, window_open: bool) -> bool:
        """Return whether a step from here to the state `to` is legal."""
        return any(step.to == to and (window_open or not step.window) for step in self.steps)


class ProblemAdvice(Advice):
    """Advice for a problem with one of `items` while the case is in one of `states`."""

    items: tuple[Word, ...] = Field(min_length=1)
    states: tuple[Word, ...] = Field(min_length=1)


class CityStates(_Datum):
    """One city's machine; `states` stand in the order that a case usually goes through."""

    states: dict[str, State] = Field(min_length=1)
    problems: tuple[ProblemAdvice, ...] = ()

    def advice(self, application: Application) -> Advice:
        """Return what the guardian does now: by closed window, else by problem, else by state."""
        state = self.states[application.state]
        if state.closed and not application.window_open:
            return state.closed
        items = {problem.item for problem in application.problems}
        for rule in self.problems:
            if application.state in rule.states and items & set(rule.items):
                return Advice(next=rule.next, then=rule.then or state.then, entry=rule.entry, quote=rule.quote)
        return state.advice(window_open=application.window_open)

    def advices(self) -> Iterator[tuple[str, Advice]]:
        """Return every advice with the place in the file where it stands."""
        for name, state in self.states.items():
            yield name, state
            if state.closed:
                yield f"{name}.closed", state.closed
        for number, rule in enumerate(self.problems, start=1):
            yield f"problems.{number}", rule


class States(_Datum):
    """The machines of all cities."""

    cities: dict[City, CityStates]

    def state(self, city: City, name: str) -> State:
        """Return a state.

        Raises:
            StatesError: the city has no such state.

        """
        try:
            return self.cities[city].states[name]
        except KeyError as error:
            raise StatesError(f"{city} has no such state; {STATES_FILE.name} lists them all") from error

    def advice(self, application: Application) -> Advice:
        """Return what the application's guardian does now."""
        return self.cities[application.city].advice(application)

    def check_quotes(self, answers: Mapping[str, str]) -> None:
        """Prove that each quote stands, character for character, in its entry's answer.

        Args:
            answers: official answer by entry id.

        Raises:
            StatesError: names the first place whose quote isn't there.

        """
        for city, machine in self.cities.items():
            for place, advice in machine.advices():
                if advice.entry and (advice.quote or "") not in answers.get(advice.entry, ""):
                    raise StatesError(f"states.yml: {city}.{place}: the quote is not in {advice.entry}'s answer")


def load_states(path: Path = STATES_FILE) -> States:
    """Read the machines and check them.

    Raises:
        StatesError: a rule is broken; the message names the place.

    """
    try:
        loaded = States.model_validate({"cities": yaml.safe_load(path.read_text(encoding="utf-8"))})
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise StatesError(f"{path.name}: {error}") from error
    if missing := [city for city in CITIES if city not in loaded.cities]:
        raise StatesError(f"{path.name}: no states for {missing[0]}")
    for city, machine in loaded.cities.items():
        if wrong := next(_slips(city, machine), None):
            raise StatesError(f"{path.name}: {city}.{wrong}")
    return loaded


def _slips(city: City, machine: CityStates) -> Iterator[str]:
    for place, advice in machine.advices():
        if (advice.entry is None) != (advice.quote is None):
            yield f"{place}: entry and quote go together"
        if advice.entry and not advice.entry.startswith(ENTRY_PREFIX[city]):
            yield f"{place}: quotes {advice.entry}, which is not this city's"
    for name, state in machine.states.items():
        yield from (f"{name}: step to {to}, which has no text" for to in state.targets() if to not in machine.states)
        if not state.then:
            yield f"{name}: what happens then is missing"
        if state.official and not state.entry:
            yield f"{name}: official, but no entry is named"
    for number, rule in enumerate(machine.problems, start=1):
        yield from (f"problems.{number}: unknown state {name}" for name in rule.states if name not in machine.states)
    yield from (f"{name}: no way leads here" for name in machine.states if name not in _reached(machine))


def _reached(machine: CityStates) -> set[str]:
    reached: set[str] = set()
    waiting = [name for name, state in machine.states.items() if state.start]
    while waiting:
        name = waiting.pop()
        if name not in reached and name in machine.states:
            reached.add(name)
            waiting += machine.states[name].targets()
    return reached


@lru_cache(maxsize=1)
def states() -> States:
    """Return the machines, read once."""
    return load_states()
