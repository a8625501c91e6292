"""What a few words (normal form) tell about whose application they ask of: `case_words.yml`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

WORDS_FILE = Path(__file__).with_name("case_words.yml")
_WORDS: dict[str, Any] = yaml.safe_load(WORDS_FILE.read_text(encoding="utf-8"))


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text.replace("{ask}", _WORDS["ask"]))


_GENERAL, _SOMEBODY = _pattern(_WORDS["general"]), _pattern(_WORDS["somebody"])
_ON_CARD = {part: _pattern(text) for part, text in _WORDS["on_card"].items()}


def asks_in_general(text: str) -> bool:
    """Whether words ask how it goes for everybody.

    >>> asks_in_general("审核通过了是不是就录取了"), asks_in_general("审核通过了吗")
    (True, False)
    """
    return _GENERAL.search(text) is not None


def part_of_card(text: str) -> str | None:
    """Return the part of a case's card that tells what words ask for, or None.

    >>> part_of_card("我该怎么办"), part_of_card("学校是哪个"), part_of_card("今天天气怎么样")
    ('next', 'school', None)
    """
    return next((part for part, words in _ON_CARD.items() if words.search(text)), None)


def names_somebody(text: str) -> bool:
    """Whether words name somebody and say nothing else.

    >>> names_somebody("王小乙呢"), names_somebody("那现在呢")
    (True, False)
    """
    return _SOMEBODY.fullmatch(text) is not None
