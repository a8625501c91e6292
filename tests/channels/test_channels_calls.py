"""The calls' API: who may, what is refused, and a call from its first word to its result."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from desk_running import Service, running_app

from channels.hotline.choices import ticket_words
from channels.tokens import demo_staff_token

pytestmark = pytest.mark.system
CALLS = "/api/v1/calls"
Client = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give the HTTP service with a database of its own."""
    with running_app(tmp_path_factory.mktemp("calls")) as running:
        yield running


@pytest.fixture
def agent(app: Service) -> Iterator[httpx.Client]:
    """Give a hotline agent who has no call open."""
    headers = {"Authorization": f"Bearer {app.staff_token('agent')}"}
    with httpx.Client(base_url=app.base, headers=headers, timeout=30, trust_env=False) as client:
        yield client
        left = client.get(f"{CALLS}/open").json()["call"]
        if left:
            assert client.post(f"{CALLS}/{left['id']}/end", json={"result": "dropped"}).status_code == 200


def started(agent: httpx.Client, **known: Any) -> dict[str, Any]:
    response = agent.post(CALLS, json=known)
    assert response.status_code == 201, response.text
    call: dict[str, Any] = response.json()
    return call


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def handed_over(agent: httpx.Client, call: dict[str, Any], **more: str) -> dict[str, Any]:
    response = agent.post(f"{CALLS}/{call['id']}/escalate", json=more or None)
    assert response.status_code == 200, response.text
    handed: dict[str, Any] = response.json()
    return handed


def ticket_of(agent: httpx.Client, handed: dict[str, Any]) -> dict[str, Any]:
    ticket: dict[str, Any] = agent.get(f"/api/v1/tickets/{handed['ticket']['id']}").json()
    return ticket


def said(ticket: dict[str, Any]) -> list[str]:
    return [message["text"] for message in ticket["messages"]]


def an_event(kind: str = "told", **other: Any) -> dict[str, Any]:
    return {"key": str(uuid.uuid4()), "kind": kind, "entry_id": "cq-10", "question": "刷脸查不到孩子", **other}


def test_a_call_from_its_first_word_to_its_result(agent: httpx.Client) -> None:
    call = started(agent, city="chongqing", district="重庆市彭水苗族土家族自治县")
    address = f"{CALLS}/{call['id']}"
    assert call["district"] == "彭水县"
    assert agent.get(f"{CALLS}/open").json()["call"]["id"] == call["id"]
    events = [an_event(kind) for kind in ("displayed", "chosen", "copied", "told", "wrong")]
    assert agent.post(f"{address}/events", json={"events": events}).status_code == 200
    assert agent.patch(address, json={"note": "请回电13812345678"}).json()["note"] == "请回电[手机号]"
    ended = agent.post(f"{address}/end", json={"result": "answered"}).json()
    assert ended["result"] == "answered"
    assert ended["ended_at"] is not None
    assert ended["questions"] == ["刷脸查不到孩子"]
    assert [event["kind"] for event in ended["events"]] == [event["kind"] for event in events]
    assert agent.get(f"{CALLS}/open").json() == {"call": None}
    assert agent.get(address).json() == ended
    assert ended in agent.get(CALLS).json()["calls"]


def test_a_call_is_handed_over_as_one_ticket_with_what_was_asked_noted_and_answered(agent: httpx.Client) -> None:
    call = started(agent, city="chongqing", district="渝北区")
    address = f"{CALLS}/{call['id']}"
    agent.post(f"{address}/events", json={"events": [an_event("displayed"), an_event("told")]})
    agent.patch(address, json={"note": "家长说试了三次，回电13812345678"})
    handed = handed_over(agent, call)
    assert handed["call"]["escalated_at"] is not None
    assert handed["ticket"]["team"]
    assert handed["ticket"]["due_at"] > handed["ticket"]["created_at"]
    again = handed_over(agent, call)
    assert again["call"]["escalated_at"] == handed["call"]["escalated_at"]
    assert (again["ticket"]["id"], again["ticket"]["version"]) == (handed["ticket"]["id"], handed["ticket"]["version"])
    ticket = ticket_of(agent, handed)
    assert said(ticket) == ["来电咨询：刷脸查不到孩子\n坐席备注：家长说试了三次，回电[手机号]"]
    assert (ticket["city"], ticket["district"], ticket["call_id"]) == ("chongqing", "渝北区", call["id"])
    assert ticket["entry_id"] == an_event("told")["entry_id"]


