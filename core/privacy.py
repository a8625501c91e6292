"""Mask identity numbers and phone numbers before anything stores, logs or forwards them.

The official hotlines are not personal data and stay. Full-width digits, spaces, dashes and Chinese numerals are seen.
"""

from __future__ import annotations

import re

_GAP = r"[\s\-\u2010-\u2015_.·]{0,3}"
_DIGIT = r"[0-9〇零一二三四五六七八九幺]"
_ID = re.compile(rf"(?<![0-9])(?:{_DIGIT}{_GAP}){{17}}[0-9xX〇零一二三四五六七八九幺](?![0-9])")
_OLD_ID = re.compile(r"(?<![0-9])[1-9]\d{5}\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?![0-9])")
_MOBILE = re.compile(
    rf"(?<![0-9])(?:(?:\+|00)?86{_GAP})?[1一幺]{_GAP}[3-9三四五六七八九](?:{_GAP}{_DIGIT}){{9}}(?![0-9])"
)
ID_MASK = "[身份证号]"
PHONE_MASK = "[手机号]"


def mask_personal_data(text: str) -> str:
    """Return the text with identity and mobile phone numbers replaced by what they are.

    >>> mask_personal_data("我的号码是138 0000 0000")
    '我的号码是[手机号]'
    """
    narrow = "".join(map(_narrow, text))
    spans = [(m.start(), m.end(), ID_MASK) for pattern in (_ID, _OLD_ID) for m in pattern.finditer(narrow)]
    taken = [(start, end) for start, end, _ in spans]
    for found in _MOBILE.finditer(narrow):
        if not any(start < found.end() and found.start() < end for start, end in taken):
            spans.append((found.start(), found.end(), PHONE_MASK))
    for start, end, mask in sorted(spans, reverse=True):
        text = text[:start] + mask + text[end:]
    return text


def _narrow(character: str) -> str:
    """Return a full-width character's narrow form; places stay the same."""
    return chr(ord(character) - 0xFEE0) if "\uff01" <= character <= "\uff5e" else character
