"""The HTTP API for parents, as other programs rely on it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import pytest
from desk_running import Service
from parent_client import API, Parent

pytestmark = pytest.mark.system
APlace = Callable[..., Parent]
OPTION = {"label", "payload", "entry_id", "city"}
ENTRY = {"id", "city", "question", "answer", "source"}
SOURCE = {"document", "publisher", "official", "year", "batch", "number"}
APPLICATION = {
    "id", "city", "child", "state", "since", "school", "problems", "window_open", "next", "as_of",
    "order", "timeline", "window_closes", "then",
    "meaning", "official_quote",
}  # fmt: skip


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    """Give a client that has no conversation."""
    with httpx.Client(base_url=service.base, timeout=30, trust_env=False) as client:
        yield client


def check_error(response: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """Check the one shape of errors, and return the error."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json"), response.text
    body = response.json()
    assert list(body) == ["error"]
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["message"]
    assert isinstance(body["error"]["details"], dict)
    if code:
        assert body["error"]["code"] == code
    error: dict[str, Any] = body["error"]
    return error


def test_a_conversation_opens_with_id_secret_and_what_is_known(a_parent: APlace) -> None:
    opening = a_parent(city="chongqing", district="北碚区", stage="小升初").opening
    assert (opening["city"], opening["district"], opening["stage"]) == ("chongqing", "北碚区", "小升初")
    assert opening["signed_in"] is False
    assert len(opening["secret"]) >= 32
    assert [said["seq"] for said in opening["messages"]] == list(range(1, opening["last_seq"] + 1))


def test_two_conversations_share_nothing(a_parent: APlace) -> None:
    one, other = a_parent(city="chongqing"), a_parent(city="chongqing")
    assert one.id != other.id
    assert one.secret != other.secret


def test_a_turn_has_the_shape_that_was_agreed(a_parent: APlace) -> None:
    raw = a_parent(city="chongqing").say("给孩子填信息是在手机上弄吗").raw
    assert set(raw) == {"turn", "kind", "outcome", "intent", "confidence", "messages", "last_seq"}
    assert (raw["turn"], raw["kind"]) == (1, "answer")
    assert set(raw["intent"]) == {"name", "confidence"}
    assert 0 <= raw["confidence"] <= 1
    answer = raw["messages"][0]
    assert set(answer) == {"type", "confidence", "applies", "note", "entry"}
    assert set(answer["applies"]) == {"branch", "text"}
    assert set(answer["entry"]) == ENTRY
    assert set(answer["entry"]["source"]) == SOURCE


def test_options_have_label_and_an_opaque_payload(a_parent: APlace) -> None:
    raw = a_parent().say("刷脸查不到孩子").raw
    (asked,) = [message for message in raw["messages"] if message["type"] == "options"]
    assert set(asked) == {"type", "text", "purpose", "options"}
    for option in asked["options"]:
        assert set(option) == OPTION
        assert re.fullmatch(r"[\w-]{12,}", option["payload"])
        assert option["city"] not in option["payload"]


def test_a_case_has_the_shape_that_was_agreed(a_parent: APlace) -> None:
    case = a_parent(guardian="cq-liu").say("我的报名进度").cases[0]
    assert set(case) == APPLICATION
    assert set(case["problems"][0]) == {"item", "reason"}
    assert set(case["official_quote"]) == {"entry_id", "text", "source", "note"}
    for moment in (case["since"], case["as_of"]):
        assert datetime.fromisoformat(moment).tzinfo is not None


def test_words_have_type_and_text_only(a_parent: APlace) -> None:
    raw = a_parent(city="chongqing").say("谢谢").raw
    assert raw["kind"] == "small_talk"
    assert [set(message) for message in raw["messages"]] == [{"type", "text"}]


