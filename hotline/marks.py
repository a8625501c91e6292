"""Which words of a published text the typed words share, so that an agent's eye finds them."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import jieba

Span = tuple[int, int]
"""From where to where in a text, in characters: [start, end)."""

STOP_WORDS_FILE = Path(__file__).parent / "stop_words.txt"
SHORTEST = 2


@lru_cache(maxsize=1)
def stop_words() -> frozenset[str]:
    """Return the words that are never marked, since any text may have them."""
    return frozenset(STOP_WORDS_FILE.read_text(encoding="utf-8").split())


@lru_cache(maxsize=256)
def words_of(typed: str) -> tuple[str, ...]:
    """Return the words that may be marked for a typed text (normal form).

    Words of one character are too common to be marked; two that stand together are often one word that the dictionary
    does not have (刷脸), so each such pair counts.

    >>> words_of("刷脸查不到孩子怎么办")
    ('刷脸', '查不到')
    """
    cut = list(jieba.tokenize(typed, mode="search", HMM=False))
    words = {word for word, _, _ in cut if len(word) >= SHORTEST and word.isalnum()}
    single = [(word, start) for word, start, end in cut if end - start == 1 and word.isalnum()]
    words |= {a + b for (a, at), (b, then) in pairwise(single) if then == at + 1}
    return tuple(sorted(words - stop_words()))


def marks(words: tuple[str, ...], text: str) -> list[Span]:
    """Return where the words stand in a text (lower case), in order, those that touch or overlap as one."""
    spans: list[Span] = []
    for start, end in sorted(found for word in words for found in _places(word, text)):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _places(word: str, text: str) -> list[Span]:
    found, at = [], text.find(word)
    while at >= 0:
        found.append((at, at + len(word)))
        at = text.find(word, at + len(word))
    return found
