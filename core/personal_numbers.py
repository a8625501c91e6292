"""Which digits of a text are a number of a person: identity number, permit, mobile, landline.

What is none stays: case and order numbers, dates, amounts, hotlines, and the landlines of the Q&A.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from core.identity_numbers import (
    is_calendar_date,
    is_identity_number,
    is_old_identity_number,
    may_be_identity_number,
)
from core.numerals import Numerals

ID_MASK = "[身份证号]"
PERMIT_MASK = "[证件号]"
PHONE_MASK = "[手机号]"
LANDLINE_MASK = "[电话号码]"
OFFICIAL_LANDLINES = frozenset({"02387912832"})
"""The Q&A's, with area code; a test checks that there is no other."""

FEWEST = 7
"""Digits of the shortest number."""
_BEFORE, _AFTER = 24, 16
"""Characters of the text around a number that are looked at."""
_MOBILE = re.compile(r"((?:00)?86)?1[3-9][0-9]{9}")
_LANDLINES = (
    re.compile(r"(?:00860?|860?|0)((?:10|2[0-9]|[3-9][0-9]{2})[2-8][0-9]{7})"),
    re.compile(r"(?:00860?|860?|0)([3-9][0-9]{2}[2-8][0-9]{6})"),
)
_HABITS = {(11,), (3, 4, 4), (3, 8), (7, 4), (4, 4, 3), (3, 3, 5), (4, 3, 4), (5, 6), (6, 5), (3, 4, 2, 2)}
"""How people cut a mobile number into groups; with commas between, other groups are a list of figures."""

