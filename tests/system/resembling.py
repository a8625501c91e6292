"""Pairs of entries, one of each city, that resemble each other, and questions to ask them by."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path

import yaml

from bot.actions.entities import EntityReader
from knowledge.loader import Knowledge, load_knowledge
from retrieval.normalise import normalise

PAIRS: list[tuple[str, str]] = [
    (one, other) for one, other in yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))
]


@cache
def known() -> Knowledge:
    """Return the knowledge, read once."""
    return load_knowledge()


def partners() -> dict[str, set[str]]:
    """Return entry → the entries of the other city that resemble it."""
    found: dict[str, set[str]] = defaultdict(set)
    for one, other in PAIRS:
        found[one].add(other)
        found[other].add(one)
    return found


@cache
def open_questions(entry_id: str) -> list[str]:
    """Return the entry's similar questions whose words tell no city."""
    reader = EntityReader()
    return [q for q in known().entries[entry_id].similar_questions if reader.read(normalise(q)).city is None]


def some(questions: list[str], count: int) -> list[str]:
    """Return so many of the questions, from the whole of the list."""
    return questions[:: max(1, len(questions) // count)][:count]
