"""The scope within which a question is answered: city, and where it matters district and stage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

City = Literal["chongqing", "qingdao"]
Stage = Literal["幼升小", "小升初"]

CITIES: tuple[City, ...] = get_args(City)
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a conversation belongs; `None` means not known yet."""

    city: City | None = None
    district: str | None = None
    stage: Stage | None = None

    def narrowed(self, *, city: City | None, district: str | None, stage: Stage | None) -> Scope:
        """Return this scope with what was newly learnt; another city forgets the old city's district."""
        if city and city != self.city:
            return Scope(city, district, stage or self.stage)
        return replace(self, district=district or self.district, stage=stage or self.stage)
