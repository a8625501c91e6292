from __future__ import annotations

from typing import Any

import pytest
from replies_made import answer, offer, options, question, reply

from evaluation.metrics import BranchVerdict, Judged, Verdict, group_figures, judge, kind_figures
from evaluation.replies import Reply

CITY = options("city", offer(city="chongqing"), offer(city="qingdao"))


@pytest.mark.parametrize(
    ("fields", "said", "verdict"),
    [
        pytest.param({}, reply("answer", answer("cq-10")), "correct", id="answered"),
        pytest.param({}, reply("answer", answer("cq-10"), answer("cq-11")), "correct", id="the first answer decides"),
        pytest.param({}, reply("answer", answer("cq-11"), answer("cq-10")), "wrong", id="only the second is right"),
        pytest.param({"expect": ["cq-12", "cq-10"]}, reply("answer", answer("cq-10")), "correct", id="one of two"),
        pytest.param({}, reply("answer", answer("cq-11")), "wrong", id="another entry"),
        pytest.param({}, reply("answer"), "wrong", id="an answer without an entry"),
        pytest.param({}, reply("answer", options("branch", offer("cq-10"))), "wrong", id="an option is no answer"),
        pytest.param({}, reply("clarify", options("which", offer("cq-9"), offer("cq-10"))), "clarified", id="offered"),
        pytest.param({}, reply("clarify", options("which", offer("cq-09"))), "missed", id="offered something else"),
        pytest.param({}, reply("clarify"), "missed", id="asked without options"),
        pytest.param({}, reply("clarify", CITY), "missed", id="asked for a city that was given"),
        pytest.param({"city": None}, reply("clarify", CITY), "clarified", id="asked for the city"),
        pytest.param(
            {"city": None}, reply("clarify", options("city", offer(city="qingdao"))), "missed", id="another city only"
        ),
        pytest.param(
            {"city": None}, reply("clarify", options("which", offer("cq-10"))), "clarified", id="no city, offered"
        ),
        pytest.param({"city": None}, reply("answer", answer("cq-10")), "correct", id="no city, answered"),
        pytest.param({}, reply("handoff", answer("cq-10")), "missed", id="quoted on the way to a person"),
        pytest.param({}, reply("no_answer", options("person", offer("cq-10"))), "missed", id="offered, but not asked"),
        pytest.param({}, reply("error"), "missed", id="error"),
        pytest.param({}, Reply(kind="error", failure="HTTP 500"), "missed", id="failure"),
    ],
)
def test_answerable(fields: dict[str, Any], said: Reply, verdict: str) -> None:
    asked = question(**{"expect": ["cq-10"], **fields})
    assert judge(asked, said).verdict == verdict


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (reply("answer", answer("cq-16"), answer("cq-10")), "correct"),
        (reply("answer", answer("cq-01"), answer("cq-10"), answer("cq-16")), "correct"),
        (reply("answer", answer("cq-10")), "missed"),
        (reply("answer", answer("cq-10"), answer("cq-01")), "wrong"),
        (reply("answer", answer("cq-01")), "wrong"),
        (reply("answer"), "wrong"),
        (reply("clarify", options("which", offer("cq-16"))), "clarified"),
        (reply("no_answer"), "missed"),
    ],
)
def test_two_in_one_needs_all(said: Reply, verdict: str) -> None:
    asked = question(expect=["cq-10", "cq-16"], all=True)
    assert asked.group == "two_in_one"
    assert judge(asked, said).verdict == verdict


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (reply("answer", answer("cq-10")), "false_answer"),
        (reply("answer"), "false_answer"),
        (reply("clarify", options("which", offer("cq-10"))), "clarified"),
        (reply("clarify", CITY), "clarified"),
        (reply("no_answer"), "declined"),
        (reply("refused"), "declined"),
        (reply("handoff", answer("cq-21")), "declined"),
    ],
)
def test_unanswerable(said: Reply, verdict: str) -> None:
    assert judge(question(kind="near_miss"), said).verdict == verdict


@pytest.mark.parametrize(
    ("intent", "kind", "verdict"),
    [
        ("case_status", "case", "right"),
        ("case_status", "no_answer", "other_kind"),
        ("human_handoff", "handoff", "right"),
        ("human_handoff", "answer", "other_kind"),
        ("chitchat", "small_talk", "right"),
        ("chitchat", "case", "other_kind"),
    ],
)
def test_intents(intent: str, kind: str, verdict: str) -> None:
    assert judge(question(intent=intent), reply(kind, answer("cq-21"))).verdict == verdict


def test_an_intent_counts_for_intents_even_with_an_entry() -> None:
    assert question(intent="human_handoff", expect=["cq-21"]).group == "intents"


LABELS = {("cq-11", "身份证号码不对"): "id_wrong"}
ASKED = options("branch", offer("cq-11"))


