"""An agent signs in and looks a verified caller's case up: page, session, backend and audit log are the real ones."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from desk_running import Service
from hotline_agent import PHONES, another, last_code
from playwright.sync_api import Page, expect
from test_browser_accessibility import violations

from conversations.audit_listing import looks
from conversations.storage import open_engine

pytestmark = [pytest.mark.system, pytest.mark.browser]
OpenPage = Callable[..., Page]
NUMBER = "CQ2026-0415-0108"


def signed_in(open_page: OpenPage) -> Page:
    page = open_page("/hotline", width=1366, height=768)
    expect(page).to_have_url(re.compile(r"/staff/sign-in\?next=%2Fhotline"))
    with page.expect_response("**/api/v1/calls/open"):  # the page's scripts run
        page.get_by_role("button", name=re.compile("坐席.*重庆")).click()
    expect(page).to_have_url(re.compile(r"/hotline$"))
    return page


def ended(page: Page) -> None:
    expect(page.locator(".js-state")).to_have_text("等待来电")
    expect(page.locator(".js-saved")).to_have_text("已保存")


def asked_for_code(page: Page, number: str) -> None:
    page.keyboard.press("Alt+8")
    page.get_by_label("办件编号").fill(number)
    page.get_by_label("城市", exact=True).select_option("chongqing")
    page.get_by_label("查询原因").select_option("supplement")
    page.get_by_role("button", name="向登记手机发送验证码").click()
    expect(page.get_by_label("来电人报的验证码")).to_be_focused()


def test_a_verified_callers_case_is_shown_with_words_to_read_aloud(open_page: OpenPage, service: Service) -> None:
    page = signed_in(open_page)
    page.get_by_role("combobox", name="来电人问什么").fill("刷脸查不到孩子")
    expect(page.locator(".js-near-question").first).not_to_be_empty()
    asked_for_code(page, NUMBER)
    code = last_code(service, PHONES[NUMBER])
    page.get_by_label("来电人报的验证码").fill(another(code))
    page.get_by_label("来电人报的验证码").press("Enter")
    expect(page.locator(".js-case-status")).to_contain_text("还可以试 2 次")
    assert page.locator(".js-case").inner_text() == ""
    page.get_by_label("来电人报的验证码").fill(code)
    page.get_by_label("来电人报的验证码").press("Enter")
    case = page.locator(".js-case")
    expect(case).to_contain_text("照片模糊")
    expect(case).to_contain_text("补正")
    assert violations(page) == []
    engine = open_engine(service.settings.database)
    last = [look for look in looks(engine) if look.role == "agent"][-4:]
    engine.dispose()
    assert [look.shown[0] for look in last] == ["code_sent", "code_wrong", "code_right", "card"]
    page.reload()
    page.get_by_role("button", name="接着处理").click()
    page.keyboard.press("Alt+8")
    expect(case).to_contain_text("照片模糊")
    page.keyboard.press("Escape")  # back to the box
    page.keyboard.press("Escape")  # the next call
    expect(case).to_be_empty()
    ended(page)


def test_after_three_wrong_codes_the_call_shows_nothing_any_more(open_page: OpenPage) -> None:
    page = signed_in(open_page)
    asked_for_code(page, "CQ2026-7777-0001")
    for left in ("还可以试 2 次", "还可以试 1 次", "核对次数已用完"):
        page.get_by_label("来电人报的验证码").fill("000000")
        page.get_by_label("来电人报的验证码").press("Enter")
        expect(page.locator(".js-case-status")).to_contain_text(left)
    expect(page.get_by_label("来电人报的验证码")).to_be_hidden()
    assert page.locator(".js-case").inner_text() == ""
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    ended(page)


def test_a_call_that_was_left_open_is_decided_on_before_another_case_is_looked_up(open_page: OpenPage) -> None:
    first = signed_in(open_page)
    first.get_by_role("combobox", name="来电人问什么").fill("坐落怎么写")
    expect(first.locator(".js-saved")).to_have_text("已保存")
    page = signed_in(open_page)
    page.keyboard.press("Alt+8")
    page.get_by_label("办件编号").fill(NUMBER)
    page.get_by_label("城市", exact=True).select_option("chongqing")
    page.get_by_label("查询原因").select_option("progress")
    page.get_by_role("button", name="向登记手机发送验证码").click()
    expect(page.locator(".js-case-status")).to_contain_text("请先在上方选择")
    page.get_by_role("button", name="结束", exact=True).click()
    ended(page)


def test_who_signed_out_is_led_to_the_sign_in_page(open_page: OpenPage) -> None:
    page = signed_in(open_page)
    page.get_by_role("button", name="退出", exact=True).click()
    expect(page).to_have_url(re.compile("/staff/sign-in"))
    page.goto("/hotline")
    expect(page).to_have_url(re.compile("/staff/sign-in"))
