"""Where and who: what the branches of an answer turn on, and what no list of examples can name in full.

A county's name is read as Chongqing, a province's as elsewhere, and 「老公」 and 「孩子爸」 as the same person. What is
denied is told apart from what is said: 「我们不是集体户」 has all letters of 「我们是集体户」.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from retrieval.grams import char_grams

CIRCUMSTANCES_FILE = Path(__file__).parent / "circumstances.yml"
_KIND = "[省市区县]?"
_DENIED = re.compile(r"(?<![是有在会能])(不是|没有|没得|不在|没|不)(?=[^,。!?; ]{2})([^,。!?; ]{1,5})")
_IN_A_ROW = re.compile(r"(重庆|外地)\1+")


@dataclass(frozen=True)
class _Names:
    """`pattern` finds the names of some kind, the longest first; `words` says what each is read as."""

    pattern: re.Pattern[str]
    words: dict[str, str]

    def read(self, text: str) -> str:
        return self.pattern.sub(lambda found: self.words[found[1]], text)

    def found_in(self, text: str) -> set[str]:
        return {self.words[name] for name in self.pattern.findall(text)}


def circumstance_grams(text: str) -> list[str]:
    """Return the character n-grams of a text (normal form), places read; then people read, and how many there are.

    What a text denies (「不是集体户」) counts apart from what it says.

    >>> circumstance_grams("四川成都")[:5]
    ['^', '外', '地', '$', '^外']
    """
    places, people = _places(), _people()
    plain = _IN_A_ROW.sub(r"\1", places.read(text))
    denied = [words for _, words in _DENIED.findall(plain)]
    plain = _DENIED.sub(r"\1", plain)
    return [
        *char_grams(plain),
        *(f"d:{gram}" for words in denied for gram in char_grams(words)),
        *(f"k:{gram}" for gram in char_grams(people.read(plain), 2)),
        f"n:{len(people.found_in(plain))}",
    ]


@lru_cache(maxsize=1)
def _places() -> _Names:
    return _names("places", _KIND)


@lru_cache(maxsize=1)
def _people() -> _Names:
    return _names("people", "")


def _names(what: str, tail: str) -> _Names:
    listed: Mapping[str, Sequence[str]] = yaml.safe_load(CIRCUMSTANCES_FILE.read_text(encoding="utf-8"))[what]
    words = {name: word for word, names in listed.items() for name in (word, *names)}
    longest_first = sorted(words, key=len, reverse=True)
    return _Names(re.compile(f"({'|'.join(longest_first)}){tail}"), words)
