"""How far the training questions have moved since the judges were tuned on them."""

from __future__ import annotations

from collections.abc import Mapping

from core.scope import CITIES
from knowledge.loader import Knowledge
from retrieval.corpus import examples_of
from retrieval.lexical import NONE

FAR = 0.1
"""Share of the questions of a run from which on `helpdesk tune` should be run again."""


def counts_of(knowledge: Knowledge) -> dict[str, int]:
    """Return how many questions a run would hold out, and how many of them no entry answers."""
    held = [e for city in CITIES for e in examples_of(knowledge, city) if e.fold >= 0]
    return {"held_out_questions": len(held), "near_misses": sum(e.asks and e.entry == NONE for e in held)}


def drift(run: Mapping[str, str | int | float], counts: Mapping[str, int]) -> dict[str, float]:
    """Return by which share each count has moved since a run, e.g. 0.12 or -0.03."""
    return {name: count / float(run[name]) - 1 for name, count in counts.items()}