@pytest.mark.parametrize(
    ("expected", "said", "verdict"),
    [
        ("id_wrong", reply("answer", answer("cq-11", "id_wrong")), "right"),
        ("id_wrong", reply("answer", answer("cq-11", "身份证号码不对")), "right"),
        ("id_wrong", reply("answer", answer("cq-11", "renamed")), "wrong"),
        ("id_wrong", reply("answer", answer("cq-11"), ASKED), "asked"),
        ("id_wrong", reply("answer", answer("cq-11"), options("feedback", offer())), "silent"),
        ("id_wrong", reply("answer", answer("cq-10", "id_wrong")), "unanswered"),
        ("id_wrong", reply("clarify", ASKED), "unanswered"),
        (None, reply("answer", answer("cq-11"), ASKED), "right"),
        (None, reply("answer", answer("cq-11")), "right"),
        (None, reply("answer", answer("cq-11", "renamed")), "wrong"),
        (None, reply("no_answer"), "unanswered"),
    ],
)
def test_branches(expected: str | None, said: Reply, verdict: str) -> None:
    assert judge(question(expect=["cq-11"], branch=expected), said, LABELS).branch == verdict


def test_a_question_without_the_field_says_nothing_of_branches() -> None:
    assert judge(question(expect=["cq-11"]), reply("answer", answer("cq-11", "renamed"))).branch is None
    assert judge(question(branch=None), reply("answer", answer("cq-11", "renamed"))).branch is None


def test_figures_are_shares_by_group_and_kind() -> None:
    judged = [
        Judged(question(expect=["cq-10"], kind="typo"), Verdict.CORRECT, None),
        Judged(question(city=None, expect=["cq-10"], kind="typo"), Verdict.CLARIFIED, None),
        Judged(question(expect=["cq-10"], kind="short"), Verdict.WRONG, BranchVerdict.UNANSWERED),
        Judged(question(expect=["cq-10"], kind="short", context="之前"), Verdict.MISSED, None),
        Judged(question(kind="near_miss"), Verdict.FALSE_ANSWER, None),
        Judged(question(kind="near_miss"), Verdict.DECLINED, None),
    ]
    figures = group_figures(judged)
    assert list(figures) == ["answerable", "answerable_with_city", "follow_up", "unanswerable", "branches"]
    assert figures["answerable"] == {
        "questions": 3,
        "correct": 0.3333,
        "clarified": 0.3333,
        "wrong": 0.3333,
        "missed": 0.0,
        "extra_answer": 0.0,
        "correct_or_clarified": 0.6666,
    }
    assert (figures["answerable_with_city"]["questions"], figures["answerable_with_city"]["correct"]) == (2, 0.5)
    assert figures["unanswerable"] == {"questions": 2, "false_answer": 0.5, "clarified": 0.0, "declined": 0.5}
    assert figures["branches"]["unanswered"] == 1.0
    kinds = kind_figures(judged)
    assert kinds["typo"]["answerable"]["correct_or_clarified"] == 1.0
    assert set(kinds["short"]) == {"answerable", "answerable_with_city", "follow_up", "branches"}


@pytest.mark.parametrize(
    ("fields", "said", "extra"),
    [
        ({"expect": ["cq-10"]}, reply("answer", answer("cq-10"), answer("cq-06")), True),
        ({"expect": ["cq-10"]}, reply("answer", answer("cq-10")), False),
        ({"expect": ["cq-10", "cq-12"]}, reply("answer", answer("cq-10"), answer("cq-12")), False),
        ({"expect": ["cq-10", "cq-12"], "all": True}, reply("answer", answer("cq-10"), answer("cq-06")), False),
        ({"expect": ["cq-10"], "context": "之前"}, reply("answer", answer("cq-10"), answer("cq-06")), False),
    ],
)
def test_a_single_question_taken_for_two_is_counted_though_its_first_answer_is_right(
    fields: dict[str, Any], said: Reply, extra: bool
) -> None:
    judged = judge(question(**fields), said)
    assert (judged.verdict == "correct", judged.extra) == ("all" not in fields, extra)
    assert group_figures([judged]).get("answerable", {}).get("extra_answer", 0) == extra


def test_unanswerable_follow_ups_have_figures_of_their_own() -> None:
    asked = [question("那民办的呢", context="怎么报名"), question("双胞胎能分开报吗")]
    figures = group_figures([judge(asked[0], reply("answer", answer("cq-10"))), judge(asked[1], reply("no_answer"))])
    assert figures["unanswerable"]["false_answer"] == 0.5
    assert figures["unanswerable_follow_up"] == {"questions": 1, "false_answer": 1.0, "clarified": 0.0, "declined": 0.0}


def test_no_question_no_figure() -> None:
    assert group_figures([]) == {}
