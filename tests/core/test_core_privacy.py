"""What is masked before anything stores, logs or forwards it, and what stays."""

from __future__ import annotations

import re
import time
import unicodedata
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stdnum.cn import ric

from core import clock
from core.identity_numbers import is_identity_number
from core.numerals import read_numerals
from core.privacy import ID_MASK, LANDLINE_MASK, PERMIT_MASK, PHONE_MASK, mask_personal_data
from core.settings import ROOT
from knowledge.loader import load_knowledge

CASES = yaml.safe_load(Path(__file__).with_name("personal_numbers.yml").read_text(encoding="utf-8"))
MASKED: list[tuple[str, str]] = [(text, becomes) for text, becomes in CASES["masked"]]
STAYS: list[str] = CASES["stays"]
FIGURES = "0123456789"
SCRIPTS = (
    FIGURES,
    "０１２３４５６７８９",
    "零一二三四五六七八九",
    "〇幺两三四五六七八九",
    "零壹贰叁肆伍陆柒捌玖",
    "零壹貳參肆伍陸柒捌玖",
)
GAPS = (
    " ",
    "  ",
    "-",
    "—",
    ".",
    "·",
    "\u3000",
    "\u00a0",
    "\n",
    "－",
    " - ",
    "_",
    "\u200b",
    "\u2060",
    "\u200d\ufeff",
    "/",
)
AROUND = ("", "我的号码是", "打不通", "，谢谢", "娃儿嘞", "shouji ", "(", "：", "证件")


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "today", lambda: date(2026, 5, 6))


@st.composite
def mobiles(draw: st.DrawFn) -> str:
    return "1" + draw(st.sampled_from("3456789")) + draw(st.text(FIGURES, min_size=9, max_size=9))


@st.composite
def identities(draw: st.DrawFn) -> str:
    """A sound identity number of anybody born until a year ago."""
    region = draw(st.sampled_from(["500112", "370202", "110101", "810000", "820000", "830000", "654321", "513229"]))
    born = draw(st.dates(date(1920, 1, 1), date(2025, 1, 1)))
    body = f"{region}{born:%Y%m%d}{draw(st.integers(0, 999)):03}"
    return body + str(ric.calc_check_digit(body + "0"))


@st.composite
def rendered(draw: st.DrawFn, number: str) -> str:
    """Write a number in one script or in a mixture, in one piece, in groups or digit by digit."""
    scripts = draw(st.sampled_from([(script,) for script in SCRIPTS] + [SCRIPTS]))
    written = [c if c == "X" else draw(st.sampled_from(scripts))[int(c)] for c in number]
    gap = draw(st.sampled_from(GAPS))
    style = draw(st.sampled_from(["whole", "groups", "digits"]))
    cuts = {"whole": set(), "digits": set(range(1, len(number)))}.get(style)
    if cuts is None:
        cuts = draw(st.sets(st.integers(1, len(number) - 1), max_size=6))
    return "".join(gap * (i in cuts) + c for i, c in enumerate(written))


def said(number: str, before: str, after: str) -> str:
    return f"{before}{number}{after}"


@pytest.mark.parametrize(("text", "becomes"), MASKED)
def test_number_of_a_person_is_masked(text: str, becomes: str) -> None:
    assert mask_personal_data(text) == becomes


@pytest.mark.parametrize("text", STAYS)
def test_what_is_not_personal_stays(text: str) -> None:
    assert mask_personal_data(text) == text


@pytest.mark.parametrize("text", [text for text, _ in MASKED])
def test_masking_twice_changes_nothing(text: str) -> None:
    once = mask_personal_data(text)
    assert mask_personal_data(once) == once


def test_examples_are_many_and_each_is_another() -> None:
    assert len({text for text, _ in MASKED}) == len(MASKED) >= 120
    assert len(set(STAYS)) == len(STAYS) >= 120
    assert {mask for mask in (ID_MASK, PHONE_MASK, PERMIT_MASK, LANDLINE_MASK) if mask in str(MASKED)} == {
        ID_MASK,
        PHONE_MASK,
        PERMIT_MASK,
        LANDLINE_MASK,
    }


def test_sound_identity_numbers_of_the_examples_are_nobodys() -> None:
    for text, _ in MASKED:
        digits = re.sub("[^0-9X]", "", unicodedata.normalize("NFKC", text).upper())
        for start in range(len(digits) - 17):
            number = digits[start : start + 18]
            assert not is_identity_number(number) or number[14:17] == "000", text


@settings(max_examples=400, deadline=None)
@given(data=st.data(), number=mobiles(), before=st.sampled_from(AROUND), after=st.sampled_from(AROUND))
def test_no_mobile_number_survives_however_it_is_written(
    data: st.DataObject, number: str, before: str, after: str
) -> None:
    prefix = data.draw(st.sampled_from(["", "+86", "+86 ", "0086-", "86 "]))
    written = prefix + data.draw(rendered(number))
    assert mask_personal_data(said(written, before, after)) == said(PHONE_MASK, before, after)


@settings(max_examples=400, deadline=None)
@given(data=st.data(), number=identities(), before=st.sampled_from(AROUND), after=st.sampled_from(AROUND))
def test_no_sound_identity_number_survives_however_it_is_written(
    data: st.DataObject, number: str, before: str, after: str
) -> None:
    after = "" if number.endswith("X") and after.startswith("s") else after
    written = data.draw(rendered(number))
    assert mask_personal_data(said(written, before, after)) == said(ID_MASK, before, after)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), number=identities(), place=st.integers(14, 17), digit=st.sampled_from(FIGURES))
