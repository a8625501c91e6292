"""What Rasa is spared: the greeting before and the thanks after what is asked."""

from __future__ import annotations

import time

import pytest

from bot.actions.courtesies import without_courtesies


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("你好,请查询我孩子的报名进度,谢谢", "请查询我孩子的报名进度"),
        ("您好您好,请问我家娃审核过了没", "请问我家娃审核过了没"),
        ("老师您好!刷脸查不到孩子怎么办", "刷脸查不到孩子怎么办"),
        ("麻烦转一下人工客服,谢谢您", "麻烦转一下人工客服"),
        ("不要机器人,谢谢", "不要机器人"),
        ("有没有人工服务谢谢啦!", "有没有人工服务"),
    ],
)
def test_what_is_asked_is_left(text: str, asked: str) -> None:
    assert without_courtesies(text) == asked


@pytest.mark.parametrize(
    "text",
    [
        "你好",
        "谢谢",
        "你好,谢谢",
        "谢谢谢谢",
        "下午好,第一次用这个",
        "太感谢你了",
        "谢谢你帮我查进度",
        "",
        "?",
        "你好呀老师",
    ],
)
def test_a_courtesy_that_is_all_or_part_of_what_is_said_stays(text: str) -> None:
    assert without_courtesies(text) == text


@pytest.mark.parametrize(
    "text", ["你好" * 250, "," * 500, "啊" * 400 + "谢谢" * 50 + "x", "你好" + ", " * 249, "谢" * 500]
)
def test_it_takes_no_time_whatever_is_typed(text: str) -> None:
    began = time.process_time()
    without_courtesies(text)
    assert time.process_time() - began < 0.5
