"""How far the confidence can be trusted: coverage–risk curve, reliability, expected calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

BINS = 10


class Scored(NamedTuple):
    """A first choice: its confidence in [0, 1] and whether it is right."""

    confidence: float
    right: bool


class CurvePoint(NamedTuple):
    """What follows if all first choices from `threshold` on are answered; shares in [0, 1]."""

    threshold: float
    coverage: float
    risk: float


class Bin(NamedTuple):
    """First choices with confidence in a tenth of [0, 1]: mean confidence, share right, how many."""

    confidence: float
    right: float
    number: int


def coverage_risk(scored: Sequence[Scored], questions: int) -> list[CurvePoint]:
    """Return the curve, highest threshold first (El-Yaniv & Wiener, 2010); equal confidences make one point.

    Args:
        scored: the first choices.
        questions: how many were asked, with those that have no first choice; coverage is a share of these.
    """
    ordered = sorted(scored, key=lambda s: -s.confidence)
    points: list[CurvePoint] = []
    wrong = 0
    for i, one in enumerate(ordered, start=1):
        wrong += not one.right
        if i == len(ordered) or ordered[i].confidence < one.confidence:
            points.append(CurvePoint(one.confidence, i / questions, wrong / i))
    return points


def reliability(scored: Sequence[Scored], bins: int = BINS) -> list[Bin]:
    """Return the non-empty equal-width bins, lowest confidence first."""
    found: list[list[Scored]] = [[] for _ in range(bins)]
    for one in scored:
        found[min(int(one.confidence * bins), bins - 1)].append(one)
    return [
        Bin(sum(s.confidence for s in part) / len(part), sum(s.right for s in part) / len(part), len(part))
        for part in found
        if part
    ]


def calibration_error(scored: Sequence[Scored], bins: int = BINS) -> float:
    """Return the expected calibration error in [0, 1] (Guo et al., 2017); 0 without a first choice."""
    gaps = [part.number * abs(part.right - part.confidence) for part in reliability(scored, bins)]
    return sum(gaps) / len(scored) if scored else 0.0
