"""The chat and the demo page for those who see little, press badly, or have a narrow screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page

pytestmark = [pytest.mark.system, pytest.mark.browser]
OpenPage = Callable[..., Page]
ChatIn = Callable[[Page], Frame]
Say = Callable[[Frame, str], None]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SMALLEST = 44
TOO_SMALL = """least => [...document.querySelectorAll('button, select, textarea, input, a[href], [role=button]')]
  .filter((node) => node.checkVisibility({visibilityProperty: true}))
  .map((node) => ({what: node.outerHTML.slice(0, 90), box: node.getBoundingClientRect()}))
  .filter(({box}) => box.width > 0 && (box.width < least - .5 || box.height < least - .5))
  .map(({what, box}) => `${what} ${box.width}x${box.height}`)"""
TOO_WIDE = """() => [document.scrollingElement, ...document.querySelectorAll('*')]
  .filter((node) => node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0)
  .filter((node) => node === document.scrollingElement || /auto|scroll/.test(getComputedStyle(node).overflowX))
  .map((node) => `${node.tagName}.${node.className} ${node.scrollWidth} > ${node.clientWidth}`)"""


def violations(place: Page | Frame) -> list[str]:
    """Return what axe finds against WCAG 2.2 AA."""
    found = Axe().run(place, options={"runOnly": {"type": "tag", "values": WCAG}})  # type: ignore[arg-type]
    return [
        f"{one['id']}: {node['html'][:120]} ({node.get('failureSummary', '')[:200]})"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]


def talk_of_everything(chat: Frame, say: Say) -> None:
    """Bring every kind of message onto the page."""
    for words in ("你好", "刷脸查不到孩子", "房产证要传哪几页", "我的报名进度", "明天下雨吗", "转人工"):
        say(chat, words)


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_axe_finds_nothing_in_the_chat_and_on_the_demo_page(
    open_page: OpenPage, chat_in: ChatIn, say: Say, scheme: str
) -> None:
    page = open_page("/demo?city=chongqing&guardian=cq-liu")
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    chat = chat_in(page)
    assert violations(chat) == []
    talk_of_everything(chat, say)
    assert violations(chat) == []
    assert violations(page) == []


def test_axe_finds_nothing_while_the_city_is_asked_or_a_notice_stands(
    open_page: OpenPage, chat_in: ChatIn, say: Say
) -> None:
    chat = chat_in(open_page("/demo"))
    say(chat, "刷脸查不到孩子")
    chat.get_by_role("button", name="重新开始").click()
    assert violations(chat) == []


@pytest.mark.parametrize("size", ["标准", "特大"])
def test_every_target_can_be_hit_and_nothing_scrolls_sideways_at_360_pixels(
    open_page: OpenPage, chat_in: ChatIn, say: Say, size: str
) -> None:
    page = open_page("/demo?city=chongqing&guardian=cq-liu", width=360)
    chat = chat_in(page)
    chat.get_by_role("button", name=size, exact=True).click()
    talk_of_everything(chat, say)
    for place in (page, chat):
        assert place.evaluate(TOO_SMALL, SMALLEST) == []
        assert place.evaluate(TOO_WIDE) == []


@pytest.mark.parametrize(("width", "height"), [(640, 360), (320, 480)])
def test_a_page_zoomed_to_twice_and_four_times_stays_usable(
    open_page: OpenPage, say: Say, width: int, height: int
) -> None:
    page = open_page("/widget?city=qingdao", width=width, height=height)
    page.wait_for_selector(".js-send:not([disabled])")
    say(page.main_frame, "双胞胎怎么报名")
    assert page.evaluate(TOO_WIDE) == []
    page.locator(".js-text").scroll_into_view_if_needed()
    box = page.locator(".js-text").bounding_box()
    assert box
    assert box["y"] + box["height"] <= height + 1, "the field is out of reach"
    log = page.locator(".js-scroll").bounding_box()
    assert log
    assert log["height"] > 60, "nothing of the talk is to be seen"


def test_the_log_tells_screen_readers_what_comes(open_page: OpenPage, chat_in: ChatIn, say: Say) -> None:
    chat = chat_in(open_page("/demo?city=chongqing"))
    say(chat, "刷脸查不到孩子")
    log = chat.get_by_role("log")
    assert log.get_attribute("aria-live") == "polite"
    assert log.get_by_role("article").count() == 1
    assert chat.get_by_role("textbox", name="输入您的问题").count() == 1
    assert chat.evaluate("document.documentElement.lang") == "zh-CN"
