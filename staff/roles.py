"""Who works here: roles, and the part of the world that a role covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from core.scope import CITIES, City

Role = Literal["agent", "school", "district", "city", "editor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class StaffScope:
    """The part of the world that somebody's role covers; `None` from a level on means all of it.

    A scope is written `CITY[/DISTRICT[/SCHOOL]]`; the empty text covers every city.
    """

    city: City | None = None
    district: str | None = None
    school: str | None = None

    @classmethod
    def parse(cls, text: str) -> StaffScope:
        """Read a scope as it is written.

        Raises:
            ValueError: it is not `CITY[/DISTRICT[/SCHOOL]]`, or there is no such city; says what would do.
        """
        if not text:
            return cls()
        city, *rest = text.split("/")
        if city not in CITIES:
            raise ValueError(f"no such city: {city!r}; the cities are {', '.join(CITIES)}")
        if len(rest) > 2 or not all(0 < len(part.strip()) <= _LONGEST for part in rest):
            raise ValueError("a scope is CITY[/DISTRICT[/SCHOOL]]")
        return cls(city, *(part.strip() for part in rest))

    def __str__(self) -> str:
        """Return the scope as it is written."""
        return "/".join(part for part in (self.city, self.district, self.school) if part)

    def covers(self, city: City, district: str | None = None, school: str | None = None) -> bool:
        """Whether something in this city, district and school belongs to the scope; what is not known does not."""
        return self.city in (None, city) and self.district in (None, district) and self.school in (None, school)


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff, or an integration that acts as one.

    Args:
        id: of the account, `token:…` for an integration, `demo:…` for a demo token; a pseudonym in the audit log.
        name: as colleagues read it.
    """

    id: str
    name: str
    role: Role
    scope: StaffScope
