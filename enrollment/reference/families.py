"""The demo families: `families.yml`, put into the database with dates relative to the start."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from sqlalchemy.orm import Session

from core.scope import City, Stage
from enrollment.models import Problem
from enrollment.reference.tables import ApplicationEvent, ApplicationRow, Child, Guardian, GuardianPhone, Guardianship

FAMILIES_FILE = Path(__file__).with_name("families.yml")


class _Datum(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SeededChild(_Datum):
    """A child and its application; `path` gives each state with the day it was reached, in days from the start."""

    child: str
    name: str
    id: str
    district: str
    school: str
    stage: Stage
    path: dict[str, int]
    problems: tuple[Problem, ...] = ()


class Family(_Datum):
    """A guardian with the applications that they registered; `window` in days from the start.

    `phone` is the one that they registered with; `also_guardians`: other guardians of the children, with their phones.
    """

    guardian: str
    phone: str = ""
    city: City = "chongqing"
    window: tuple[int, int] = (0, 0)
    also_guardians: dict[str, str] = Field(default_factory=dict)
    children: tuple[SeededChild, ...] = ()


def read_families() -> list[Family]:
    """Return the demo families as the file gives them."""
    return TypeAdapter(list[Family]).validate_python(yaml.safe_load(FAMILIES_FILE.read_text(encoding="utf-8")))


def seed_families(session: Session, start: datetime) -> None:
    """Put the demo families in, or bring their dates up to `start`; what was moved since is left alone."""
    for family in read_families():
        _seed_people(session, family)
        for child in family.children:
            if _untouched(session, child.id):
                session.add(_application(family, child, start))


def _seed_people(session: Session, family: Family) -> None:
    guardians = {family.guardian: family.phone, **family.also_guardians}
    for guardian in guardians:
        session.merge(Guardian(id=guardian))
    for child in family.children:
        session.merge(Child(id=child.child, name=child.name))
    session.flush()
    for guardian, phone in guardians.items():
        if phone:
            session.merge(GuardianPhone(guardian_id=guardian, phone=phone))
        for order, child in enumerate(family.children, start=1):
            session.merge(Guardianship(guardian_id=guardian, child_id=child.child, birth_order=order))
    session.flush()


def _untouched(session: Session, application_id: str) -> bool:
    row = session.get(ApplicationRow, application_id)
    if row is None:
        return True
    if not all(event.seeded for event in row.events):
        return False
    session.delete(row)
    session.flush()
    return True


def _application(family: Family, child: SeededChild, start: datetime) -> ApplicationRow:
    reached = {state: start + timedelta(days=days) for state, days in child.path.items()}
    opens, closes = (start + timedelta(days=days) for days in family.window)
    state = list(reached)[-1]
    row = ApplicationRow(
        **child.model_dump(include={"id", "district", "school", "stage"}),
        guardian_id=family.guardian,
        child_id=child.child,
        city=family.city,
        state=state,
        since=reached[state],
        problems=[problem.model_dump() for problem in child.problems],
        window_opens=opens,
        window_closes=closes,
    )
    row.events = [
        ApplicationEvent(from_state=before, to_state=to, at=reached[to], seeded=True)
        for before, to in pairwise([None, *reached])
        if to is not None
    ]
    return row
