"""Typed words as the answer to offered options."""

from __future__ import annotations

import pytest

from bot.actions.option_words import option_named, place_named, says_yes
from knowledge.loader import load_knowledge
from retrieval.normalise import normalise

CASES = ["忘记密码", "进招生平台提示错误", "收不到短信验证码"]


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("第一个", 0),
        ("第二个", 1),
        ("第3个", 2),
        ("１", 0),
        ("2", 1),
        ("选二", 1),
        ("我想问的是第二个", 1),
        ("第二种情况", 1),
        ("后面那个", 2),
        ("最后一个吧", 2),
        ("上面那个", 0),
        ("密码", 0),
        ("短信验证码的", 2),
        ("第四个", None),
        ("招生平台咋进", None),
        ("第二个孩子怎么报", None),
        ("一个账号能绑几个孩子", None),
        ("码", None),
        ("好的", None),
    ],
)
def test_an_option_is_named_by_its_place_or_by_words_of_its_label(words: str, at: int | None) -> None:
    assert option_named(normalise(words), CASES) == at


@pytest.mark.parametrize("words", ["嗯", "嗯嗯", "好的", "是的", "对", "就是这个", "对头", "嗯，是的"])
def test_a_plain_yes_is_one(words: str) -> None:
    assert says_yes(normalise(words))


@pytest.mark.parametrize("words", ["等一下", "谢谢", "不是", "是不是要填户号", "好久", "对口是什么"])
def test_what_is_no_plain_yes_is_none(words: str) -> None:
    assert not says_yes(normalise(words))


def test_no_question_is_taken_for_a_place_or_a_yes() -> None:
    asked = [q for entry in load_knowledge().entries.values() for q in (entry.question, *entry.similar_questions)]
    assert [q for q in asked if place_named(normalise(q), 4) is not None or says_yes(normalise(q))] == []
