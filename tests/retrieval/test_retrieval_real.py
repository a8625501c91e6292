"""The real models of `make train`: scope, branches, and the same answer from every thread."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.scope import CITIES, City
from core.settings import ROOT
from evaluation.questions import load_questions
from knowledge.loader import Knowledge, load_knowledge
from retrieval.branches import BranchJudge
from retrieval.corpus import examples_of
from retrieval.normalise import normalise
from retrieval.retriever import Retriever

TITLES = [(entry.id, entry.question, entry.city) for entry in load_knowledge().entries.values()]
DEVELOPMENT = load_questions(ROOT / "evaluation/sets/development.jsonl")


@pytest.mark.parametrize("city", CITIES)
def test_no_entry_of_the_other_city_is_ever_a_candidate(retriever: Retriever, known: Knowledge, city: City) -> None:
    questions = [question for _, question, _ in TITLES] + [q.q for q in DEVELOPMENT[::7]]
    found = {c.entry_id for question in questions for c in retriever.search(question, city).candidates}
    assert {known.entries[entry_id].city for entry_id in found} == {city}


@pytest.mark.parametrize(("entry_id", "question", "city"), TITLES, ids=[entry_id for entry_id, _, _ in TITLES])
def test_published_question_finds_its_own_answer(
    retriever: Retriever, entry_id: str, question: str, city: City
) -> None:
    judgement = retriever.search(question, city)
    assert (judgement.decision, judgement.best) == ("answer", entry_id)


@pytest.mark.parametrize(
    ("question", "city", "entry_id"),
    [
        ("刷脸查不到孩子", "chongqing", "cq-10"),
        ("刷臉查不到孩子", "chongqing", "cq-10"),
        ("涮脸查不到孩子", "chongqing", "cq-10"),
        ("自动填的地址不对", "qingdao", "qd-b05"),
        ("购房合同传哪几页", "chongqing", "cq-16"),
        ("爱山东mima忘了怎么找回", "qingdao", "qd-a09"),
    ],
)
def test_plain_questions_are_answered(retriever: Retriever, question: str, city: City, entry_id: str) -> None:
    assert retriever.search(question, city).best == entry_id


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize("text", ["", "   ", "?!", "\u2026\u2026", "\u200b", "👍"])
def test_message_without_words_has_no_candidates(retriever: Retriever, text: str, city: City) -> None:
    judgement = retriever.search(text, city)
    assert (judgement.decision, judgement.candidates) == ("none", ())


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize("text", ["明天下雨吗", "帮我写首诗", "中午吃什么好"])
def test_off_topic_question_has_no_answer(retriever: Retriever, text: str, city: City) -> None:
    assert retriever.search(text, city).decision == "none"


def test_threads_find_what_one_thread_finds(retriever: Retriever) -> None:
    asked = [(question, city) for _, question, city in TITLES] * 4
    alone = [retriever.search(*one) for one in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: retriever.search(*one), asked))
    assert [(j.decision, j.best, j.confidence) for j in together] == [(j.decision, j.best, j.confidence) for j in alone]


def test_branches_decided_are_right(branches: BranchJudge) -> None:
    count: Counter[str] = Counter()
    for question in DEVELOPMENT:
        if question.kind == "branch" and question.has_branch:
            decided = branches.decide(question.expect[0], normalise(question.q))
            count["asked"] += question.branch is not None
            count["decided"] += decided is not None
            count["right"] += decided is not None and decided == question.branch
    assert count["asked"] >= 200
    assert count["right"] / count["decided"] >= 0.9
    assert count["right"] / count["asked"] >= 0.6


@pytest.mark.parametrize(
    ("entry_id", "text", "branch"),
    [
        ("cq-19", "办件还是待审核,图片传错了", "pending"),
        ("cq-19", "已经在审核了,图片传错了", "in_review"),
        ("cq-19", "图片传错了怎么办", None),
        ("cq-16", "购房合同传哪几页", None),
        ("no such entry", "图片传错了", None),
    ],
)
def test_branch_is_decided_by_the_words_or_not_at_all(
    branches: BranchJudge, known: Knowledge, entry_id: str, text: str, branch: str | None
) -> None:
    decided = branches.decide(entry_id, normalise(text))
    if branch == "pending":
        branch = next(b.id for b in known.entries["cq-19"].branches if b.id != "in_review")
    assert decided == branch


@pytest.mark.parametrize("city", CITIES)
def test_training_questions_are_in_normal_form_and_of_the_city(known: Knowledge, city: City) -> None:
    examples = examples_of(known, city)
    assert all(example.text == normalise(example.text) for example in examples)
    assert {example.entry for example in examples} == {entry.id for entry in known.of_city(city)} | {"none"}
    assert len({example.text for example in examples}) == len(examples)
    assert {example.fold for example in examples if example.entry != "none"} == {-1, 0, 1, 2}
