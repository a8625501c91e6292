"""What is an identity number, by GB 11643: region, date of birth, order, check digit."""

from __future__ import annotations

import re
from datetime import date, timedelta

from stdnum.cn import ric

from core import clock

# GB/T 2260's provinces; 81–83: residence permits of people from Hong Kong, Macau and Taiwan; 9x: of foreigners.
_PROVINCES = frozenset(
    f"{region}{place}"
    for region, places in {
        1: "12345",
        2: "123",
        3: "1234567",
        4: "123456",
        5: "01234",
        6: "12345",
        7: "1",
        8: "123",
        9: "123456",
    }.items()
    for place in places
)
_BABY = timedelta(days=365)
"""A number with a wrong check digit whose date is newer is rather a case number: region, day, serial number."""


def is_identity_number(digits: str) -> bool:
    """Whether 18 digits are certainly an identity number: a date of birth that has been, and the right check digit."""
    born = _date(digits[6:14]) if re.fullmatch(r"[0-9]{17}[0-9X]", digits) else None
    return born is not None and born <= clock.today() and ric.calc_check_digit(digits) == digits[-1]


def may_be_identity_number(digits: str) -> bool:
    """Whether 17 digits look like those of an identity number, mistyped or not: region and birth make sense."""
    if digits[:2] not in _PROVINCES or not re.fullmatch(r"[0-9]{16}[0-9X]", digits):
        return False
    born = _date(digits[6:14])
    return born is not None and born <= clock.today() - _BABY


def is_old_identity_number(digits: str) -> bool:
    """Whether 15 digits are an identity number as given until 1999: the year in two digits, no check digit."""
    return digits.isdecimal() and digits[:2] in _PROVINCES and _date(f"19{digits[6:12]}") is not None


def is_calendar_date(digits: str) -> bool:
    """Whether eight digits are a day of our time, as people write it without dashes."""
    return _date(digits) is not None


def _date(digits: str) -> date | None:
    if digits[:2] not in ("19", "20"):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
