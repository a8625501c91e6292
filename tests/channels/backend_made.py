"""An enrolment backend in this process that says what a test has put down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core import clock
from core.scope import City
from enrollment.errors import EnrollmentError
from enrollment.models import Application


def application(guardian: str, **changes: Any) -> Application:
    given: dict[str, Any] = {
        "id": f"A-{guardian}",
        "city": "qingdao",
        "district": "市南区",
        "child": "王*",
        "birth_order": 1,
        "school": "示范小学",
        "stage": "幼升小",
        "state": "初审",
        "since": clock.now(),
        "window_open": True,
        "as_of": clock.now(),
    }
    return Application(**{**given, **changes})


@dataclass
class Backend:
    """A backend that says what the test has put down for a guardian, or fails so."""

    says: dict[str, list[Application] | EnrollmentError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    well: bool = True

    async def applications_of(self, guardian: str, city: City) -> list[Application]:
        self.asked.append(guardian)
        said = self.says.get(guardian, [application(guardian, city=city)])
        if isinstance(said, EnrollmentError):
            raise said
        return said

    async def ready(self) -> bool:
        return self.well
