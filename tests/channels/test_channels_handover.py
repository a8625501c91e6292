"""Takeover, a person's words and the hand-back over HTTP: who may, what is refused, what the parent sees."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from desk_running import Service
from parent_client import Parent
from staff_client import API, Adviser
from test_channels_events import listening, next_of

from bot.actions.words import Words
from channels.tokens import demo_staff_token
from conversations.audit_listing import looks
from conversations.storage import open_engine

pytestmark = pytest.mark.system
APlace = Callable[..., Parent]
AnAdviser = Callable[..., Adviser]
BACK = Words().say("back_from_person")


@pytest.fixture
def an_adviser(service: Service) -> Iterator[AnAdviser]:
    """Give `an_adviser(parent, role, scope)`: somebody who may take the parent's conversation over."""
    came: list[Adviser] = []

    def come(parent: Parent, role: str = "agent", scope: str = "") -> Adviser:
        came.append(Adviser(service.base, demo_staff_token(service.settings, role, scope), parent.id))
        return came[-1]

    yield come
    for one in came:
        one.close()


def said(parent: Parent) -> list[tuple[str, str]]:
    messages = parent.transcript(parent.opening["last_seq"])["messages"]
    return [(one["author"], one["message"].get("text", one["message"]["type"])) for one in messages]


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_from_takeover_to_hand_back_only_the_person_speaks(a_parent: APlace, an_adviser: AnAdviser) -> None:
    parent = a_parent(city="chongqing")
    agent = an_adviser(parent)
    assert agent.take_over().json() == {"fence": 1}
    seen = parent.transcript()
    assert (seen["owner"], seen["owner_role"]) == ("person", "agent")
    turn = parent.say("刷脸查不到孩子")
    assert (turn.kind, turn.outcome, turn.raw["messages"]) == ("handoff", "person_owns", [])
    assert agent.say("您好，我来帮您看看。").status_code == 200
    assert parent.say("谢谢").raw["messages"] == []
    assert agent.hand_back().json() == {"fence": 2}
    assert said(parent) == [
        ("parent", "刷脸查不到孩子"),
        ("person", "您好，我来帮您看看。"),
        ("parent", "谢谢"),
        ("bot", BACK),
    ]
    assert parent.transcript()["owner"] == "bot"
    assert parent.say("刷脸查不到孩子").entries == ["cq-10"]


def test_button_pressed_during_the_human_stretch_is_kept_as_words_and_not_done(
    a_parent: APlace, an_adviser: AnAdviser
) -> None:
    parent = a_parent(city="chongqing")
    parent.say("刷脸查不到孩子")
    agent = an_adviser(parent)
    agent.take_over()
    turn = parent.press("解决了")
    assert (turn.kind, turn.raw["messages"]) == ("handoff", [])
    assert said(parent)[-1] == ("parent", "解决了")


def test_owner_reads_the_talk_and_nobody_else(a_parent: APlace, an_adviser: AnAdviser) -> None:
    parent = a_parent(city="chongqing")
    parent.say("刷脸查不到孩子")
    agent, other = an_adviser(parent), an_adviser(parent, "city", "chongqing")
    agent.take_over()
    read = [(one["seq"], one["author"], one["message"]) for one in agent.read().json()["messages"]]
    assert read == [(one["seq"], one["author"], one["message"]) for one in parent.transcript()["messages"]]
    last = parent.transcript()["last_seq"]
    parent.say("在吗")
    assert [one["message"]["text"] for one in agent.read(after=last).json()["messages"]] == ["在吗"]
    other.fence = agent.fence
    assert refusal(other.read()) == (409, "stale_fence")
    agent.hand_back()
    assert refusal(agent.read()) == (409, "stale_fence")


def test_old_fence_is_refused_with_what_is_true_now(a_parent: APlace, an_adviser: AnAdviser) -> None:
    parent = a_parent(city="chongqing")
    agent, teacher = an_adviser(parent), an_adviser(parent, "school", "chongqing")
    agent.take_over()
    refused = teacher.take_over()
    assert refusal(refused) == (409, "stale_fence")
    details = refused.json()["error"]["details"]
    assert (details["fence"], details["owner"], details["role"]) == (1, "person", "agent")
    assert teacher.take_over(from_fence=details["fence"]).json() == {"fence": 2}
    for response in (agent.say("还有吗"), agent.hand_back(), agent.take_over(from_fence=1)):
        assert refusal(response) == (409, "stale_fence")
    assert teacher.hand_back().json() == {"fence": 3}
    for response in (teacher.say("还有吗"), teacher.hand_back()):
        assert refusal(response) == (409, "stale_fence")
    assert said(parent) == [("bot", BACK)]


