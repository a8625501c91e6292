"""Find the digits that a text spells: 1, １, ①, 一, 壹, 幺, 兩 …, with gaps and invisible characters between."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

WIDEST_GAP = 5
"""Visible separators that may stand between two digits of one number."""
_SPOKEN = {
    digit: value
    for value, digits in enumerate(
        ("〇零○洞", "一幺壹弌", "二两兩贰貳弍", "三叁參叄弎", "四肆", "五伍", "六陆陸", "七柒拐", "八捌", "九玖勾")
    )
    for digit in digits
}
_CHECK_X = "xXｘＸ×хХⅩⅹ叉"
_SEPARATORS = "_.．。·•‧∙・…,，、/／\\~～|()（）−杠"
_INVISIBLE = {"Cf", "Cc", "Mn", "Me"}


@dataclass(slots=True)
class Numerals:
    """The digits of a text, in their order; all lists are as long as `values`.

    Args:
        values: one character for each, 0–9, or X, which may be an identity number's check digit.
        starts, ends: from where to where in the text each stands.
        gaps: the visible separators before each; "" if it follows the one before at once, None if a word is between.
        figures: whether it is a figure (1, １), which belongs to the figure beside it, not a word for a digit.
        runs: for each the index after the last one that is reached from it without a word between.
    """

    values: str = ""
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    gaps: list[str | None] = field(default_factory=list)
    figures: list[bool] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)

    def parted(self, index: int) -> bool:
        """Whether a number may begin at this digit, and one may end before it: it is not amid a row of figures."""
        if not 0 < index < len(self.values):
            return True
        return self.gaps[index] != "" or not (self.figures[index - 1] and self.figures[index])

    def is_whole(self, first: int, after: int) -> bool:
        """Whether the digits from `first` to before `after` hang together and are no part of a longer row."""
        return after <= self.runs[first] and self.parted(first) and self.parted(after)

    def groups(self, first: int, after: int) -> list[str]:
        """Return the digits from `first` to before `after`, cut where there are gaps."""
        cuts = [first, *(i for i in range(first + 1, after) if self.gaps[i]), after]
        return [self.values[a:b] for a, b in pairwise(cuts)]


def read_numerals(text: str) -> Numerals:
    """Return the text's digits; takes time in proportion to its length."""
    found, values = Numerals(), []
    gap: str | None = None
    for place, character in enumerate(text):
        digit, role = _kind(character)
        if digit:
            values.append(digit)
            found.starts.append(place)
            found.ends.append(place + 1)
            found.gaps.append(gap)
            found.figures.append(role == "figure")
            gap = ""
        elif role == "mark":
            if found.ends and found.ends[-1] == place:  # a keycap or a stroke belongs to its digit
                found.ends[-1] = place + 1
        elif role == "separator" and gap is not None:
            gap = _wider(gap, character)
        elif role != "invisible":
            gap = None
    found.values = "".join(values)
    found.runs = _runs(found.gaps)
    return found


def _wider(gap: str, character: str) -> str | None:
    """Return the gap with one more separator, None if it is too wide; white space counts once, however long."""
    if character.isspace() and gap[-1:].isspace():
        return gap
    return gap + character if len(gap) < WIDEST_GAP else None


def _runs(gaps: list[str | None]) -> list[int]:
    runs, after = [0] * len(gaps), len(gaps)
    for index in range(len(gaps) - 1, -1, -1):
        runs[index] = after
        if gaps[index] is None:
            after = index
    return runs


@lru_cache(maxsize=4096)
def _kind(character: str) -> tuple[str, str]:
    """Return the digit, or "", and what the character is here."""
    if character in _SPOKEN:
        return str(_SPOKEN[character]), "word"
    if character in _CHECK_X:
        return "X", "word"
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit), "figure" if character.isdecimal() else "word"
    if character.isspace() or character in _SEPARATORS or unicodedata.category(character) == "Pd":
        return "", "separator"
    category = unicodedata.category(character)
    if category in _INVISIBLE:
        return "", "mark" if category[0] == "M" else "invisible"
    return "", "other"