def test_a_call_without_a_city_is_neither_marked_nor_handed_over_until_the_city_is_known(agent: httpx.Client) -> None:
    call = started(agent)
    address = f"{CALLS}/{call['id']}"
    assert error(agent.post(f"{address}/escalate")) == (409, "city_unknown")
    unmarked = agent.get(address).json()
    assert (unmarked["escalated_at"], unmarked["ticket"]) == (None, None)
    agent.patch(address, json={"city": "qingdao"})
    handed = handed_over(agent, call)
    assert handed["ticket"]["city"] == "qingdao"
    for shown in (handed["call"], agent.get(address).json(), agent.get(CALLS).json()["calls"][0]):
        assert shown["ticket"] == handed["ticket"]["number"]


def test_what_stands_in_the_box_is_handed_over_and_what_comes_later_is_added(agent: httpx.Client) -> None:
    call = started(agent, city="chongqing", district="渝北区")
    address = f"{CALLS}/{call['id']}"
    handed = handed_over(agent, call, question="刷脸查不到，电话13812345678")
    agent.patch(address, json={"note": "家长说试了三次"})
    assert handed_over(agent, call)["ticket"]["number"] == handed["ticket"]["number"]
    agent.post(f"{address}/events", json={"events": [an_event("displayed", question="要带什么材料")]})
    agent.post(f"{address}/end", json={"result": "escalated"})
    agent.post(f"{address}/end", json={"result": "called_back"})
    ticket = ticket_of(agent, handed)
    assert said(ticket) == ["来电咨询：刷脸查不到，电话[手机号]", "坐席备注：家长说试了三次", "来电咨询：要带什么材料"]
    assert [message["kind"] for message in ticket["messages"]] == ["question", "note", "note"]


def test_a_call_handed_over_before_anything_was_recorded_says_so_once(agent: httpx.Client) -> None:
    handed = handed_over(agent, started(agent, city="qingdao"))
    assert said(ticket_of(agent, handed)) == [ticket_words()["nothing"]]


@pytest.mark.parametrize(
    ("deeds", "entry"),
    [
        ([("told", "cq-10"), ("wrong", "cq-11")], "cq-10"),
        ([("told", "cq-11"), ("copied", "cq-10"), ("wrong", "cq-10")], "cq-11"),
        ([("told", "cq-10"), ("wrong", "cq-10"), ("told", "cq-10")], "cq-10"),
        ([("told", "cq-10"), ("chosen", "cq-11")], "cq-10"),
        ([("displayed", "cq-10"), ("chosen", "cq-10"), ("wrong", "cq-10")], None),
        ([("told", "cq-10"), ("told", "qd-b03")], "cq-10"),
    ],
)
def test_only_an_answer_that_was_given_and_not_called_wrong_leads_the_ticket(
    agent: httpx.Client, deeds: list[tuple[str, str]], entry: str | None
) -> None:
    call = started(agent, city="chongqing", district="渝北区")
    events = [an_event(kind, entry_id=entry_id) for kind, entry_id in deeds]
    agent.post(f"{CALLS}/{call['id']}/events", json={"events": events})
    assert handed_over(agent, call)["ticket"]["entry_id"] == entry


def test_a_school_that_the_caller_named_gets_the_ticket_if_its_district_is_known(agent: httpx.Client) -> None:
    call = started(agent, city="chongqing")
    address = f"{CALLS}/{call['id']}"
    assert error(agent.post(f"{address}/escalate", json={"school": "实验小学"})) == (422, "malformed_request")
    assert agent.get(address).json()["escalated_at"] is None
    agent.patch(address, json={"district": "渝北区"})
    ticket = handed_over(agent, call, school="实验小学")["ticket"]
    assert (ticket["level"], ticket["district"], ticket["school"]) == ("school", "渝北区", "实验小学")


def test_control_characters_are_dropped_from_what_was_typed(agent: httpx.Client) -> None:
    call = started(agent, city="qingdao")
    address = f"{CALLS}/{call['id']}"
    assert agent.patch(address, json={"note": "一\x00二\x07\n三"}).json()["note"] == "一二\n三"
    asked = agent.post(f"{address}/events", json={"events": [an_event(question="刷\x00脸")]}).json()
    assert asked["questions"] == ["刷脸"]


