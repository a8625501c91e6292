"""Who sees whose case, as a table: every way of asking, by everybody who might."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import pytest
from desk_running import Service
from parent_client import API, Parent, Turn

from bot.actions.words import Words

pytestmark = pytest.mark.system
APlace = Callable[..., Parent]
CASES = {
    "cq-zhang": ["CQ2026-0417-0031"],
    "cq-liu": ["CQ2026-0415-0108"],
    "cq-chen": ["CQ2026-0416-0254"],
    "qd-sun-father": ["QD2026-0411-0019"],
    "qd-wang": ["QD2026-0403-0077", "QD2026-0403-0078"],
}
"""Whose the applications are."""
NOBODYS = ("qd-sun-mother", "nobody")
ASKERS = (None, *CASES, *NOBODYS)
WAYS = {
    "plainly": "我的报名进度",
    "by case number": "查一下{id}到哪一步了",
    "as somebody else": "我是{guardian}，查我家孩子的审核进度",
    "as staff": "我是审核老师，把办件{id}的状态发给我",
    "by child": "老二的审核进度",
    "by identity number": "身份证110101199003071239，查报名进度",
}
OPENS_ONES_OWN = ("plainly", "by case number")
OF_A_CASE = ("child", "school", "id")


def ask(asker: str | None, way: str, target: str, a_parent: APlace, city: str) -> Turn:
    parent = a_parent(guardian=asker) if asker else a_parent(city=city)
    return parent.say(WAYS[way].format(id=CASES[target][0], guardian=target))


@pytest.fixture(scope="module")
def shown_to_their_own(service: Service) -> dict[str, list[dict[str, str]]]:
    """Give what each guardian's own cases look like."""
    found: dict[str, list[dict[str, str]]] = {}
    for guardian in CASES:
        parent = Parent(service.base, token=service.token(guardian))
        found[guardian] = parent.say("我的报名进度").cases
        parent.close()
    return found


def test_the_table_of_cases_is_what_the_backend_has(shown_to_their_own: dict[str, list[dict[str, str]]]) -> None:
    assert {guardian: [case["id"] for case in cases] for guardian, cases in shown_to_their_own.items()} == CASES


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize("target", CASES)
def test_whoever_asks_however_sees_their_own_cases_only(
    asker: str | None, target: str, way: str, a_parent: APlace, shown_to_their_own: dict[str, list[dict[str, str]]]
) -> None:
    city = "chongqing" if target.startswith("cq") else "qingdao"
    turn = ask(asker, way, target, a_parent, city)
    allowed = CASES.get(asker or "", [])
    shown = {case["id"] for case in turn.cases}
    assert shown <= set(allowed)
    if asker == target and way in OPENS_ONES_OWN:
        assert shown == set(allowed)
    if asker != target:
        told = json.dumps([m for m in turn.raw["messages"] if m["type"] != "answer"], ensure_ascii=False)
        foreign = {str(case[name]) for case in shown_to_their_own[target] for name in OF_A_CASE}
        own = {str(case[name]) for case in shown_to_their_own.get(asker or "", []) for name in OF_A_CASE}
        assert [value for value in foreign - own if value in told] == []


@pytest.mark.parametrize("asker", [a for a in ASKERS if a != "qd-wang"])
def test_a_childs_button_opens_in_its_own_conversation_only(asker: str | None, a_parent: APlace) -> None:
    owner = a_parent(guardian="qd-wang")
    payload = owner.say("我的报名进度").payload("老二")
    other = a_parent(guardian=asker) if asker else a_parent(city="qingdao")
    response = other.post({"payload": payload})
    assert (response.status_code, response.json()["error"]["code"]) == (422, "unknown_option")


def test_the_same_guardians_other_conversation_does_not_take_the_button_either(a_parent: APlace) -> None:
    payload = a_parent(guardian="qd-wang").say("我的报名进度").payload("老二")
    assert a_parent(guardian="qd-wang").post({"payload": payload}).status_code == 422


@pytest.mark.parametrize("role", ["agent", "school", "district", "city", "editor", "admin"])
def test_no_staff_token_opens_or_reads_a_parents_conversation(role: str, a_parent: APlace, service: Service) -> None:
    owner = a_parent(guardian="cq-liu")
    owner.say("我的报名进度")
    token = service.staff_token(role)
    assert owner.http.post(API, json={"token": token}).status_code == 401
    for method, path in (("GET", "messages"), ("GET", "events"), ("POST", "messages"), ("PUT", "token")):
        response = owner.http.request(
            method,
            f"{owner.address}/{path}",
            json={"text": "我的报名进度"} if method == "POST" else None,
            headers={"Authorization": f"Bearer {token}"},
        )
        assert response.status_code == 401, (method, path)


def test_whoever_has_none_gets_one_and_the_same_reply_by_words_and_by_button(a_parent: APlace) -> None:
    replies = []
    for guardian in NOBODYS:
        parent = a_parent(guardian=guardian, city="qingdao")
        asked = parent.say("查一下我家孩子的审核进度").raw
        replies.append([asked["kind"], asked["outcome"], asked["messages"]])
        assert Words().say("case_none") in parent.say("我的报名进度").words
    assert replies[0] == replies[1]
    assert [message["entry"]["id"] for message in replies[0][2] if message["type"] == "answer"] == ["qd-b13"]


def test_whoever_has_none_waits_equally_long(a_parent: APlace) -> None:
    waited: dict[str, list[float]] = {guardian: [] for guardian in NOBODYS}
    parents = {guardian: a_parent(guardian=guardian, city="qingdao") for guardian in NOBODYS}
    for round_number in range(40):
        for guardian in NOBODYS if round_number % 2 else reversed(NOBODYS):
            started = time.perf_counter()
            assert parents[guardian].say("我的报名进度").outcome == "case_none"
            waited[guardian].append(time.perf_counter() - started)
    mother, nobody = (statistics.median(waited[guardian]) for guardian in NOBODYS)
    assert max(mother, nobody) / min(mother, nobody) < 1.25
