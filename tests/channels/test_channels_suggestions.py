"""Suggestions for staff: the official entries nearest to what a caller says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from desk_running import Service
from parent_client import Parent

pytestmark = pytest.mark.system
PATH = "/api/v1/suggestions"
NEAR_AND_FAR = ("渝北", "万州区")


@pytest.fixture(scope="module")
def agent(service: Service) -> Iterator[httpx.Client]:
    """Give the client of a hotline agent."""
    headers = {"Authorization": f"Bearer {service.staff_token('agent')}"}
    with httpx.Client(base_url=service.base, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def suggested(agent: httpx.Client, **query: Any) -> dict[str, Any]:
    response = agent.get(PATH, params=query)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert set(body) == {"answerable", "suggestions", "took_ms"}
    for one in body["suggestions"]:
        assert set(one) == {"entry", "confidence", "fit", "applies", "note", "marks", "spoken"}
        assert squeezed("".join(one["spoken"])) == squeezed(one["entry"]["answer"])
        assert one["fit"] in ({"match", "likely", "unsure"} if body["answerable"] else {"likely", "unsure"})
    confidences = [one["confidence"] for one in body["suggestions"]]
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 <= confidence <= 1 for confidence in confidences)
    return body


def squeezed(text: str) -> str:
    return re.sub(r"[\s→]", "", text)


def marked(one: dict[str, Any], where: str) -> set[str]:
    """Return what is marked in `question` or `answer`."""
    return {one["entry"][where][start:end] for start, end in one["marks"][where]}


def ids(body: dict[str, Any]) -> list[str]:
    return [one["entry"]["id"] for one in body["suggestions"]]


def test_the_entry_that_answers_comes_first_whole_and_with_its_source(agent: httpx.Client) -> None:
    body = suggested(agent, q="刷脸查不到孩子", city="chongqing")
    assert body["answerable"] is True
    assert len(body["suggestions"]) == 3
    first = body["suggestions"][0]["entry"]
    assert (first["id"], first["source"]["number"]) == ("cq-10", "10")
    assert "手动新增" in first["answer"]
    assert body["took_ms"] > 0


def test_an_entry_that_the_chat_would_answer_with_is_a_match_and_the_others_are_not(agent: httpx.Client) -> None:
    fits = [one["fit"] for one in suggested(agent, q="刷脸查不到孩子", city="chongqing", limit=5)["suggestions"]]
    assert fits[0] == "match"
    assert fits[-1] == "unsure"
    assert fits == sorted(fits, key=["match", "likely", "unsure"].index)


def test_one_letter_is_never_a_match_however_plainly_it_points(agent: httpx.Client) -> None:
    assert all(one["fit"] != "match" for one in suggested(agent, q="户")["suggestions"])


def test_words_that_the_typed_text_shares_are_marked_in_question_and_answer(agent: httpx.Client) -> None:
    first = suggested(agent, q="刷脸查不到孩子，能手动新增吗", city="chongqing")["suggestions"][0]
    assert "刷脸" in marked(first, "question")
    assert {"手动", "新增"} <= marked(first, "answer") or "手动新增" in marked(first, "answer")
    assert not marked(suggested(agent, q="asdfgh")["suggestions"][0], "answer")


def test_the_part_that_applies_is_named_and_verbatim_where_the_words_decide(agent: httpx.Client) -> None:
    first = suggested(agent, q="手机上怎么进子女信息维护", city="chongqing")["suggestions"][0]
    assert first["entry"]["id"] == "cq-01"
    assert first["applies"]["branch"] == "用手机办理"
    assert first["applies"]["text"] in first["entry"]["answer"]
    assert squeezed("".join(first["applies"]["spoken"])) == squeezed(first["applies"]["text"])
    assert suggested(agent, q="账号注册失败", city="chongqing")["suggestions"][0]["applies"] is None


def test_the_documents_notes_come_with_the_answer_and_the_districts_too(agent: httpx.Client) -> None:
    first = suggested(agent, q="收不到短信验证码", city="qingdao")["suggestions"][0]
    assert "转载内容" in first["note"]
    query = {"q": "刷脸查不到孩子", "city": "chongqing"}
    within, without = (
        suggested(agent, **query, district=name)["suggestions"][0]["note"] for name in ("渝北", "万州区")
    )
    assert "其他区县" not in (within or "")
    assert "其他区县" in without


def test_without_a_city_both_cities_entries_come_labelled(agent: httpx.Client) -> None:
    body = suggested(agent, q="收不到短信验证码，注册不了", limit=10)
    assert {one["entry"]["city"] for one in body["suggestions"]} == {"chongqing", "qingdao"}
    assert all(one["entry"]["id"][:2] == {"chongqing": "cq", "qingdao": "qd"}[one["entry"]["city"]]
               for one in body["suggestions"])  # fmt: skip


@pytest.mark.parametrize("city", ["chongqing", "qingdao"])
def test_with_a_city_the_other_has_no_part(agent: httpx.Client, city: str) -> None:
    body = suggested(agent, q="自动填的地址不对", city=city, limit=10)
    assert {one["entry"]["city"] for one in body["suggestions"]} == {city}


@pytest.mark.parametrize("q", ["明天下雨吗", "asdfgh", "食堂好吃吗"])
def test_the_nearest_come_even_when_none_is_good_enough(agent: httpx.Client, q: str) -> None:
    body = suggested(agent, q=q)
    assert body["answerable"] is False
    assert len(body["suggestions"]) == 3


@pytest.mark.parametrize("q", ["！！！", "", "\u200b", "😀"])
def test_what_has_no_words_is_not_answerable(agent: httpx.Client, q: str) -> None:
    assert suggested(agent, q=q)["answerable"] is False


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_as_many_come_as_are_wanted_each_once(agent: httpx.Client, limit: int) -> None:
    found = ids(suggested(agent, q="户口本", limit=limit))
    assert len(found) == len(set(found)) == limit


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 11}, {"limit": "x"}, {"city": "beijing"}])
def test_what_is_out_of_bounds_is_refused(agent: httpx.Client, query: dict[str, Any]) -> None:
    response = agent.get(PATH, params={"q": "户口本", **query})
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "malformed_request"


def test_q_is_needed(agent: httpx.Client) -> None:
    assert agent.get(PATH).status_code == 422


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_staff_only(service: Service, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = httpx.get(service.base + PATH, params={"q": "户口本"}, headers=headers, trust_env=False)
    assert response.status_code == 401


def test_neither_a_parents_token_nor_a_conversations_secret_opens_it(service: Service) -> None:
    parent = Parent(service.base, city="chongqing")
    for bearer in (service.token("cq-zhang"), parent.secret):
        headers = {"Authorization": f"Bearer {bearer}"}
        response = httpx.get(service.base + PATH, params={"q": "户口本"}, headers=headers, trust_env=False)
        assert response.status_code == 401
    parent.close()
