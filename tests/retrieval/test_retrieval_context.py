"""A message is read with the one before only where it can't stand alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from core.errors import ModelMissingError
from core.scope import City
from retrieval.context import FEATURES, LONGEST, in_context, leans, load_context, reading_of
from retrieval.judge import Candidate, Judgement
from retrieval.retriever import Retriever

CONFIG = load_context()


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
    assert (read.decision != "none", read.best in entry_id) == (True, True)


@pytest.mark.parametrize("text", ["刷脸查不到孩子怎么办", "购房合同传哪几页"])
def test_complete_question_is_read_alone_whatever_came_before(retriever: Retriever, text: str) -> None:
    alone = retriever.search(text, "chongqing")
    assert retriever.search_in_context(alone, "户号填哪一个", "chongqing") is alone


@pytest.mark.parametrize("text", ["那明天下雨吗", "那你吃饭了没"])
def test_off_topic_message_gets_no_answer_from_what_came_before(retriever: Retriever, text: str) -> None:
    alone = retriever.search(text, "chongqing")
    assert retriever.search_in_context(alone, "刷脸查不到孩子怎么办", "chongqing").decision != "answer"


def no_search(texts: Sequence[str]) -> list[Judgement]:
    raise AssertionError(texts)


@pytest.mark.parametrize(
    "alone",
    [
        Judgement("clarify", (Candidate("cq-10", 0.6),), "那" * (LONGEST + 1)),
        Judgement("none", (Candidate("cq-10", 0.1),), "双胞胎只报一个行不行"),
        Judgement("answer", (Candidate("cq-10", 0.99),), "刷脸查不到"),
    ],
    ids=["long", "does not go on", "short and sure"],
)
def test_what_stands_alone_is_not_searched_again(alone: Judgement) -> None:
    assert in_context(alone, "before", no_search, CONFIG) is alone


@pytest.mark.parametrize(
    ("best", "confidence", "taken"), [("cq-10", 0.9, True), ("cq-10", 0.5, False), ("cq-11", 0.9, False)]
)
def test_an_unclear_message_is_read_with_the_one_before_only_if_both_lead_to_one_entry(
    best: str, confidence: float, taken: bool
) -> None:
    alone = Judgement("clarify", (Candidate("cq-10", 0.6),), "双胞胎只报一个行不行")
    together = Judgement("answer", (Candidate(best, confidence),), "…")
    assert in_context(alone, "before", lambda texts: [together], CONFIG) is (together if taken else alone)


def test_a_message_before_that_is_clear_does_not_answer_whatever_comes_after(retriever: Retriever) -> None:
    before, told = "购房合同传哪几页", {"answer": 0, "clarify": 0, "none": 0}
    for text in ("那贷款利率多少", "那物业费谁交", "那中介电话呢", "那房子漏水咋办", "那装修要多久", "那契税怎么算"):
        alone = retriever.search(text, "chongqing")
        told[retriever.search_in_context(alone, before, "chongqing").decision] += 1
    assert told["answer"] <= 1, told


def test_features_have_names_and_are_finite(retriever: Retriever) -> None:
    alone = retriever.search("那奶奶名下的呢", "chongqing")
    reading = reading_of(alone, "房产查询要选哪个", lambda texts: retriever.search_all(texts, "chongqing"))
    assert reading is not None
    assert alone.best in reading.entries
    for entry in (*reading.entries, "cq-99"):
        features = reading.features(entry)
        assert len(features) == len(FEATURES)
        assert all(math.isfinite(value) for value in features)


def test_weights_for_other_features_are_refused(tmp_path: Path) -> None:
    other = CONFIG.model_copy(update={"features": (*FEATURES[1:], "luck")})
    path = tmp_path / "context.yml"
    path.write_text(yaml.safe_dump(other.model_dump(mode="json")), encoding="utf-8")
    with pytest.raises(ModelMissingError, match="other features: run `helpdesk tune`"):
        load_context(path)
