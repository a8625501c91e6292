"""Several children: each is shown, one is chosen by words or by a button, and the choice is remembered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from parent_client import Parent, Turn

from bot.actions.words import Words

pytestmark = pytest.mark.system
APlace = Callable[..., Parent]
FIRST, SECOND = "审核通过", "已录取"


def states(turn: Turn) -> list[str]:
    assert turn.kind == "case", turn.raw
    return [str(case["state"]) for case in turn.cases]


@pytest.fixture
def wang(a_parent: APlace) -> Parent:
    """Give the parent of twins, who has asked for the progress."""
    parent = a_parent(guardian="qd-wang")
    assert states(parent.say("我的报名进度")) == [FIRST, SECOND]
    return parent


def test_each_child_is_told_by_order_masked_name_and_state(a_parent: APlace) -> None:
    turn = a_parent(guardian="qd-wang").say("我的报名进度")
    assert [(case["order"], case["child"][-1], case["state"]) for case in turn.cases] == [
        ("老大", "*", FIRST),
        ("老二", "*", SECOND),
    ]
    assert all(message["brief"] for message in turn.raw["messages"] if message["type"] == "case")
    assert [label.split(" ")[0] for label in turn.labels] == ["老大", "老二"]


def test_an_only_child_has_no_order(a_parent: APlace) -> None:
    assert a_parent(guardian="cq-zhang").say("我的报名进度").cases[0]["order"] is None


@pytest.mark.parametrize(
    ("words", "state"),
    [("老二的呢", SECOND), ("小的那个", SECOND), ("老大呢", FIRST), ("第二个", SECOND), ("大的那个审核过了没", FIRST)],
)
def test_the_named_child_is_shown(wang: Parent, words: str, state: str) -> None:
    assert states(wang.say(words)) == [state]


def test_the_chosen_child_is_remembered_until_another_is_named(wang: Parent) -> None:
    assert states(wang.say("老二的呢")) == [SECOND]
    assert states(wang.say("我的报名进度")) == [SECOND]
    assert states(wang.say("老大的呢")) == [FIRST]
    assert states(wang.say("帮我查一下审核到哪一步了")) == [FIRST]


def test_a_child_chosen_by_its_button_is_remembered_too(wang: Parent) -> None:
    assert states(wang.press("老二")) == [SECOND]
    assert states(wang.say("我的报名进度")) == [SECOND]


def test_beside_the_chosen_child_the_others_are_offered(wang: Parent) -> None:
    turn = wang.say("老二的呢")
    assert [label.split(" ")[0] for label in turn.labels] == ["老大"]
    assert states(wang.press("老大")) == [FIRST]


@pytest.mark.parametrize("words", ["两个孩子的报名进度", "双胞胎的审核进度都查一下"])
def test_both_are_shown_again_when_asked_for(wang: Parent, words: str) -> None:
    assert states(wang.say("老二的呢")) == [SECOND]
    assert states(wang.say(words)) == [FIRST, SECOND]


def test_a_child_that_has_no_application_is_said_not_to_be_found(wang: Parent) -> None:
    turn = wang.say("老三的呢")
    assert Words().say("case_no_such_child") in turn.words
    assert states(turn) == [FIRST, SECOND]


def test_the_choice_does_not_reach_another_conversation(wang: Parent, a_parent: APlace) -> None:
    assert states(wang.say("老二的呢")) == [SECOND]
    assert states(a_parent(guardian="qd-wang").say("我的报名进度")) == [FIRST, SECOND]


def test_a_question_in_between_is_answered_and_the_choice_holds(wang: Parent) -> None:
    assert states(wang.say("老二的呢")) == [SECOND]
    assert wang.say("审核通过了就是录取了吗").entries == ["qd-c02"]
    assert states(wang.say("我的报名进度")) == [SECOND]
