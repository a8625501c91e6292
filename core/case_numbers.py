"""Mask the numbers of cases: what stands of a case in a parent's words, Rasa need not see and the log need not keep."""

from __future__ import annotations

import re

CASE_MASK = "[办件编号]"
_DASH = r"[\s\-_－—–]{0,2}"
_SHAPE = rf"(?<![A-Za-z0-9])[A-Za-zＡ-Ｚａ-ｚ]{{2}}{_DASH}[2２][0０]\d{{2}}{_DASH}\d{{3,4}}{_DASH}\d{{3,4}}(?!\d)"
_NAMED = (
    rf"((?:办件|受理|报名|申请|流水|回执)(?:编号|号码|号|单号)[\s是为:：]{{0,3}})"
    rf"[A-Za-zＡ-Ｚａ-ｚ]{{0,4}}{_DASH}\d(?:{_DASH}\d){{5,17}}"
)
_CASE_NUMBER = re.compile(rf"{_NAMED}|{_SHAPE}")


def mask_case_numbers(text: str) -> str:
    """Return the text with the numbers of cases replaced: those shaped like one, and those that are called one.

    >>> mask_case_numbers("CQ2026-0415-0108到哪一步了")
    '[办件编号]到哪一步了'
    >>> mask_case_numbers("办件编号：20260417003，5月8号交的")
    '办件编号：[办件编号]，5月8号交的'
    """
    return _CASE_NUMBER.sub(lambda found: f"{found[1] or ''}{CASE_MASK}", text)