@pytest.mark.parametrize("method_path", ["POST /messages", "GET /messages", "GET /events", "PUT /token"])
def test_without_the_secret_nothing_opens_and_nothing_is_told_apart(
    a_parent: APlace, http: httpx.Client, method_path: str
) -> None:
    parent = a_parent(city="chongqing")
    method, path = method_path.split(" ")
    body = {"POST": {"text": "你好"}, "PUT": {"token": "x"}}.get(method)

    def call(conversation: str, headers: dict[str, str]) -> httpx.Response:
        return http.request(method, f"{API}/{conversation}{path}", json=body, headers=headers)

    check_error(call(parent.id, {}), 401, "not_authenticated")
    check_error(call(parent.id, {"Authorization": "Basic eDp5"}), 401, "not_authenticated")
    other = {"Authorization": f"Bearer {a_parent(city='chongqing').secret}"}
    wrong, unknown = call(parent.id, other), call("00000000-0000-4000-8000-000000000000", other)
    check_error(wrong, 401, "not_authenticated")
    assert wrong.json() == unknown.json() == call("no-such-id", other).json()
    in_address = http.request(method, f"{API}/{parent.id}{path}", params={"secret": parent.secret}, json=body)
    check_error(in_address, 401, "not_authenticated")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "你好", "payload": "x"},
        {"text": None, "payload": None},
        {"text": 5},
        {"text": ["你好"]},
        {"text": "你好", "more": 1},
        {"payload": {"do": "person"}},
        [],
        "你好",
        {"text": "好" * 20_001},
        {"payload": "x" * 201},
    ],
)
def test_a_malformed_message_is_refused(a_parent: APlace, body: Any) -> None:
    parent = a_parent(city="chongqing")
    check_error(parent.http.post(f"{parent.address}/messages", json=body), 422)
    assert parent.transcript()["last_seq"] == parent.opening["last_seq"]


@pytest.mark.parametrize(
    "body", [{"city": "beijing"}, {"stage": "高中"}, {"district": "x" * 41}, {"guardian": "cq-zhang"}, {"city": 5}, []]
)
def test_a_malformed_opening_is_refused(http: httpx.Client, body: Any) -> None:
    check_error(http.post(API, json=body), 422)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"text": "\xff"}', b"[" * 5000])
def test_what_is_not_json_is_refused(a_parent: APlace, content: bytes) -> None:
    parent = a_parent(city="chongqing")
    headers = {"Content-Type": "application/json"}
    check_error(parent.http.post(f"{parent.address}/messages", content=content, headers=headers), 422)


def test_a_payload_that_was_not_offered_here_is_unknown(a_parent: APlace) -> None:
    other, parent = a_parent(), a_parent()
    theirs = other.say("刷脸查不到孩子").payload("重庆")
    for payload in (theirs, "cq-10", '{"do":"person"}', "/restart", "' OR 1=1 --", "\u0000"):
        check_error(parent.post({"payload": payload}), 422, "unknown_option")
    assert parent.transcript()["last_seq"] == parent.opening["last_seq"]
    assert parent.say("刷脸查不到孩子").raw["turn"] == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no-such-page", 404),
        ("GET", "/api/v1/no-such-thing", 404),
        ("DELETE", API, 405),
        ("PUT", "/healthz", 405),
        ("GET", "/internal/actions", 405),
        ("POST", "/internal/actions", 401),
        ("GET", "/demo?city=beijing", 422),
        ("GET", "/widget/static/0/main.js", 404),
        ("GET", "/api/v1/suggestions?q=x", 401),
    ],
)
def test_errors_have_one_shape_everywhere(http: httpx.Client, method: str, path: str, status: int) -> None:
    check_error(http.request(method, path), status)


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=99999999999999999999999"])
def test_a_wrong_after_is_refused(a_parent: APlace, query: str) -> None:
    parent = a_parent(city="chongqing")
    check_error(parent.http.get(f"{parent.address}/messages?{query}"), 422)


