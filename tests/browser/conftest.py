"""A real Chromium; a missing one fails the tests. What a failed test saw is kept under `var/screenshots`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from desk_running import Service
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Frame, Page, expect, sync_playwright
from school_page import Team, at_work

from core.settings import ROOT

SCREENSHOTS = ROOT / "var/screenshots"
FAILED = pytest.StashKey[bool]()
OpenPage = Callable[..., Page]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Note on the test whether it failed, for the fixture that keeps the pictures."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


# Not for the session: Playwright's loop would run on under the asynchronous tests that follow.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def team(browser: Browser, service: Service) -> Iterator[Team]:
    """Give the people of one school at `/school`."""
    with at_work(Team(browser, service)) as opened:
        yield opened


@pytest.fixture
def open_page(browser: Browser, service: Service, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Give `open_page(path, width=…, height=…)`, a fresh visitor each; a page that logs an error fails the test.

    `may_log` are words of errors that the browser itself is expected to log, e.g. of a refused request.
    """
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def note(line: ConsoleMessage, expected: str) -> None:
        if line.type == "error" and expected not in line.text:
            errors.append(line.text)

    def open_fresh(path: str, *, width: int = 360, height: int = 740, scale: float = 1, may_log: str = "\0") -> Page:
        context = browser.new_context(
            base_url=service.base,
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: note(line, may_log))
        page.goto(path)
        return page

    yield open_fresh
    if request.node.stash.get(FAILED, False):
        keep_pictures(request.node.name, contexts)
    for context in contexts:
        context.close()
    assert errors == []


def keep_pictures(name: str, contexts: list[BrowserContext]) -> None:
    """Save what each open page shows."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for number, page in enumerate(page for context in contexts for page in context.pages):
        page.screenshot(path=SCREENSHOTS / f"{re.sub(r'[^A-Za-z0-9_-]+', '-', name)}-{number}.png")


@pytest.fixture
def chat_in() -> Callable[[Page], Frame]:
    """Give `chat_in(page)`: the frame of the widget once the talk is open."""

    def find(page: Page) -> Frame:
        within = page.wait_for_selector("iframe").content_frame()
        assert within
        within.wait_for_url(re.compile(r"/widget\?"), wait_until="commit")
        frame = page.frame(url=re.compile(r"/widget\?"))
        assert frame, [one.url for one in page.frames]
        frame.wait_for_selector(".said")
        frame.wait_for_selector(".js-send:not([disabled])")
        return frame

    return find


@pytest.fixture
def say() -> Callable[[Frame, str], None]:
    """Give `say(chat, text)`: type it, send it, wait for the reply."""

    def send(chat: Frame, text: str) -> None:
        replies = chat.locator(".said--bot").count()
        chat.fill(".js-text", text)
        chat.press(".js-text", "Enter")
        expect(chat.locator(".said--bot")).to_have_count(replies + 1, timeout=10_000)
        chat.wait_for_selector(".js-send:not([disabled])")

    return send
