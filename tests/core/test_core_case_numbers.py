"""The numbers of cases in what a parent types."""

from __future__ import annotations

import pytest

from core.case_numbers import CASE_MASK, mask_case_numbers


@pytest.mark.parametrize(
    "number",
    ["CQ2026-0415-0108", "cq2026 0415 0108", "QD20260403-077", "ＱＤ２０２６－０４０３－００７７", "CQ202604150108"],
)
def test_what_is_shaped_like_one_is_masked(number: str) -> None:
    assert mask_case_numbers(f"请看{number}到哪了") == f"请看{CASE_MASK}到哪了"


@pytest.mark.parametrize("called", ["办件编号：", "受理号", "报名号 ", "流水号是"])
def test_what_is_called_one_is_masked(called: str) -> None:
    assert mask_case_numbers(f"{called}20260417003，查") == f"{called}{CASE_MASK}，查"


@pytest.mark.parametrize("text", ["2026年5月8日报的", "热线023-87912832", "办件编号在哪里看", "监护人3", "APP2026版"])
def test_what_is_none_stays(text: str) -> None:
    assert mask_case_numbers(text) == text
