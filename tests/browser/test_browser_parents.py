"""Parents in a real browser, on the demo page, with everything behind it real."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Frame, Page, expect

from core.settings import ROOT
from knowledge.loader import load_knowledge

pytestmark = [pytest.mark.system, pytest.mark.browser]
OpenPage = Callable[..., Page]
ChatIn = Callable[[Page], Frame]
Say = Callable[[Frame, str], None]
CARD = "article[data-entry]"
PICTURE = ROOT / "docs/images/widget.png"


def choose(page: Page, **fields: str) -> None:
    """Fill the demo page's form in and send it."""
    for name, value in fields.items():
        page.select_option(f"#{name}", value)
    page.click(".choice__go")
    page.wait_for_load_state()


def squeezed(text: str | None) -> str:
    return re.sub(r"[\s→]", "", text or "")


def test_a_parent_chooses_chongqing_asks_and_reads_the_card(open_page: OpenPage, chat_in: ChatIn, say: Say) -> None:
    page = open_page("/demo", width=1200, height=900)
    choose(page, city="chongqing")
    chat = chat_in(page)
    say(chat, "刷脸查不到孩子")
    card = chat.locator(CARD)
    entry = load_knowledge().entries["cq-10"]
    expect(card).to_have_attribute("data-entry", "cq-10")
    expect(card.locator(".card__question")).to_have_text(entry.question)
    assert squeezed(card.locator(".js-answer-text").text_content()) == squeezed(entry.answer)
    source = card.locator(".card__source").text_content() or ""
    assert all(words in source for words in ("官方", "重庆市人民政府网站", "第10条"))
    expect(card.locator(".card__note")).to_have_text("2025年度第三批次口径,以当年官方通知为准")


def test_the_part_that_applies_stands_before_the_whole_answer(open_page: OpenPage, chat_in: ChatIn, say: Say) -> None:
    chat = chat_in(open_page("/demo?city=chongqing"))
    say(chat, "给孩子填信息是在手机上弄吗")
    text = chat.locator(CARD).text_content() or ""
    assert -1 < text.index("符合您情况的部分") < text.index("完整答复")


def test_a_repost_is_told_from_an_official_page(open_page: OpenPage, chat_in: ChatIn, say: Say) -> None:
    chat = chat_in(open_page("/demo?city=qingdao"))
    say(chat, "自动填的地址不对")
    source = chat.locator(".card__source").text_content() or ""
    assert "转载" in source
    assert "官方" not in source


def test_the_city_is_asked_by_buttons_and_the_question_is_answered(
    open_page: OpenPage, chat_in: ChatIn, say: Say
) -> None:
    chat = chat_in(open_page("/demo"))
    say(chat, "自动填的地址不对")
    asked = chat.locator("[data-purpose=city]").last
    expect(asked.get_by_role("button")).to_have_text(["重庆（渝快办）", "青岛（爱山东）"])
    asked.get_by_role("button", name="青岛").click()
    expect(chat.locator(CARD)).to_have_attribute("data-entry", "qd-b05")
    expect(chat.locator(".js-scope")).to_have_text("青岛")


def test_the_keyboard_alone_is_enough(open_page: OpenPage, chat_in: ChatIn) -> None:
    page = open_page("/widget")
    page.wait_for_selector(".js-send:not([disabled])")
    press = page.keyboard.press

    def tab_to(selector: str, key: str = "Tab") -> None:
        for _ in range(60):
            press(key)
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        pytest.fail(f"{selector} is not reached by {key}")

    tab_to(".js-text")
    page.keyboard.type("刷脸查不到孩子")
    press("Enter")
    page.wait_for_selector(".said--parent")
    page.wait_for_selector(".js-send:not([disabled])")
    tab_to("[data-purpose=city] .js-option", "Shift+Tab")
    press("Shift+Tab")
    label = page.evaluate("document.activeElement.textContent")
    assert label.startswith("重庆")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", "the focus is not to be seen"
    press("Enter")
    page.wait_for_selector(CARD)
    assert page.get_attribute(CARD, "data-entry") == "cq-10"
    page.wait_for_selector(".js-send:not([disabled])")
    tab_to("[data-purpose=feedback] .js-option", "Tab")
    press("Space")
    expect(page.locator(".bubble").last).to_contain_text("祝报名顺利")


def test_a_reloaded_page_resumes_the_talk(open_page: OpenPage, chat_in: ChatIn, say: Say) -> None:
    page = open_page("/demo?city=chongqing")
    chat = chat_in(page)
    say(chat, "刷脸查不到孩子")
    before = [squeezed(text) for text in chat.locator(".said__body").all_text_contents()]
    page.reload()
    chat = chat_in(page)
    chat.wait_for_selector(CARD)
    assert [squeezed(text) for text in chat.locator(".said__body").all_text_contents()] == before
    say(chat, "渝快办账号注册失败怎么办")
    expect(chat.locator(CARD).last).to_have_attribute("data-entry", "cq-02")


def test_not_what_i_meant_shows_others_then_the_ways_to_a_person(
    open_page: OpenPage, chat_in: ChatIn, say: Say
) -> None:
    chat = chat_in(open_page("/demo?city=chongqing"))
    say(chat, "刷脸查不到孩子")
    chat.get_by_role("button", name="不是我要问的").click()
    chat.get_by_role("button", name="都不是").click()
    chat.get_by_role("button", name="怎么找人咨询").click()
    expect(chat.locator(CARD).last).to_have_attribute("data-entry", "cq-21")
    assert chat.locator("[data-purpose=feedback]").count() == 0


