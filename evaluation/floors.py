"""Compare figures with the floors that a change may not fall under (`floors.yml`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.errors import HelpdeskError
from evaluation.results import Result

FLOORS_FILE = Path(__file__).parent / "floors.yml"


class FloorsError(HelpdeskError):
    """The floors cannot be used; the message names the file and the place in it."""


class Floor(BaseModel):
    """A figure's floor and target, both in [0, 1]; where lower is better, the floor is a ceiling."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    floor: float = Field(ge=0, le=1)
    target: float = Field(ge=0, le=1)
    better: Literal["higher", "lower"] = "higher"


class Checked(BaseModel):
    """A figure beside its floor and target; `value` is None where the questions say nothing of it.

    `needed`: whether the questions must say something of it, so that a kind that was renamed switches no floor off.
    """

    floor: Floor
    value: float | None
    needed: bool = False

    @property
    def missed(self) -> bool:
        """Whether the figure is below its floor, or was needed and not measured."""
        return self.needed if self.value is None else not self._reaches(self.floor.floor)

    @property
    def reached(self) -> bool:
        """Whether the figure reaches its target."""
        return self.value is not None and self._reaches(self.floor.target)

    def _reaches(self, bound: float) -> bool:
        value = self.value or 0.0
        return value <= bound if self.floor.better == "lower" else value >= bound

    def __str__(self) -> str:
        rule = "at most" if self.floor.better == "lower" else "at least"
        value = "not measured" if self.value is None else f"{self.value:.1%}"
        return f"{self.floor.name} ({self.floor.title}): {value}, floor: {rule} {self.floor.floor:.1%}"


def load_floors(path: Path = FLOORS_FILE) -> list[Floor]:
    """Read the floors.

    Raises:
        FloorsError: the file is missing or has another form.
    """
    try:
        return TypeAdapter(list[Floor]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise FloorsError(f"{path}: not a list of floors: {error}") from error


def check_floors(result: Result, floors: Sequence[Floor], *, needed: bool = False) -> list[Checked]:
    """Put each figure beside its floor, in the floors' order.

    Args:
        result: the evaluation.
        floors: what it may not fall under.
        needed: whether every floor must be measured; true of the development sets, which the floors were set on.
    """
    figures: dict[str, Any] = {**result.figures, "kinds": result.kinds}
    return [Checked(floor=floor, value=_value(figures, floor.name), needed=needed) for floor in floors]


def _value(figures: dict[str, Any], name: str) -> float | None:
    found = reduce(lambda part, key: part.get(key, {}), name.split("."), figures)
    return None if isinstance(found, dict) else float(found)
