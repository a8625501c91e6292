"""Two views in one table say what each says alone."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.lexical import NONE, LexicalModel, LexicalPair, pair_of, train_lexical

TEXTS = ["刷脸查不到孩子", "刷脸没有娃", "扫脸查不到", "购房合同传哪几页", "合同要拍哪些页", "明天下雨吗", "中午吃什么"]
LABELS = ["cq-10", "cq-10", "cq-10", "cq-16", "cq-16", NONE, NONE]


@pytest.fixture(scope="module")
def views() -> tuple[LexicalModel, LexicalModel]:
    return train_lexical(TEXTS, LABELS, "characters"), train_lexical(TEXTS, LABELS, "sounds", rarest=2)


@pytest.fixture(scope="module")
def pair(views: tuple[LexicalModel, LexicalModel]) -> LexicalPair:
    return pair_of(*views)


@pytest.mark.parametrize("text", [*TEXTS, "shualian查不到", "合同", "完全无关的话", "zzz", ""])
def test_pair_says_what_the_views_say(views: tuple[LexicalModel, LexicalModel], pair: LexicalPair, text: str) -> None:
    alone = np.stack([view.probabilities(text) for view in views])
    assert pair.probabilities(text) == pytest.approx(alone, abs=1e-5)


def test_probabilities_add_up_to_one_in_each_view(pair: LexicalPair) -> None:
    assert pair.probabilities("刷脸合同").sum(1) == pytest.approx([1, 1], abs=1e-5)


def test_trained_question_finds_its_class_in_both_views(pair: LexicalPair) -> None:
    best = pair.probabilities("刷脸查不到孩子").argmax(1)
    assert [pair.classes[at] for at in best] == ["cq-10", "cq-10"]
