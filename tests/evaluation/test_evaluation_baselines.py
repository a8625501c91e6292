from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from replies_made import question

from core.scope import CITIES, City
from evaluation.baselines import Choice, bm25, measure, run_baselines, tfidf, threshold, words
from knowledge.loader import load_knowledge


@pytest.mark.parametrize(
    ("scores", "share", "bar"),
    [([], 0.05, -np.inf), ([0.3], 0.05, 0.3), ([0.1] * 19 + [0.9], 0.05, 0.1), ([0.1, 0.2, 0.3, 0.4], 0.5, 0.2)],
)
def test_the_bar_lets_at_most_the_share_through(scores: list[float], share: float, bar: float) -> None:
    assert threshold(np.array(scores), share) == bar
    assert sum(score > bar for score in scores) <= share * len(scores)


def test_forced_and_guarded_shares_count_answerable_questions_only() -> None:
    table: dict[tuple[str, City], Choice] = {
        ("甲", "chongqing"): Choice("cq-10", 0.9),
        ("乙", "chongqing"): Choice("cq-10", 0.4),
        ("丙", "chongqing"): Choice("cq-01", 0.8),
        ("丁", "chongqing"): Choice("cq-02", 0.5),
        ("戊", "chongqing"): Choice("cq-02", 0.2),
        ("戊", "qingdao"): Choice("qd-b05", 0.7),
    }
    asked = [question(text, expect=["cq-10"]) for text in "甲乙丙"] + [question("丁")]
    asked += [question("戊", None, expect=["qd-b05"]), question("己", intent="chitchat"), question("庚", context="前")]
    found = measure("table", lambda text, city: table[text, city], [q for q in asked if q.q != "庚"])
    assert (found.forced, found.guarded) == (0.75, 0.5)
    assert found.curve[0].risk == 0.0


def test_words_are_normalised_and_without_punctuation() -> None:
    assert words("戶口簿,怎麼傳!") == ["户口簿", "怎么", "传"]


@pytest.mark.filterwarnings("ignore:.*pkg_resources.*", "ignore::SyntaxWarning")
def test_bm25_and_tfidf_find_plain_questions() -> None:
    known = load_knowledge()
    few = {entry.id: entry for city in CITIES for entry in known.of_city(city)[:4]}
    knowledge = replace(known, entries=few, near_misses=())
    asked = [question(entry.question, entry.city, expect=[entry.id]) for entry in knowledge.entries.values()]
    asked.append(question("今天中午吃什么"))
    found = {one.name: one for one in run_baselines(knowledge, asked, None)}
    assert found["BM25 over question and answer"].forced > 0.8
    assert found["TF-IDF + logistic regression"].forced > 0.9
    assert bm25(knowledge)("qqq", "qingdao").score == 0
    assert tfidf(knowledge)("qqq", "qingdao").entry_id != "none"