def test_solved_ends_it_kindly(open_page: OpenPage, chat_in: ChatIn, say: Say) -> None:
    chat = chat_in(open_page("/demo?city=chongqing"))
    say(chat, "刷脸查不到孩子")
    chat.get_by_role("button", name="解决了").click()
    expect(chat.locator(".bubble").last).to_contain_text("祝报名顺利")


def test_the_lius_see_their_case_and_what_to_do(open_page: OpenPage, chat_in: ChatIn) -> None:
    page = open_page("/demo", width=1200, height=900)
    choose(page, city="chongqing", guardian="cq-liu")
    chat = chat_in(page)
    chat.get_by_role("button", name="我的报名进度").click()
    card = chat.locator(".card--case")
    expect(card.locator(".facts__state")).to_have_text("补正")
    expect(card.locator(".facts__row--problems")).to_contain_text("房产证：照片模糊")
    expect(card.locator(".facts__row--next")).to_contain_text("重新上传")
    expect(card.locator(".facts__id")).to_have_text("CQ2026-0415-0108")
    expect(card).to_contain_text("刘*")


def test_a_family_that_signs_out_leaves_no_case_on_the_page(open_page: OpenPage, chat_in: ChatIn) -> None:
    page = open_page("/demo?city=chongqing&guardian=cq-liu")
    chat = chat_in(page)
    chat.get_by_role("button", name="我的报名进度").click()
    expect(chat.locator(".card--case")).to_be_visible()
    page.goto("/demo?city=chongqing")
    chat = chat_in(page)
    chat.get_by_role("button", name="我的报名进度").click()
    expect(chat.locator(".bubble").filter(has_text="先确认您的身份")).to_be_visible()
    assert chat.locator(".card--case").count() == 0


def test_what_is_typed_is_shown_as_text(open_page: OpenPage, chat_in: ChatIn, say: Say) -> None:
    chat = chat_in(open_page("/demo?city=chongqing"))
    words = "<img src=x onerror=alert(1)>"
    say(chat, words)
    assert chat.locator(".js-log img").count() == 0
    expect(chat.locator(".said--parent .bubble")).to_have_text(words)


def test_the_floating_button_opens_and_closes_the_chat(open_page: OpenPage, chat_in: ChatIn) -> None:
    page = open_page("/demo?city=chongqing&mode=floating")
    button = page.get_by_role("button", name="入学咨询")
    button.click()
    chat = chat_in(page)
    expect(chat.locator(".js-text")).to_be_focused()
    chat.get_by_role("button", name="收起").click()
    expect(button).to_be_focused()
    expect(page.locator("iframe")).to_be_hidden()


def test_another_window_of_the_same_talk_shows_what_was_said_in_the_first(
    open_page: OpenPage, chat_in: ChatIn, say: Say
) -> None:
    first = open_page("/demo?city=chongqing")
    chat = chat_in(first)
    second = first.context.new_page()
    second.goto("/demo?city=chongqing")
    other = chat_in(second)
    second.bring_to_front()
    say(chat, "刷脸查不到孩子")
    expect(other.locator(CARD)).to_have_attribute("data-entry", "cq-10")


def test_the_secret_stands_in_no_address(open_page: OpenPage, chat_in: ChatIn, say: Say) -> None:
    page = open_page("/demo?city=chongqing&guardian=cq-liu")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    chat = chat_in(page)
    say(chat, "刷脸查不到孩子")
    kept = chat.evaluate("JSON.stringify(Object.values(localStorage))")
    secrets = re.findall(r'secret\\*"\s*:\s*\\*"([\w-]+)', kept)
    assert secrets
    assert not [url for url in asked if any(secret in url for secret in secrets)]
    assert not [url for url in asked if not url.startswith(page.url.split("/demo")[0])], "something from elsewhere"


def test_the_picture_of_the_widget_can_be_taken(open_page: OpenPage, chat_in: ChatIn, tmp_path: Path) -> None:
    page = open_page("/widget?city=chongqing", width=390, height=844, scale=2)
    page.wait_for_selector(".js-send:not([disabled])")
    page.fill(".js-text", "刷脸查不到孩子")
    page.press(".js-text", "Enter")
    page.wait_for_selector(CARD)
    page.wait_for_selector(".js-send:not([disabled])")
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(300)
    # Written over only on demand, so that a run of the tests changes no tracked file.
    picture = PICTURE if os.environ.get("HELPDESK_TEST_NEW_PICTURE") else tmp_path / "widget.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 20_000
    assert PICTURE.exists()


def test_browser_without_modules_is_told_what_to_do(open_page: OpenPage, chat_in: ChatIn) -> None:
    chat = chat_in(open_page("/demo?city=qingdao"))
    told = chat.locator(".js-old-browser")
    expect(told).to_be_hidden()
    # Such a browser runs just the script that this one skips.
    fetched = chat.evaluate("fetch(document.querySelector('script[nomodule]').src).then(reply => reply.text())")
    assert fetched == (ROOT / "channels/widget/static/old_browser.js").read_text(encoding="utf-8")
    chat.evaluate(fetched)
    chat.evaluate("document.dispatchEvent(new Event('DOMContentLoaded'))")
    expect(told).to_be_visible()
    expect(told).to_contain_text("浏览器版本太旧")
