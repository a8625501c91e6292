"""The spoken form, the marks, and the questions of a call."""

from __future__ import annotations

import re

import pytest

from hotline.marks import marks, stop_words, words_of
from hotline.questions import questions_of
from hotline.spoken import ARROW, BREATH, spoken_lines
from knowledge.entry import Entry
from knowledge.loader import load_knowledge
from retrieval.normalise import normalise

ENTRIES = list(load_knowledge().entries.values())


def squeezed(text: str) -> str:
    return re.sub(r"[\s→]", "", text)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_the_spoken_form_has_the_published_words_and_no_others(entry: Entry) -> None:
    for text in (entry.answer, *(branch.text for branch in entry.branches)):
        lines = spoken_lines(text)
        assert squeezed("".join(lines)) == squeezed(text)
        assert all(line and line == line.strip() and "\n" not in line for line in lines)


def test_all_entries_are_there() -> None:
    assert len(ENTRIES) == 47


def test_most_lines_can_be_read_in_one_breath() -> None:
    lengths = [len(line) for entry in ENTRIES for line in spoken_lines(entry.answer)]
    assert sum(length <= BREATH for length in lengths) / len(lengths) > 0.85
    assert max(lengths) <= 45


def test_steps_stand_each_in_a_line_of_their_own() -> None:
    lines = spoken_lines("请进入个人空间→我的子女→新增子女,进行子女信息维护。")
    assert lines == ["请进入个人空间", "→我的子女", "→新增子女,", "进行子女信息维护。"]


def test_one_arrow_makes_no_steps() -> None:
    assert spoken_lines("甲→乙。") == ["甲→乙。"]


def test_every_way_through_menus_is_laid_out_in_steps() -> None:
    chains = [entry.id for entry in ENTRIES if entry.answer.count(ARROW) > 1]
    stepped = [e.id for e in ENTRIES if any(line.startswith(ARROW) for line in spoken_lines(e.answer))]
    assert chains == stepped
    assert len(chains) >= 3


def test_brackets_and_quotations_are_not_torn() -> None:
    assert spoken_lines("尽量使用平台提供的【上一步、下一步、返回】等操作按钮,不要返回。") == [
        "尽量使用平台提供的【上一步、下一步、返回】等操作按钮,",
        "不要返回。",
    ]


def test_numbered_items_begin_a_line_with_their_number() -> None:
    lines = spoken_lines("分两种:1、先报名的。2、后报名的,请等3.5天。")
    assert lines == ["分两种:", "1、先报名的。", "2、后报名的,请等3.5天。"]


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_nothing_has_no_lines(text: str) -> None:
    assert spoken_lines(text) == []


def marked(typed: str, text: str) -> list[str]:
    """Return what is marked, as it stands in the text."""
    return [text[start:end] for start, end in marks(words_of(normalise(typed)), text.lower())]


def test_shared_words_are_marked_but_not_the_common_ones() -> None:
    answer = "若查不到子女信息，孩子刷脸怎么办"
    assert marked("刷脸查不到孩子怎么办", answer) == ["查不到", "刷脸"]
    assert "怎么办" in stop_words()


def test_words_in_latin_letters_are_found_in_either_case() -> None:
    assert marked("app忘记密码", "APP忘记密码如何找回?") == ["APP忘记密码"]


def test_pinyin_slips_mark_what_is_left() -> None:
    assert marked("shualian查不到haizi", "通过刷脸查不到孩子") == ["查不到"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_marks_lie_within_the_text_in_order_and_apart(entry: Entry) -> None:
    words = words_of(normalise(entry.question))
    for text in (entry.question, entry.answer):
        assert len(text.lower()) == len(text)
        flat = [place for span in marks(words, text.lower()) for place in span]
        assert flat == sorted(set(flat))
        assert not flat or (flat[0] >= 0 and flat[-1] <= len(text))
    assert marks(words, entry.question.lower())


def test_nothing_typed_marks_nothing() -> None:
    assert marks(words_of(""), "刷脸") == []


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ([], []),
        (["", "  "], []),
        (["刷", "刷脸", "刷脸查不到"], ["刷脸查不到"]),
        (["刷脸查不到", "刷脸"], ["刷脸查不到"]),
        (["刷脸查不到", "房产证", "刷脸查不到"], ["刷脸查不到", "房产证"]),
        (["房产证", "房产证传哪几页", "户口本"], ["房产证传哪几页", "户口本"]),
    ],
)
def test_a_question_is_what_was_typed_to_the_end(typed: list[str], asked: list[str]) -> None:
    assert questions_of(typed) == asked