def test_no_identity_number_survives_with_a_wrong_check_digit(
    data: st.DataObject, number: str, place: int, digit: str
) -> None:
    mistyped = number[:place] + digit + number[place + 1 :]
    assert mask_personal_data(data.draw(rendered(mistyped))) == ID_MASK


@settings(max_examples=200, deadline=None)
@given(data=st.data(), number=identities())
def test_no_old_identity_number_survives(data: st.DataObject, number: str) -> None:
    old = number[:6] + f"{int(number[8:10]) % 99:02}" + number[10:17]
    if old[8:12] != "0229":
        assert mask_personal_data(data.draw(rendered(old))) == ID_MASK


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Nd"]), max_size=200))
def test_text_without_digits_is_not_changed(text: str) -> None:
    if not read_numerals(text).values:
        assert mask_personal_data(text) == text


PIECES = [
    *FIGURES,
    "1380000",
    "86",
    "+86",
    "0",
    "023",
    "500112",
    "20180912",
    "X",
    "x",
    "H",
    "台胞证",
    "是",
    "订单号",
    "元",
]
PIECES += [
    "一",
    "幺三八",
    "零",
    "两",
    " ",
    "-",
    ".",
    ",",
    "、",
    "\u200b",
    "\n",
    "(",
    ")",
    PHONE_MASK,
    "13800001234",
    "2018",
]


@settings(max_examples=1500, deadline=None)
@given(text=st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@example(text="13900000000-138-0000-0000-1")
@example(text="台胞证13800000000 12345678")
def test_masking_any_text_twice_changes_nothing(text: str) -> None:
    once = mask_personal_data(text)
    assert mask_personal_data(once) == once


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=100), number=mobiles())
def test_everything_around_a_number_is_kept(text: str, number: str) -> None:
    if not read_numerals(text).values:
        masked = mask_personal_data(f"{text}啊{number}啊{text}")
        assert masked == f"{text}啊{PHONE_MASK}啊{text}"


def test_every_word_around_a_number_is_kept() -> None:
    assert mask_personal_data("\u33a1\u00bd\u2026\u246013800000000") == "\u33a1\u00bd\u2026\u2460" + PHONE_MASK


def test_number_that_is_newer_than_a_year_and_has_a_wrong_check_digit_is_a_case_number() -> None:
    for days, masked in ((364, False), (366, True)):
        born = clock.today() - timedelta(days=days)
        body = f"500112{born:%Y%m%d}000"
        wrong = str((int(ric.calc_check_digit(body + "0").replace("X", "9")) + 1) % 9)
        assert (mask_personal_data(body + wrong) == ID_MASK) is masked
        assert mask_personal_data(body + str(ric.calc_check_digit(body + "0"))) == ID_MASK


class TestOfficialWords:
    def test_no_official_answer_is_altered(self) -> None:
        for entry in load_knowledge().entries.values():
            for words in (entry.question, entry.answer, *entry.similar_questions):
                assert mask_personal_data(words) == words

    @pytest.mark.parametrize("name", ["domain.yml", "enrollment/states.yml", "bot/data/nlu/case_status.yml"])
    def test_no_word_of_the_desk_is_altered(self, name: str) -> None:
        words = (ROOT / name).read_text(encoding="utf-8")
        assert mask_personal_data(words) == words

    def test_every_landline_of_the_sources_is_known_as_official(self) -> None:
        found = 0
        for source in (ROOT / "knowledge/sources").iterdir():
            for number in re.findall(r"0\d{2,3}[-—\s]?\d{7,8}", source.read_text(encoding="utf-8")):
                assert mask_personal_data(number) == number
                found += 1
        assert found >= 1

    @pytest.mark.parametrize("question", ["023-87912832打不通怎么办", "热线(023)87912832几点上班", "87912832有人吗"])
    def test_question_about_the_official_hotline_keeps_it(self, question: str) -> None:
        assert mask_personal_data(question) == question


HOSTILE = {
    "figures": "1",
    "figure and gap": "0-",
    "mobile's beginning": "13 ",
    "spoken": "一三",
    "spoken identity": "五〇〇一一二二〇一八〇九一二〇〇一八",
    "identities": "500112201809120008 ",
    "almost identities": "50011220180912000 ",
    "country codes": "+86",
    "gaps": "1     ",
    "invisible": "1\u200b\u2060",
    "permits": "台胞证1",
    "case numbers": "订单号1",
    "Hong Kong": "H       1",
    "brackets": "(1)",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_time_in_proportion_to_its_length(name: str) -> None:
    def seconds(length: int) -> float:
        text = (HOSTILE[name] * length)[:length]
        times = []
        for _ in range(3):
            begun = time.thread_time()
            mask_personal_data(text)
            times.append(time.thread_time() - begun)
        return min(times)

    taken = [seconds(length) for length in (4_000, 16_000)]
    assert taken[0] < 0.1
    assert taken[1] < 8 * max(taken[0], 0.001)


def test_digits_are_read_with_their_places() -> None:
    numerals = read_numerals("１-二X①")
    assert numerals.values == "12X1"
    assert list(pairwise([*numerals.starts, 6])) == [(0, 2), (2, 3), (3, 4), (4, 6)]
    assert numerals.gaps == [None, "-", "", ""]
    assert numerals.runs == [4, 4, 4, 4]