def test_everything_said_can_be_read_again_from_any_place_on(a_parent: APlace) -> None:
    parent = a_parent(city="chongqing")
    turn = parent.say("刷脸查不到孩子")
    whole = parent.transcript()
    said = whole["messages"]
    assert [one["seq"] for one in said] == list(range(1, whole["last_seq"] + 1))
    assert set(said[-1]) == {"seq", "turn", "author", "at", "message"}
    assert whole["last_seq"] == turn.raw["last_seq"]
    spoken = [one for one in said if one["turn"] == 1]
    assert [one["author"] for one in spoken] == ["parent"] + ["bot"] * (len(spoken) - 1)
    assert spoken[0]["message"] == {"type": "text", "text": "刷脸查不到孩子"}
    assert [one["message"] for one in spoken[1:]] == turn.raw["messages"]
    after = spoken[0]["seq"]
    assert parent.transcript(after)["messages"] == spoken[1:]
    assert parent.transcript(whole["last_seq"])["messages"] == []


def test_a_pressed_button_is_kept_as_its_label(a_parent: APlace) -> None:
    parent = a_parent()
    parent.say("刷脸查不到孩子")
    parent.press("重庆")
    mine = [one["message"]["text"] for one in parent.transcript()["messages"] if one["author"] == "parent"]
    assert mine == ["刷脸查不到孩子", "重庆（渝快办）"]


def test_messages_sent_at_once_are_all_answered_and_none_is_lost(a_parent: APlace) -> None:
    parent = a_parent(city="chongqing")
    asked = {"刷脸查不到孩子": "cq-10", "渝快办账号注册失败怎么办": "cq-02", "购房合同传哪几页": "cq-16"}
    with ThreadPoolExecutor(3) as pool:
        turns = [response.json() for response in pool.map(lambda text: parent.post({"text": text}), asked)]
    assert sorted(turn["turn"] for turn in turns) == [1, 2, 3]
    assert [turn["messages"][0]["entry"]["id"] for turn in turns] == list(asked.values())
    said = parent.transcript()["messages"]
    assert [one["seq"] for one in said] == list(range(1, len(said) + 1))
    assert [one["turn"] for one in said] == sorted(one["turn"] for one in said)


def test_a_message_in_many_forms_of_the_same_characters_is_one_question(a_parent: APlace) -> None:
    parent = a_parent(city="chongqing")
    for text in ("刷臉查不到孩子", " 刷脸查不到孩子？？ ", "刷\u200b脸查不到孩子", "刷脸查不到孩子\n\n谢谢"):
        assert parent.say(text).entries == ["cq-10"], text


def test_the_openapi_description_names_the_calls(http: httpx.Client) -> None:
    assert http.get("/docs").status_code == 200
    paths = http.get("/openapi.json").json()["paths"]
    assert {API, f"{API}/{{conversation_id}}/messages", "/api/v1/suggestions", "/readyz"} <= set(paths)
    assert "/internal/actions" not in paths


def test_the_service_is_alive_and_ready(http: httpx.Client) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}
    ready = http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "ok"


@pytest.mark.parametrize("headers", [{}, {"X-Helpdesk-Secret": ""}, {"X-Helpdesk-Secret": "wrong"}])
def test_the_action_webhook_opens_to_its_secret_only(http: httpx.Client, headers: dict[str, str]) -> None:
    call = {"next_action": "action_show_case", "tracker": {}, "domain": {}}
    check_error(http.post("/internal/actions", json=call, headers=headers), 401)


@pytest.mark.parametrize("text", ["孩子\ud83d", "\ud800", "刷脸\udc00查不到孩子"])
def test_half_a_character_is_no_server_error(a_parent: APlace, text: str) -> None:
    parent = a_parent(city="chongqing")
    content = json.dumps({"text": text}).encode()
    response = parent.http.post(
        f"{parent.address}/messages", content=content, headers={"Content-Type": "application/json"}
    )
    assert response.status_code in (200, 422), response.text
    assert parent.say("刷脸查不到孩子").entries == ["cq-10"]
