"""Typed words as the answer to offered options: 「第二个」, 「后面那个」, a word of one label, a plain yes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from retrieval.normalise import normalise

WORDS_FILE = Path(__file__).with_name("choice_words.yml")
_LEAST = 2
"""Characters of a label that name it."""


def _read() -> tuple[dict[int, re.Pattern[str]], re.Pattern[str]]:
    words: dict[str, Any] = yaml.safe_load(WORDS_FILE.read_text(encoding="utf-8"))

    def filled(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern.replace("{unit}", words["unit"]).replace("{end}", words["end"]))

    places = {place: filled(f"{words['lead']}{said}{{end}}") for place, said in words["places"].items()}
    return places, filled(words["agreed"])


_PLACES, _YES = _read()


def says_yes(text: str) -> bool:
    """Whether words (normal form) are a plain yes.

    >>> says_yes("嗯"), says_yes("是的"), says_yes("等一下")
    (True, True, False)
    """
    return _YES.fullmatch(text) is not None


def place_named(text: str, count: int) -> int | None:
    """Return which of `count` options words (normal form) name by its place, from 0; None if they name none.

    >>> place_named("第二个", 3), place_named("我选1", 3), place_named("后面那个", 3), place_named("第三种", 2)
    (1, 0, 2, None)
    """
    said = next((place for place, pattern in _PLACES.items() if pattern.fullmatch(text)), None)
    if said is None or said > count:
        return None
    return count - 1 if said < 0 else said - 1


def option_named(text: str, labels: Sequence[str]) -> int | None:
    """Return which option words (normal form) name, by its place or by words of its label alone; else None.

    >>> option_named("电脑", ["用手机办理", "用电脑办理"]), option_named("办理", ["用手机办理", "用电脑办理"])
    (1, None)
    """
    place = place_named(text, len(labels))
    if place is not None:
        return place
    words = text.strip(" ,。!?的呢吧")
    holding = [n for n, label in enumerate(labels) if len(words) >= _LEAST and words in normalise(label)]
    return holding[0] if len(holding) == 1 else None