@pytest.mark.parametrize(("role", "scope"), [
    ("agent", "qingdao"),
    ("school", "chongqing/北碚区/示范小学"),
    ("school", "chongqing/渝北区/示范小学"),
    ("district", "chongqing/北碚区"),
    ("city", "qingdao"),
])  # fmt: skip
def test_conversation_of_another_place_reads_like_none(
    a_parent: APlace, an_adviser: AnAdviser, role: str, scope: str
) -> None:
    parent = a_parent(city="chongqing", district="渝北区")
    adviser, unknown = an_adviser(parent, role, scope), an_adviser(parent, role, scope)
    unknown.address = f"{API}/1947f702-c75d-41f1-8cbe-7fa71f04ef06"
    for call in (Adviser.take_over, lambda one: one.say("您好"), Adviser.hand_back, Adviser.read):
        here, nowhere = call(adviser), call(unknown)
        assert refusal(here) == (404, "not_found")
        assert here.json() == nowhere.json()
    assert parent.transcript()["owner"] == "bot"


@pytest.mark.parametrize(("role", "scope"), [
    ("agent", ""),
    ("district", "chongqing/渝北区"),
    ("city", "chongqing"),
])  # fmt: skip
def test_conversation_of_ones_own_place_is_taken_over(
    a_parent: APlace, an_adviser: AnAdviser, role: str, scope: str
) -> None:
    parent = a_parent(city="chongqing", district="渝北区")
    assert an_adviser(parent, role, scope).take_over().status_code == 200
    assert parent.transcript()["owner_role"] == role


def test_conversation_that_has_no_city_yet_is_nobodys_whose_scope_names_one(
    a_parent: APlace, an_adviser: AnAdviser
) -> None:
    parent = a_parent()
    assert an_adviser(parent, "city", "chongqing").take_over().status_code == 404
    assert an_adviser(parent, "agent").take_over().status_code == 200


@pytest.mark.parametrize("role", ["editor", "admin"])
def test_who_does_not_advise_parents_may_not(a_parent: APlace, an_adviser: AnAdviser, role: str) -> None:
    adviser = an_adviser(a_parent(city="chongqing"), role)
    for call in (adviser.take_over, lambda: adviser.say("您好"), adviser.hand_back, adviser.read):
        assert refusal(call()) == (403, "forbidden")


