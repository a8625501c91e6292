"""A logistic function of a few named features, kept as data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict

from core.errors import ModelMissingError


class Logistic(BaseModel):
    """Weights of named features, as `helpdesk tune` wrote them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float

    def chance(self, features: Sequence[float]) -> float:
        """Return the probability in [0, 1] for these features, in the order of `self.features`."""
        total = self.bias + sum(w * f for w, f in zip(self.weights, features, strict=True))
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))

    @classmethod
    def load(cls, path: Path, features: tuple[str, ...]) -> Self:
        """Load the weights that were tuned last.

        Raises:
            ModelMissingError: they were made for other features.
        """
        config = cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        if config.features != features:
            raise ModelMissingError(f"{path} was made for other features: run `helpdesk tune`")
        return config
