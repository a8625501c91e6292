"""A branch is named where the words decide for it, and a wrong one hardly ever."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
import yaml

from core.settings import ROOT
from evaluation.questions import load_questions
from knowledge.entry import Entry
from knowledge.loader import Knowledge, load_knowledge
from retrieval.branches import LEAST, BranchJudge, certainty
from retrieval.circumstances import CIRCUMSTANCES_FILE, circumstance_grams
from retrieval.lexical import NONE
from retrieval.normalise import normalise

BRANCHED = [entry for entry in load_knowledge().entries.values() if entry.branches]
LABELLED = [
    question
    for question in load_questions(ROOT / "evaluation/sets/development.jsonl")
    if question.kind == "branch" and question.has_branch
]


@pytest.fixture(scope="module")
def verdicts(branches: BranchJudge) -> dict[str, Counter[str]]:
    """Give entry → how many of its labelled questions were decided right, wrong or not at all."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for question in LABELLED:
        decided = branches.decide(question.expect[0], normalise(question.q))
        verdict = "right" if decided == question.branch else "wrong" if decided else "asked"
        found[question.expect[0]][verdict] += 1
    return found


@pytest.mark.parametrize("entry", BRANCHED, ids=[entry.id for entry in BRANCHED])
def test_each_branch_is_tried_by_at_least_8_questions_that_nothing_was_trained_on(entry: Entry) -> None:
    tried = Counter(question.branch for question in LABELLED if question.expect[0] == entry.id)
    assert {branch.id: tried[branch.id] for branch in entry.branches if tried[branch.id] < 8} == {}
    assert tried[None] >= 4


def test_a_wrong_branch_is_named_for_at_most_one_question_in_a_hundred(verdicts: dict[str, Counter[str]]) -> None:
    total = sum(verdicts.values(), Counter())
    assert total["wrong"] / total.total() <= 0.01
    assert total["right"] / total.total() >= 0.88


@pytest.mark.parametrize("entry", BRANCHED, ids=[entry.id for entry in BRANCHED])
def test_no_entry_pays_for_the_others(verdicts: dict[str, Counter[str]], entry: Entry) -> None:
    mine = verdicts[entry.id]
    assert mine["wrong"] <= 1
    assert mine["right"] / mine.total() >= 0.5


def test_every_entry_with_examples_has_a_model_that_is_sure_enough(branches: BranchJudge) -> None:
    assert set(branches.models) == {entry.id for entry in BRANCHED}
    for entry in BRANCHED:
        model = branches.models[entry.id]
        assert LEAST <= model.certain < 1
        assert set(model.words.classes) == {NONE, *(branch.id for branch in entry.branches)}


@pytest.mark.parametrize("entry", BRANCHED, ids=[entry.id for entry in BRANCHED])
def test_the_published_question_decides_for_no_branch(branches: BranchJudge, entry: Entry) -> None:
    assert branches.decide(entry.id, normalise(entry.question)) is None


@pytest.mark.parametrize(
    ("entry_id", "text", "branch"),
    [
        ("cq-19", "办件还是待审核,图片传错了", "waiting"),
        ("cq-19", "已经在审核了,图片传错了", "in_review"),
        ("cq-19", "图片传错了怎么办", None),
        ("cq-16", "购房合同传哪几页", None),
        ("no such entry", "图片传错了", None),
    ],
)
def test_branch_is_decided_by_the_words_or_not_at_all(
    branches: BranchJudge, entry_id: str, text: str, branch: str | None
) -> None:
    assert branches.decide(entry_id, normalise(text)) == branch


@pytest.mark.parametrize(
    ("entry_id", "text", "branches_allowed"),
    [
        ("cq-01", "没有手机,只有电脑,从哪里进子女信息维护", {"computer", None}),
        ("cq-01", "没有电脑,只有手机,从哪里进子女信息维护", {"phone", None}),
        ("qd-b03", "我们不是集体户,报名儿童怎么是别人家的孩子", {"account_wrong", None}),
        ("qd-b12", "孩子没超过三个,一个号怎么报", {"up_to_three", None}),
        ("cq-07", "房子不是我老公的,是我的,我登的号,选查询还是核验", {"holder_owns", None}),
        ("cq-07", "不是我的房子是我婆婆的,我登的", {"other_owns", None}),
        ("cq-10", "孩子不是在外地生的,就在重庆生的,刷脸没有", {"born_here", None}),
        ("cq-19", "图片传错了,办件是审核状态,还能撤回重传吗", {"in_review", None}),
        ("cq-19", "不是审核,是待审核,图传错了能撤不", {"waiting", None}),
    ],
)
def test_what_is_denied_names_no_branch(
    branches: BranchJudge, entry_id: str, text: str, branches_allowed: set[str | None]
) -> None:
    assert branches.decide(entry_id, normalise(text)) in branches_allowed


@pytest.mark.parametrize(
    ("held_out", "certain"),
    [
        ([("a", "a", 0.9)] * 40, LEAST),
        ([("a", "b", 0.99)] * 2 + [("a", "a", 0.9)] * 38, LEAST),
        ([("a", "b", 0.99)] * 2 + [("a", "b", 0.8)] + [("a", "a", 0.9)] * 37, 0.8),
        ([("a", NONE, 0.99)] * 40, LEAST),
        ([(NONE, "a", 0.7)] * 3 + [("a", "a", 0.9)] * 37, 0.7),
    ],
)
def test_certainty_leaves_few_enough_held_out_examples_with_a_wrong_branch(
    held_out: list[tuple[str, str, float]], certain: float
) -> None:
    assert certainty(held_out) == certain
    named_wrong = [chance for right, found, chance in held_out if found not in (right, NONE) and chance > certain]
    assert len(named_wrong) <= 0.05 * len(held_out)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("娃在江津生的", "娃在重庆生的"),
        ("娃在重庆市江津区生的", "娃在重庆生的"),
        ("四川省成都市生的", "外地生的"),
        ("在贵州遵义生的,现在合川读书", "在外地生的,现在重庆读书"),
    ],
)
def test_places_are_read_as_in_chongqing_or_elsewhere(one: str, same: str) -> None:
    assert circumstance_grams(one) == circumstance_grams(same)


@pytest.mark.parametrize("text", ["爱山东打不开", "刷脸认证失败", ""])
def test_words_without_places_and_people_stay(text: str) -> None:
    grams = circumstance_grams(text)
    assert grams[-1] == "n:0"
    assert "".join(gram for gram in grams if len(gram) == 1) == f"^{text}$"


@pytest.mark.parametrize(
    ("text", "persons"),
    [
        ("我登我自己的号,房本是我", 1),
        ("我登的号,房本是老公的名字", 2),
        ("孩子爸登的,房子在孩子爸爸名下", 1),
        ("爷爷的房", 1),
    ],
)
def test_the_same_person_by_two_names_is_one(text: str, persons: int) -> None:
    assert circumstance_grams(text)[-1] == f"n:{persons}"


def test_each_name_is_read_as_one_thing(known: Knowledge) -> None:
    listed = yaml.safe_load(CIRCUMSTANCES_FILE.read_text(encoding="utf-8"))
    names = [name for words in listed.values() for word, names in words.items() for name in (word, *names)]
    assert sorted(names) == sorted(set(names))
    batch = {name[:2] for name in known.documents["cq-2025-3"].districts}
    assert batch <= {name[:2] for name in listed["places"]["重庆"]}
