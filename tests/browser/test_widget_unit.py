"""The chat's page alone, in a real browser: its scripts against ten lines of API, no server and no network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, Route, sync_playwright

from channels.widget.routes import make_router
from core.settings import Settings
from knowledge.loader import load_knowledge

ORIGIN = "http://widget.test"
AT = "2025-05-06T08:00:00+08:00"
API = "/api/v1/conversations"

pytestmark = pytest.mark.browser


class FakeApi:
    """Answers each text with what was set; records what was sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.replies: dict[str, list[dict[str, Any]]] = {}
        self.status = 200

    def handle(self, route: Route) -> None:
        request = route.request
        path = request.url.removeprefix(ORIGIN + API)
        if path.endswith("/events") or self.status == 0:
            route.abort()
        elif request.method == "GET":
            route.fulfill(json={"city": None, "owner": "bot", "last_seq": 0, "messages": []})
        elif path == "":
            said = {"seq": 1, "turn": 0, "author": "bot", "at": AT, "message": {"type": "text", "text": "您好"}}
            route.fulfill(status=201, json={"conversation_id": "c", "secret": "s", "city": None, "messages": [said]})
        elif self.status != 200:
            error = {"error": {"code": "too_many_requests", "message": "", "details": {}}}
            route.fulfill(status=self.status, json=error, headers={"Retry-After": "7"})
        else:
            body = json.loads(request.post_data or "{}")
            self.sent.append(body)
            messages = self.replies.get(body.get("text", ""), [])
            route.fulfill(json={"turn": len(self.sent), "messages": messages, "last_seq": 0})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def page(browser: Browser, api: FakeApi) -> Iterator[Page]:
    app = FastAPI()
    app.include_router(make_router(Settings()))
    client = TestClient(app, base_url=ORIGIN)

    def serve(route: Route) -> None:
        response = client.get(route.request.url)
        route.fulfill(status=response.status_code, body=response.content, headers=dict(response.headers))

    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="zh-CN")
    context.route("**/*", serve)
    context.route(f"**{API}**", api.handle)
    page = context.new_page()
    page.goto(ORIGIN + "/widget")
    page.wait_for_selector(".said")
    yield page
    context.close()


def say(page: Page, text: str) -> None:
    page.fill(".js-text", text)
    page.press(".js-text", "Enter")
    page.wait_for_selector(".js-send:not([disabled])")


def squeezed(text: str) -> str:
    return re.sub(r"[\s→]", "", text)


def test_every_answer_is_laid_out_with_its_words_unchanged(page: Page, api: FakeApi) -> None:
    source = {"document": "d", "publisher": "p", "official": True, "number": "1"}
    for entry in load_knowledge().entries.values():
        shown = {"id": entry.id, "question": entry.question, "answer": entry.answer, "source": source}
        api.replies[entry.id] = [{"type": "answer", "confidence": 1, "note": None, "applies": None, "entry": shown}]
        say(page, entry.id)
        text = page.locator(".js-answer-text").last.text_content() or ""
        assert squeezed(text) == squeezed(entry.answer), entry.id


def test_what_people_write_is_text_never_markup(page: Page, api: FakeApi) -> None:
    words = "<img src=x onerror=alert(1)>"
    api.replies[words] = [{"type": "text", "text": words}]
    say(page, words)
    assert page.locator(".js-log img").count() == 0
    assert page.locator(".bubble").last.text_content() == words


@pytest.mark.parametrize(("status", "told"), [(0, "网络不通"), (429, "7 秒"), (500, "没有成功")])
def test_a_failure_keeps_what_was_typed_and_retry_sends_it(page: Page, api: FakeApi, status: int, told: str) -> None:
    api.status = status
    say(page, "刷脸查不到孩子")
    assert told in (page.text_content(".js-notice-text") or "")
    assert page.input_value(".js-text") == "刷脸查不到孩子"
    api.status = 200
    page.click("[data-action=retry]")
    page.wait_for_selector(".said--parent")
    page.wait_for_selector(".js-send:not([disabled])")
    assert api.sent == [{"text": "刷脸查不到孩子"}]
    assert page.input_value(".js-text") == ""


def test_enter_while_an_input_method_composes_sends_nothing(page: Page, api: FakeApi) -> None:
    page.fill(".js-text", "拼音")
    for how in ({"isComposing": True}, {"keyCode": 229}):
        page.dispatch_event(".js-text", "keydown", {"key": "Enter", **how})
    assert page.input_value(".js-text") == "拼音"
    assert api.sent == []


def test_a_draft_survives_a_reload(page: Page) -> None:
    page.fill(".js-text", "还没写完")
    page.reload()
    assert page.input_value(".js-text") == "还没写完"