_GLUE = r"[\s号號码碼编為为是的:：=#,，(（]"
_CASE_NUMBER = re.compile(
    rf"(?:办件|受理|订单|流水|交易|快递|运单|物流|工单|案件|回执|申请|合同|发票)[编单]?[号號码碼]{_GLUE}{{0,4}}$"
)
_PERMIT = r"(?:[台臺]胞[证證]|回[乡鄉][证證]|通行[证證]|[护護]照|出生医学证明|出生证明?)"
_PERMIT_BEFORE = re.compile(rf"{_PERMIT}{_GLUE}{{0,8}}([A-Za-zＡ-Ｚａ-ｚ]{{0,2}})$")
_PERMIT_AFTER = re.compile(rf"[\s,，。(（]{{0,2}}[就这]?是[^\W\d_]{{0,8}}{_PERMIT}")
_HOME_PHONE = re.compile(rf"(?:座机|固话|固定电话|家里电话|宅电){_GLUE}{{0,6}}$")
_GAP = r"[\s\-\u200b-\u200f\u2060\ufeff]{0,4}"
_TRAVEL_PERMITS = (
    (re.compile(rf"(?<![A-Za-zＡ-Ｚａ-ｚ0-9])[HMhmＨＭｈｍ]{_GAP}$"), (10, 8)),
    (re.compile(rf"(?<![A-Za-zＡ-Ｚａ-ｚ0-9])[CcＣｃ]{_GAP}$"), (8,)),
    (re.compile(rf"(?<![A-Za-zＡ-Ｚａ-ｚ0-9])[CcＣｃ][A-Pa-pＡ-Ｐａ-ｐ]{_GAP}$"), (7,)),
)
"""Letters and digits of permits to travel to and from Hong Kong and Macau; CQ begins case numbers, no permits."""
_NOTHING, _BRACKET = re.compile("$"), re.compile(r"[(（]\s*$")
_LETTERS, _PLUS = re.compile(r"[A-Za-zＡ-Ｚａ-ｚ]{0,2}$"), re.compile(r"[+＋]\s*$")
_SUM_BEFORE = re.compile(r"(?:[¥￥$]|人民币|金额)[是为:：\s]*$")
_SUM_AFTER = re.compile(r"(?:[.．][0-9]{1,2})?\s*(?:元|块|万元|亿|圆|人民币|rmb)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """A number of a person: from where to where in the text, what replaces it, and the digit after its last one."""

    start: int
    end: int
    mask: str
    after: int


@dataclass(slots=True)
class Place:
    """A digit at which a number may begin; `free` is the first digit after the number that was found last."""

    text: str
    numerals: Numerals
    first: int
    free: int

    def digits(self, length: int) -> str | None:
        """Return so many digits from here, or None if they are no number of their own."""
        after = self.first + length
        whole = after <= len(self.numerals.values) and self.numerals.is_whole(self.first, after)
        return self.numerals.values[self.first : after] if whole and not self._cuts_a_word(after) else None

    def found(self, length: int, mask: str, before: re.Pattern[str] = _NOTHING) -> Found:
        """Return the number of so many digits, together with what `before` matches just before it.

        A bracket that is opened before the number and closed amid it goes with it, too: (023)6781….
        """
        after = self.first + length
        inside = "".join(gap or "" for gap in self.numerals.gaps[self.first + 1 : after])
        opened = len(re.findall("[(（]", inside)) < len(re.findall("[)）]", inside))
        more = (_BRACKET if opened else before).search(self.before)
        start = self.numerals.starts[self.first] - (len(self.before) - more.start() if more else 0)
        return Found(start, self.numerals.ends[after - 1], mask, after)

    @property
    def before(self) -> str:
        """The text just before, as far as it belongs to no number that was found."""
        start = self.numerals.starts[self.first]
        since = self.numerals.ends[self.free - 1] if self.free else 0
        return self.text[max(since, start - _BEFORE) : start]

    def after(self, length: int) -> str:
        """Return the text just after so many digits."""
        end = self.numerals.ends[self.first + length - 1]
        return self.text[end : end + _AFTER]

    @property
    def is_case_number(self) -> bool:
        """Whether the words before say that the number is one of a case, an order or the like."""
        return bool(_CASE_NUMBER.search(self.before))

    def _cuts_a_word(self, after: int) -> bool:
        """Whether the last digit is an X that begins a word: `…01 xiexie`."""
        end = self.numerals.ends[after - 1]
        return self.numerals.values[after - 1] == "X" and bool(re.match("[A-Za-z]", self.text[end : end + 1]))


def _identity(place: Place) -> Found | None:
    digits = place.digits(18)
    if digits and is_identity_number(digits):
        return place.found(18, ID_MASK)
    if not may_be_identity_number(place.numerals.values[place.first : place.first + 17]):
        return None
    for length in (18, 17, 19):
        if place.digits(length) and not place.is_case_number:
            return place.found(length, ID_MASK)
    return None


def _old_identity(place: Place) -> Found | None:
    digits = place.digits(15)
    if digits and is_old_identity_number(digits) and not place.is_case_number:
        return place.found(15, ID_MASK)
    return None


def _pasted(place: Place) -> Found | None:
    """Find two numbers without anything between."""
    if place.numerals.parted(place.first + 1):
        return None
    for cut, length in ((18, 29), (11, 29), (18, 36)):
        digits = place.digits(length)
        masks = (_mask_of(digits[:cut]), _mask_of(digits[cut:])) if digits else ("", "")
        if all(masks):
            return place.found(length, "".join(masks))
    return None


def _mask_of(digits: str) -> str:
    if len(digits) == 18 and is_identity_number(digits):
        return ID_MASK
    return PHONE_MASK if len(digits) == 11 and _MOBILE.fullmatch(digits) else ""


def _mobile(place: Place) -> Found | None:
    match = _MOBILE.match(place.numerals.values, place.first)
    if not match or not place.digits(len(match[0])):
        return None
    number = match.end() - 11
    if match[1] and ")" in (place.numerals.gaps[number] or "").replace("）", ")"):
        return None  # (+86)138…: the bracket stays
    if place.is_case_number or _is_sum(place, len(match[0])) or _is_list(place, number):
        return None
    return place.found(len(match[0]), PHONE_MASK, _PLUS)


def _is_sum(place: Place, length: int) -> bool:
    return bool(_SUM_BEFORE.search(place.before) or _SUM_AFTER.match(place.after(length)))


def _is_list(place: Place, first: int) -> bool:
    """Whether eleven digits are rather several figures: 1 3 5 7 9 11 13 15; 13,800,000,000; the end of 2026-04-17-…."""
    numerals = place.numerals
    groups = numerals.groups(first, first + 11)
    if len(groups) == 1 or not all(numerals.figures[first : first + 11]):
        return False
    between = "".join(numerals.gaps[i] or "" for i in range(first + 1, first + 11))
    sizes = tuple(map(len, groups))
    if re.search("[,，、]", between) and sizes not in _HABITS and set(sizes) != {1}:
        return True
    steps = {int(b) - int(a) for a, b in pairwise(groups)}
    return (len(groups) > 3 and steps in ({1}, {2})) or _goes_on(place)


def _goes_on(place: Place) -> bool:
    """Whether the digits, which have gaps, continue a row such as 2026-04-17-…, which began before."""
    first, gaps = place.first, place.numerals.gaps
    gap = gaps[first]
    if not gap or gap[0] not in "-./" or first == place.free:
        return False
    inner = next(filter(None, gaps[first + 1 : first + 15]))
    return gap[0] == inner[0] and first > 1 and gaps[first - 1] == ""


def _landline(place: Place) -> Found | None:
    for pattern in _LANDLINES:
        match = pattern.match(place.numerals.values, place.first)
        if match and place.digits(len(match[0])):
            return _private(place, match)
    return None


def _private(place: Place, match: re.Match[str]) -> Found | None:
    """Return the landline unless it is the Q&A's, a case's, or no number in one."""
    abroad = match[0].startswith("86")
    if (abroad and not _PLUS.search(place.before)) or place.is_case_number or _in_pieces(place, match):
        return None
    if f"0{match[1]}" in OFFICIAL_LANDLINES:
        return None
    return place.found(len(match[0]), LANDLINE_MASK, _PLUS if abroad else _NOTHING)


def _in_pieces(place: Place, match: re.Match[str]) -> bool:
    """Whether the groups are not those of a landline, area code first, but of dates: 03.15-2026.03.20."""
    groups = place.numerals.groups(place.first, match.end())
    if len(groups) == 1 or all(len(group) == 1 for group in groups):
        return False
    shortest = 2 if match[0].startswith("86") else 3
    return len(groups) > 5 or len(groups[0]) < shortest or _goes_on(place)


def _home_phone(place: Place) -> Found | None:
    if not _HOME_PHONE.search(place.before):
        return None
    for length in (8, 7):
        digits = place.digits(length)
        if digits and re.match("[2-8]", digits) and not any(one.endswith(digits) for one in OFFICIAL_LANDLINES):
            return place.found(length, LANDLINE_MASK)
    return None


def _travel_permit(place: Place) -> Found | None:
    for letters, lengths in _TRAVEL_PERMITS:
        named = letters.search(place.before)
        if not named or _CASE_NUMBER.search(place.before[: named.start()]):
            continue
        for length in lengths:
            digits = place.digits(length)
            if digits and not is_calendar_date(digits[:8]) and not re.match("[A-Za-z]", place.after(length)):
                return place.found(length, PERMIT_MASK, letters)
    return None


def _named_permit(place: Place) -> Found | None:
    """Find a number of 7–10 digits with the name of its document beside it."""
    named = _PERMIT_BEFORE.search(place.before)
    for length in (10, 9, 8, 7) if named else (8,):
        digits = place.digits(length)
        if not digits or "X" in digits or is_calendar_date(digits[:8]):
            continue
        if named or _PERMIT_AFTER.match(place.after(length)):
            return place.found(length, PERMIT_MASK, _LETTERS)
    return None


KINDS: tuple[Callable[[Place], Found | None], ...] = (
    _identity,
    _pasted,
    _old_identity,
    _mobile,
    _landline,
    _home_phone,
    _travel_permit,
    _named_permit,
)