def test_a_call_is_not_handed_over_out_of_the_agents_scope(app: Service) -> None:
    token = demo_staff_token(app.settings, "agent", "qingdao/市南区")
    with httpx.Client(base_url=app.base, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as agent:
        call = started(agent, city="chongqing")
        refused = agent.post(f"{CALLS}/{call['id']}/escalate")
        assert error(refused) == (404, "not_found")
        assert agent.get(f"{CALLS}/{call['id']}").json()["escalated_at"] is None
        agent.post(f"{CALLS}/{call['id']}/end", json={"result": "dropped"})


def test_a_second_call_is_refused_and_the_first_named(agent: httpx.Client) -> None:
    call = started(agent)
    refused = agent.post(CALLS, json={})
    assert error(refused) == (409, "call_open")
    assert refused.json()["error"]["details"] == {"call_id": call["id"]}


def test_a_start_and_an_event_may_be_sent_twice(agent: httpx.Client) -> None:
    wanted = str(uuid.uuid4())
    assert [started(agent, id=wanted)["id"] for _ in range(2)] == [wanted, wanted]
    body = {"events": [an_event()]}
    assert [len(agent.post(f"{CALLS}/{wanted}/events", json=body).json()["events"]) for _ in range(2)] == [1, 1]


def test_a_city_can_be_taken_back(agent: httpx.Client) -> None:
    call = started(agent, city="qingdao", district="市北区")
    changed = agent.patch(f"{CALLS}/{call['id']}", json={"city": None, "district": None}).json()
    assert (changed["city"], changed["district"]) == (None, None)


def test_another_agents_call_is_not_there(app: Service, agent: httpx.Client) -> None:
    call = started(agent)
    other = {"Authorization": f"Bearer {demo_staff_token(app.settings, 'agent', 'qingdao')}"}
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"note": "x"}),
        ("POST", "/events", {"events": [an_event()]}),
        ("POST", "/end", {"result": "dropped"}),
        ("POST", "/escalate", None),
    ):
        response = agent.request(method, f"{CALLS}/{call['id']}{path}", json=body, headers=other)
        assert error(response) == (404, "not_found"), (method, path)
    assert agent.get(CALLS, headers=other).json()["calls"] == []
    assert agent.get(f"{CALLS}/open", headers=other).json() == {"call": None}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", {"city": "beijing"}),
        ("", {"id": "x"}),
        ("", {"staff": "somebody"}),
        ("/events", {"events": []}),
        ("/events", {"events": [an_event(kind="seen")]}),
        ("/events", {"events": [an_event(key="short")]}),
        ("/events", {"events": [an_event(entry_id="cq-99")]}),
        ("/events", {"events": [an_event(ago_ms=-1)]}),
        ("/end", {"result": "won"}),
        ("/end", {}),
    ],
)
def test_what_is_malformed_is_refused(agent: httpx.Client, path: str, body: dict[str, Any]) -> None:
    address = f"{CALLS}/{started(agent)['id']}{path}" if path else CALLS
    assert error(agent.post(address, json=body)) == (422, "malformed_request")


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01"])
def test_a_day_must_be_one(agent: httpx.Client, day: str) -> None:
    assert error(agent.get(CALLS, params={"day": day})) == (422, "malformed_request")


def test_another_day_has_other_calls(agent: httpx.Client) -> None:
    started(agent)
    assert agent.get(CALLS, params={"day": "2020-01-01"}).json() == {"day": "2020-01-01", "calls": []}


@pytest.mark.parametrize("role", ["school", "district", "city", "editor", "admin"])
def test_only_agents_have_calls(app: Service, agent: httpx.Client, role: str) -> None:
    headers = {"Authorization": f"Bearer {app.staff_token(role)}"}
    for method, path in (("POST", CALLS), ("GET", CALLS), ("GET", f"{CALLS}/open"), ("GET", f"{CALLS}/{uuid.uuid4()}")):
        assert error(agent.request(method, path, headers=headers)) == (403, "forbidden"), (method, path)


def test_without_a_token_nothing_is_told(app: Service) -> None:
    assert httpx.get(app.base + CALLS, trust_env=False).status_code == 401
