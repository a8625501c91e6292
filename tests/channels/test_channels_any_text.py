"""Whatever is typed: the turn ends, only our words are said, nothing unasked is answered, and the talk goes on."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import Any

import any_text
import pytest
from desk_running import Service
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from our_words import OurWords
from parent_client import Json, Parent, Turn

from bot.actions.words import Words
from core.outcomes import Kind, Outcome

pytestmark = pytest.mark.system
# Each is answered by itself, whatever came before.
USUAL = {"刷脸查不到孩子": "cq-10", "购房合同传哪几页": "cq-16", "渝快办账号注册失败怎么办": "cq-02"}
DEGRADED = Words().say("degraded")


def bounded(examples: int) -> Any:
    """Return settings by which every run tries the same so many examples."""
    return settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )


@pytest.fixture(scope="module")
def ours(service: Service) -> OurWords:
    return OurWords(service.settings.message_max_chars)


@pytest.fixture(scope="module")
def usual(service: Service) -> dict[str, list[Json]]:
    """Give what each usual question gets as the first of a conversation."""
    found = {}
    for question, entry in USUAL.items():
        with closing(Parent(service.base, city="chongqing")) as parent:
            turn = parent.say(question)
            assert (turn.kind, turn.entries) == ("answer", [entry])
            found[question] = turn.answers
    return found


def told(service: Service, parent: Parent, text: str, ours: OurWords) -> Turn:
    """Send the text as JSON's escapes, which carry anything, and check what is true of every turn."""
    before = parent.opening["last_seq"]
    started = time.monotonic()
    response = parent.http.post(
        f"{parent.address}/messages",
        content=json.dumps({"text": text}).encode(),
        headers={"Content-Type": "application/json"},
    )
    took = time.monotonic() - started
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    turn = Turn(response.json())
    assert turn.kind in set(Kind) - {Kind.ERROR}
    assert Outcome(turn.outcome).kind == turn.kind
    assert (turn.raw["turn"], turn.raw["last_seq"]) == (1, before + 1 + len(turn.raw["messages"]))
    assert ours.foreign_in(turn) == []
    assert DEGRADED not in turn.words, "Rasa or the action failed on this text"
    assert took < service.settings.rasa_timeout
    return turn


def goes_on(parent: Parent, question: str, usual: dict[str, list[Json]]) -> None:
    """Check that the next question of the conversation is answered as usual, and that nothing said is lost."""
    turn = parent.say(question)
    assert turn.answers == usual[question]
    whole = parent.transcript()
    assert whole["city"] == "chongqing"
    said = whole["messages"]
    assert [one["seq"] for one in said] == list(range(1, turn.raw["last_seq"] + 1))
    assert [one["turn"] for one in said if one["author"] == "parent"] == [1, 2]


@bounded(250)
@given(text=any_text.no_question, question=st.sampled_from(sorted(USUAL)))
def test_a_text_that_asks_nothing_gets_no_official_answer(
    service: Service, ours: OurWords, usual: dict[str, list[Json]], text: str, question: str
) -> None:
    with closing(Parent(service.base, city="chongqing")) as parent:
        turn = told(service, parent, text, ours)
        assert turn.kind != "answer"
        assert turn.kind == "handoff" or turn.answers == []
        goes_on(parent, question, usual)


@bounded(250)
@given(text=any_text.anything, question=st.sampled_from(sorted(USUAL)))
def test_any_text_is_taken_and_the_talk_goes_on(
    service: Service, ours: OurWords, usual: dict[str, list[Json]], text: str, question: str
) -> None:
    with closing(Parent(service.base, city="chongqing")) as parent:
        told(service, parent, text, ours)
        goes_on(parent, question, usual)


@bounded(60)
@given(text=any_text.long, question=st.sampled_from(sorted(USUAL)))
def test_any_long_text_is_taken_and_the_talk_goes_on(
    service: Service, ours: OurWords, usual: dict[str, list[Json]], text: str, question: str
) -> None:
    with closing(Parent(service.base, city="chongqing")) as parent:
        told(service, parent, text, ours)
        goes_on(parent, question, usual)
