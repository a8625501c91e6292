"""The spoken form (话术) of a published text: the same words, laid out in lines for reading aloud.

Nothing is added or left out: the lines joined are the text but for white space. A line that begins with `→` is the next
step of a way through menus; the line before the first such one is its first step. Whoever shows the lines hides the
arrows and numbers the steps by layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

ARROW = "→"
BREATH = 24
"""Characters that are read in one breath; a clause that is longer stays whole."""

_SENTENCE = re.compile(r"[。！？!?；;]")
_PAUSE = re.compile(r"[，,、：:]")
_ITEM = re.compile(r"(?:^|(?<=[\s。；：:;]))\d{1,2}[、.．](?!\d)")
_OPEN, _CLOSE = "（(【“《", "）)】”》"


def spoken_lines(text: str) -> list[str]:
    """Return the text in lines of about one breath, steps of `A→B→C` each in a line of its own.

    >>> spoken_lines("请进入个人空间→我的子女→新增子女,进行维护。")
    ['请进入个人空间', '→我的子女', '→新增子女,', '进行维护。']
    """
    return [line for sentence in _sentences(text) for line in _lines(sentence)]


def _sentences(text: str) -> Iterator[str]:
    """Cut at line breaks, ends of sentences and numbered items."""
    for paragraph in text.split("\n"):
        starts = [match.start() for match in _ITEM.finditer(paragraph)]
        for item in _cut(paragraph, starts):
            yield from _cut(item, _places(item, _SENTENCE))


def _lines(sentence: str) -> Iterator[str]:
    """Yield a sentence's lines; what follows the last step of a chain begins a line of its own."""
    first, *steps = (step.strip() for step in sentence.split(ARROW))
    head = _clauses(first)
    if len(steps) < 2:
        yield from _breaths(_clauses(sentence))
        return
    yield from _breaths(head[:-1])
    yield head[-1]
    for step in steps[:-1]:
        yield ARROW + step
    last, *rest = _clauses(steps[-1])
    yield ARROW + last
    yield from _breaths(rest)


def _clauses(text: str) -> list[str]:
    return _cut(text, _places(text, _PAUSE)) or [""]


def _breaths(clauses: list[str]) -> Iterator[str]:
    """Join clauses as long as they can be read in one breath."""
    line = ""
    for clause in clauses:
        if line and len(line) + len(clause) > BREATH:
            yield line
            line = ""
        line += clause
    if line:
        yield line


def _places(text: str, mark: re.Pattern[str]) -> list[int]:
    """Return where a new part begins: after each such mark that stands outside of brackets and quotation marks."""
    depth, places = 0, []
    for at, letter in enumerate(text):
        depth = max(0, depth + (letter in _OPEN) - (letter in _CLOSE))
        if depth == 0 and mark.match(letter) and not _ITEM.fullmatch(text[: at + 1].strip()):
            places.append(at + 1)
    return places


def _cut(text: str, places: list[int]) -> list[str]:
    """Return the parts between those places, trimmed; a lone closing mark stays with its sentence."""
    parts = [text[start:end].strip() for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    whole: list[str] = []
    for part in filter(None, parts):
        if whole and part in _CLOSE + "。":
            whole[-1] += part
        else:
            whole.append(part)
    return whole
