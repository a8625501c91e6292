"""Mask identity numbers, permits and phone numbers before anything stores, logs or forwards them.

Figures, full-width ones, Chinese numerals and all mixtures are seen, also with gaps or invisible characters between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.numerals import read_numerals
from core.personal_numbers import (
    FEWEST,
    ID_MASK,
    KINDS,
    LANDLINE_MASK,
    PERMIT_MASK,
    PHONE_MASK,
    Found,
    Place,
)

__all__ = ["ID_MASK", "LANDLINE_MASK", "PERMIT_MASK", "PHONE_MASK", "mask_personal_data"]

_STROKE = re.compile(r"(?<=\d)[一ーㄧ](?=\d)")
"""What is typed for a dash between figures: 138一1234一5678. It may be a digit, too, so such a text is read twice."""


def mask_personal_data(text: str) -> str:
    """Return the text with the numbers of persons replaced by what they are; takes time in proportion to its length.

    >>> mask_personal_data("我的号码是138 0000 0000")
    '我的号码是[手机号]'
    >>> mask_personal_data("办件编号CQ2026-0417-0031，热线023-87912832")
    '办件编号CQ2026-0417-0031，热线023-87912832'
    """
    masked = _masked(text, text)
    dashed = _STROKE.sub("—", masked)
    return masked if dashed == masked else _masked(masked, dashed)


def _masked(text: str, read: str) -> str:
    """Return the text without the numbers that stand in `read`, which is the same text or one of the same length."""
    parts, last = [], 0
    for found in _numbers(read):
        parts += [text[last : found.start], found.mask]
        last = found.end
    return "".join([*parts, text[last:]])


def _numbers(text: str) -> Iterator[Found]:
    numerals = read_numerals(text)
    first = free = 0
    while first <= len(numerals.values) - FEWEST:
        found = None
        if numerals.parted(first):
            place = Place(text, numerals, first, free)
            found = next(filter(None, (kind(place) for kind in KINDS)), None)
        if found:
            yield found
            free = found.after
        first = found.after if found else first + 1