def test_parents_secret_takes_nothing_over(a_parent: APlace) -> None:
    parent = a_parent(city="chongqing")
    assert refusal(parent.http.post(f"{parent.address}/takeover")) == (401, "not_authenticated")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("takeover", {"from_fence": -1}),
        ("takeover", {"from_fence": "x"}),
        ("takeover", {"from_fence": 2**31}),
        ("takeover", {"force": True}),
        ("staff-messages", {}),
        ("staff-messages", {"fence": 1}),
        ("staff-messages", {"fence": 1, "text": ""}),
        ("staff-messages", {"fence": 1, "text": " \u200b "}),
        ("staff-messages", {"fence": 1, "text": "长" * 2001}),
        ("staff-messages", {"fence": 1, "text": "好", "key": ""}),
        ("staff-messages", {"fence": 1, "text": "好", "key": "k" * 65}),
        ("staff-messages", {"fence": 1, "text": "好", "key": "\x00"}),
        ("staff-messages", {"fence": 1, "text": "\ud800"}),
        ("staff-messages", {"fence": 1, "text": "好", "author": "bot"}),
        ("handback", {}),
        ("handback", {"fence": 1.5}),
    ],
)
def test_body_of_another_shape_is_refused(
    a_parent: APlace, an_adviser: AnAdviser, path: str, body: dict[str, Any]
) -> None:
    parent = a_parent(city="chongqing")
    agent = an_adviser(parent)
    agent.take_over()
    response = agent.http.post(
        f"{agent.address}/{path}", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert refusal(response) == (422, "malformed_request")
    assert said(parent) == []


def test_staff_words_are_masked_and_invisible_signs_removed(a_parent: APlace, an_adviser: AnAdviser) -> None:
    parent = a_parent(city="chongqing")
    agent = an_adviser(parent)
    agent.take_over()
    assert agent.say("证件号110101199003071239，\u202e电话13912345678\x00，热线12345").status_code == 200
    text = said(parent)[-1][1]
    assert all(secret not in text for secret in ("110101199003071239", "13912345678", "\u202e", "\x00"))
    assert "12345" in text


def test_call_made_twice_with_one_key_is_said_once(a_parent: APlace, an_adviser: AnAdviser) -> None:
    parent = a_parent(city="chongqing")
    agent = an_adviser(parent)
    agent.take_over()
    first = agent.say("请补传房产证", "k-1")
    assert agent.say("请补传房产证", "k-1").json() == first.json()
    assert refusal(agent.say("别的话", "k-1")) == (409, "conflict")
    agent.hand_back()
    assert agent.say("请补传房产证", "k-1").json() == first.json()
    assert said(parent) == [("person", "请补传房产证"), ("bot", BACK)]


def test_each_takeover_is_in_the_audit_log(service: Service, a_parent: APlace, an_adviser: AnAdviser) -> None:
    parent = a_parent(city="chongqing")
    agent = an_adviser(parent, "district", "chongqing")
    agent.take_over()
    assert refusal(agent.take_over()) == (409, "stale_fence")
    engine = open_engine(service.settings.database)
    mine = [look for look in looks(engine) if look.conversation_id == parent.id]
    engine.dispose()
    assert [(look.role, look.city, look.purpose, look.shown) for look in mine] == [
        ("district", "chongqing", "takeover", ["conversation"])
    ]


def test_parent_hears_live_who_speaks(a_parent: APlace, an_adviser: AnAdviser) -> None:
    parent = a_parent(city="chongqing")
    agent = an_adviser(parent)
    with listening(parent) as events:
        assert next_of(events, "owner").content == {"owner": "bot", "owner_role": None}
        agent.take_over()
        assert next_of(events, "owner").content == {"owner": "person", "owner_role": "agent"}
        agent.say("您好")
        heard = next_of(events, "message").content
        assert (heard["author"], heard["message"]["text"]) == ("person", "您好")
        agent.hand_back()
        assert next_of(events, "owner").content == {"owner": "bot", "owner_role": None}
        assert next_of(events, "message").content["message"]["text"] == BACK


def test_line_that_broke_tells_every_change_of_owner_in_its_place(a_parent: APlace, an_adviser: AnAdviser) -> None:
    parent = a_parent(city="chongqing")
    agent, teacher = an_adviser(parent), an_adviser(parent, "school", "chongqing")
    parent.say("谢谢")
    last = parent.transcript()["last_seq"]
    agent.take_over()
    agent.say("一")
    teacher.take_over(from_fence=1)
    teacher.say("二")
    teacher.hand_back()
    expected = ["person agent", "一", "person school", "二", "bot None", BACK]
    with listening(parent, last=str(last)) as events:
        assert [heard(event.content) for event in until_state(events)] == expected
    with listening(parent, last=str(last + 1)) as events:
        assert [heard(event.content) for event in until_state(events)] == expected[2:]
    with listening(parent, last=str(last + 3)) as events:
        assert [heard(event.content) for event in until_state(events)] == ["bot None"]


def until_state(events: Iterator[Any]) -> Iterator[Any]:
    for event in events:
        if event.event == "state":
            return
        yield event


def heard(content: dict[str, Any]) -> str:
    return content["message"]["text"] if "message" in content else f"{content['owner']} {content['owner_role']}"


def test_of_many_who_take_over_at_once_one_owns(a_parent: APlace, an_adviser: AnAdviser) -> None:
    parent = a_parent(city="chongqing")
    advisers = [an_adviser(parent) for _ in range(6)]
    answers: list[int] = []
    threads = [threading.Thread(target=lambda a=a: answers.append(a.take_over().status_code)) for a in advisers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert sorted(answers) == [200] + 5 * [409]
