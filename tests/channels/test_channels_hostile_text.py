"""What is meant to harm, noise and very long messages: no server error, no answer, no command."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from any_text import HOSTILE
from desk_running import Service
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parent_client import Parent, Turn

pytestmark = pytest.mark.system
BOUNDED = settings(
    max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
NOISE = {
    "control": [chr(code) for code in (*range(1, 32), *range(127, 160))],
    "zero width": list("\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\u2066"),
    "emoji": list("😀😭👍🙏🏫👨‍👩‍👧❤️🇨🇳🔥"),
    "punctuation": list("，。？！、；：“”（）《》…—·~!?.,;:'\"()[]{}<>/\\|@#$%^&*_+-="),
    "white space": list(" \t\n\r\u00a0\u3000\u2028\u2029"),
    "marks": list("\u0301\u0300\u0327\u20dd\u0488"),
}


@pytest.fixture(scope="module")
def parent(service: Service) -> Iterator[Parent]:
    """Give a parent who says everything in one conversation."""
    parent = Parent(service.base, city="chongqing")
    yield parent
    parent.close()


def told(parent: Parent, text: str) -> Turn:
    """Send the text as JSON's escapes, which carry anything."""
    response = parent.http.post(
        f"{parent.address}/messages",
        content=json.dumps({"text": text}).encode(),
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 200, (text, response.text)
    turn = Turn(response.json())
    assert turn.kind != "error", text
    return turn


@BOUNDED
@given(data=st.data(), kind=st.sampled_from(sorted(NOISE)))
def test_noise_is_never_answered(parent: Parent, data: st.DataObject, kind: str) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from(NOISE[kind]), max_size=60)))
    # A lone picture is a nod and gets a courtesy; it never gets an answer.
    assert told(parent, text).kind in ("refused", *(["small_talk"] if kind == "emoji" else [])), (kind, text)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_meant_to_harm_is_not_answered(service: Service, text: str) -> None:
    parent = Parent(service.base, city="chongqing")
    turn = told(parent, text)
    assert turn.kind != "answer"
    assert turn.cases == []
    assert parent.say("刷脸查不到孩子").entries == ["cq-10"]
    parent.close()


@pytest.mark.parametrize("size", [501, 4_000, 20_000])
def test_a_very_long_message_is_refused_kindly(parent: Parent, size: int) -> None:
    turn = told(parent, "刷脸查不到孩子" * (size // 7 + 1)) if size < 15_000 else told(parent, "好" * size)
    assert turn.kind == "refused"
    assert "500" in turn.words


def test_the_longest_message_is_read(parent: Parent) -> None:
    text = ("刷脸查不到孩子。" + "孩子今年六岁，我们很着急。" * 60)[:500]
    assert told(parent, text).kind != "refused"


def test_after_all_that_the_history_is_whole(parent: Parent) -> None:
    assert parent.say("刷脸查不到孩子").entries == ["cq-10"]
    said = parent.transcript()["messages"]
    assert [one["seq"] for one in said] == list(range(1, len(said) + 1))
