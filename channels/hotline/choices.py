"""What the page lets an agent choose, and the words for it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bot.components.entity_rules import load_patterns
from hotline.lookups import reasons

CHOICES_FILE = Path(__file__).with_name("choices.yml")


def choices() -> dict[str, Any]:
    """Return cities, results of a call, reasons of a look-up as key → words, and the known districts of each city."""
    words = _read()
    del words["ticket"]
    return {**words, "districts": load_patterns()["district_city"], "reasons": reasons()}


@cache
def ticket_words() -> dict[str, str]:
    """Return the sentences that lead over what a call hands to the school teams."""
    words: dict[str, str] = _read()["ticket"]
    return words


def _read() -> dict[str, Any]:
    words: dict[str, Any] = yaml.safe_load(CHOICES_FILE.read_text(encoding="utf-8"))
    return words
