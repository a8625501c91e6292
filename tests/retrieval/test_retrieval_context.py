"""A message is read with the one before only where it can't stand alone."""

from __future__ import annotations

import pytest

from core.scope import City
from retrieval.context import LONGEST, in_context, leans
from retrieval.judge import Judgement
from retrieval.retriever import Retriever


@pytest.mark.parametrize(
    "text", ["那奶奶名下的呢", "可这是搬之前的啊", "要是两个都想报呢?", "换个手机也一样", "我这边怎么办咋弄"]
)
def test_form_says_that_a_message_goes_on(text: str) -> None:
    assert leans(text)


@pytest.mark.parametrize("text", ["刷脸查不到孩子", "购房合同传哪几页", "那" + "很" * LONGEST])
def test_complete_or_long_messages_do_not_lean(text: str) -> None:
    assert not leans(text)


@pytest.mark.parametrize(
    ("before", "text", "city", "entry_id"),
    [
        ("房子是我自己的,选房产查询对吧", "那奶奶名下的呢", "chongqing", {"cq-07", "cq-17"}),
        ("我刷脸了查不到孩子", "在贵州生的呢", "chongqing", {"cq-10"}),
    ],
)
def test_half_a_question_is_read_with_the_one_before(
    retriever: Retriever, before: str, text: str, city: City, entry_id: set[str]
) -> None:
    alone = retriever.search(text, city)
    read = retriever.search_in_context(alone, before, city)
    assert read.best in entry_id
    assert read.confidence >= alone.confidence


@pytest.mark.parametrize("text", ["刷脸查不到孩子怎么办", "购房合同传哪几页"])
def test_complete_question_is_read_alone_whatever_came_before(retriever: Retriever, text: str) -> None:
    alone = retriever.search(text, "chongqing")
    assert retriever.search_in_context(alone, "户号填哪一个", "chongqing") is alone


@pytest.mark.parametrize("text", ["那明天下雨吗", "那你吃饭了没"])
def test_off_topic_message_gets_no_answer_from_what_came_before(retriever: Retriever, text: str) -> None:
    alone = retriever.search(text, "chongqing")
    assert retriever.search_in_context(alone, "刷脸查不到孩子怎么办", "chongqing").decision != "answer"


def test_long_message_is_not_searched_again() -> None:
    def no_search(_: str) -> Judgement:
        raise AssertionError("searched")

    alone = Judgement("none", (), "那" * (LONGEST + 1))
    assert in_context(alone, "before", no_search) is alone
