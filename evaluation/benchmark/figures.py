"""A measured figure beside its target, and all of them as a table or JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from core import clock


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure; `value` is None where it could not be taken, and `how` says why."""

    name: str
    value: float | None
    unit: str
    target: float
    better: Literal["lower", "higher"]
    how: str

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None if it was not measured."""
        if self.value is None:
            return None
        return self.value <= self.target if self.better == "lower" else self.value >= self.target

    def __str__(self) -> str:
        state = {True: "ok", False: "MISSED", None: "–"}[self.met]
        value = "not taken" if self.value is None else f"{self.value:.4g}{self.unit}"
        sign = "≤" if self.better == "lower" else "≥"
        return f"{state:<7}{self.name:<46}{value:>12}  {sign} {self.target:g}{self.unit:<9} {self.how}"


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile of `values`, `share` in [0, 1], linear between neighbours."""
    return float(np.quantile(values, share))


def as_table(figures: Sequence[Figure]) -> str:
    """Return the figures as lines of text."""
    return "\n".join(map(str, figures))


def as_json(figures: Sequence[Figure]) -> str:
    """Return the figures as a JSON object with the time of the run and the machine's processors."""
    rows = [{**asdict(figure), "met": figure.met} for figure in figures]
    about = {"at": clock.now().isoformat(timespec="seconds"), "processors": os.cpu_count()}
    return json.dumps({**about, "figures": rows}, ensure_ascii=False, indent=1)


def save(figures: Sequence[Figure], path: Path) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_json(figures), encoding="utf-8")
