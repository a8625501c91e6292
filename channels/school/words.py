"""The words of the page, and what its forms let somebody choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from bot.components.entity_rules import load_patterns
from escalation.routing import Levels

WORDS_FILE = Path(__file__).with_name("words.yml")


def page_words(levels: Levels) -> dict[str, Any]:
    """Return the words by kind and key, the known districts of each city, and the names of states and levels."""
    words: dict[str, Any] = yaml.safe_load(WORDS_FILE.read_text(encoding="utf-8"))
    shown = {state: name for state, name in levels.states.items() if state != "new"}  # sent on as soon as it is made
    return {
        **words,
        "districts": load_patterns()["district_city"],
        "states": shown,
        "urgencies": levels.urgencies,
        "levels": levels.cities,
    }
