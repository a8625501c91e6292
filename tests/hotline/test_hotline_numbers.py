"""What an agent types: case numbers and codes are read, numbers of persons are refused, and no error repeats them."""

from __future__ import annotations

import pytest

from channels.hotline.numbers import PersonalNumberError, read_code, read_number
from core.errors import ApiError, MalformedRequestError
from enrollment.reference.families import read_families

NUMBERS = [child.id for family in read_families() for child in family.children]


@pytest.mark.parametrize("number", [*NUMBERS, "A1B2", "X" * 40, "2026-0417-0031"])
def test_a_case_number_is_taken_as_it_is(number: str) -> None:
    assert read_number(number) == number


@pytest.mark.parametrize(
    "typed",
    ["cq2026-0417-0031", " CQ2026-0417-0031 ", "CQ2026 0417 0031".replace(" ", "-"), "ＣＱ２０２６－０４１７－００３１",
     "CQ2026–0417—0031", "CQ 2026-0417-0031\n"],
)  # fmt: skip
def test_the_same_number_is_read_however_it_is_typed(typed: str) -> None:
    assert read_number(typed) == "CQ2026-0417-0031"


@pytest.mark.parametrize(
    "typed",
    ["13800004321", "138 0000 4321", "138-0000-4321", "１３８００００４３２１", "+8613800004321", "0532-85004321",
     "110101199003071239", "11010119900307123X", "110101 19900307 1239", "110101900307123", "H01234321"],
)  # fmt: skip
def test_a_number_of_a_person_is_refused_in_plain_words_and_not_repeated(typed: str) -> None:
    with pytest.raises(PersonalNumberError, match="请向来电人要办件编号") as caught:
        read_number(typed)
    assert not any(digit in str(caught.value) + str(caught.value.details) for digit in "0123456789")


@pytest.mark.parametrize(
    "typed", ["", "   ", "CQ1", "X" * 41, "-CQ2026", "CQ2026-", "CQ2026/0031", "办件0031", "' OR 1=1", "A\0BCD", "张某"]
)
def test_what_is_no_number_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(MalformedRequestError, match="4到40位") as caught:
        read_number(typed)
    assert not typed.strip() or typed.strip() not in str(caught.value)


@pytest.mark.parametrize(("typed", "code"), [("123456", "123456"), (" 123 456 ", "123456"), ("１２３４５６", "123456")])
def test_a_code_is_read_however_it_is_typed(typed: str, code: str) -> None:
    assert read_code(typed) == code


@pytest.mark.parametrize("typed", ["", "123", "12345678901", "12345a", "一二三四五六", "١٢٣٤٥٦", "123\0456"])
def test_what_is_no_code_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(ApiError, match="验证码只有数字") as caught:
        read_code(typed)
    assert not typed or typed not in str(caught.value)
