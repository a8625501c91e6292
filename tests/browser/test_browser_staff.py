"""Staff sign in with a real browser: cookies over loopback, policy, keyboard, narrow and zoomed screens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from desk_running import Service
from oidc_running import RunningProvider, app_beside_provider
from playwright.sync_api import Page, expect
from test_browser_accessibility import SMALLEST, TOO_SMALL, TOO_WIDE, violations

from conversations.storage import open_engine
from staff.accounts import NewStaff, StaffStore
from staff.roles import StaffScope

pytestmark = [pytest.mark.system, pytest.mark.browser]
OpenPage = Callable[..., Page]
PASSWORD = "correct-horse-9"
REFUSED = "401"


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, RunningProvider]]:
    """Give the service beside an identity provider, with an account for each way to sign in."""
    with app_beside_provider(tmp_path_factory.mktemp("staff")) as (running, provider):
        engine = open_engine(running.settings.database)
        store = StaffStore(engine, running.settings)
        store.add(NewStaff("li.ming", "李明", "agent", StaffScope("chongqing"), PASSWORD))
        store.add(NewStaff("wang", "王芳", "editor", StaffScope(), None, provider.issuer, "wang"))
        engine.dispose()
        yield running, provider


@pytest.fixture(scope="module")
def service(beside: tuple[Service, RunningProvider]) -> Service:
    return beside[0]


def fill_in(page: Page, login: str, password: str) -> None:
    page.get_by_label("账号", exact=True).fill(login)
    page.get_by_label("密码", exact=True).fill(password)
    page.get_by_label("密码", exact=True).press("Enter")


def test_one_signs_in_where_one_wanted_to_go_and_out_again(open_page: OpenPage) -> None:
    page = open_page("/staff?from=here")
    expect(page).to_have_url(re.compile(r"/staff/sign-in\?next="))
    fill_in(page, "li.ming", PASSWORD)
    expect(page).to_have_url(re.compile(r"/staff\?from=here$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("李明，您好")
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    kept = cookies["__Host-helpdesk-staff"]
    assert (kept["secure"], kept["httpOnly"], kept["sameSite"], kept["path"]) == (True, True, "Lax", "/")
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="退出登录").click()
    expect(page.get_by_role("status")).to_have_text("您已退出登录。")
    page.goto("/staff")
    expect(page).to_have_url(re.compile(r"/staff/sign-in"))


def test_a_wrong_password_is_announced_and_the_login_stays(open_page: OpenPage) -> None:
    page = open_page("/staff/sign-in", may_log=REFUSED)
    fill_in(page, "li.ming", "not the password")
    expect(page.get_by_role("alert")).to_contain_text("账号或密码不对")
    expect(page.get_by_label("账号", exact=True)).to_have_value("li.ming")
    expect(page.get_by_label("密码", exact=True)).to_have_attribute("aria-invalid", "true")
    assert page.title().startswith("未能登录")
    fill_in(page, "li.ming", PASSWORD)
    expect(page).to_have_url(re.compile("/hotline$"))


def test_a_visitor_of_the_demo_finds_an_invented_account(open_page: OpenPage) -> None:
    page = open_page("/demo")
    page.get_by_role("link", name="用演示账号登录工作台").click()
    page.get_by_role("button", name="区县·渝北区教委").click()
    expect(page).to_have_url(re.compile("/school"))
    expect(page.get_by_text("重庆 · 渝北区")).to_have_count(1)


def test_one_signs_in_at_the_identity_provider(open_page: OpenPage, beside: tuple[Service, RunningProvider]) -> None:
    page = open_page("/staff/sign-in", may_log="Failed to load resource")  # fonts and icon of its pages
    page.get_by_role("link", name="用统一身份认证登录").click()
    expect(page).to_have_url(re.compile(re.escape(beside[1].issuer)))
    page.locator("input[name=login]").fill("wang")
    page.locator("input[name=password]").fill("x")
    page.locator("button[type=submit]").click()
    page.locator("button[type=submit]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("王芳，您好")
    assert "__Host-helpdesk-oidc" not in {cookie["name"] for cookie in page.context.cookies()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(open_page: OpenPage, scheme: str) -> None:
    page = open_page("/staff/sign-in", may_log="40")
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    assert violations(page) == []
    fill_in(page, "li.ming", "not the password")
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="学校·渝北区示范第一小学").click()
    expect(page).to_have_url(re.compile("/school"))
    page.goto("/staff")
    expect(page.get_by_role("heading", level=1)).to_contain_text("您好")
    assert violations(page) == []


@pytest.mark.parametrize(("width", "height"), [(360, 740), (640, 400), (320, 256), (1280, 800)])
def test_every_target_can_be_hit_and_nothing_scrolls_sideways(open_page: OpenPage, width: int, height: int) -> None:
    page = open_page("/staff/sign-in", width=width, height=height)  # 640 is a screen of 1280 at 200 %, 320 at 400 %
    for _ in ("sign-in", "own page"):
        assert page.evaluate(TOO_SMALL, SMALLEST) == []
        assert page.evaluate(TOO_WIDE) == []
        page.get_by_role("button").last.click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_the_form_works_by_keyboard_alone_in_a_sensible_order(open_page: OpenPage) -> None:
    page = open_page("/staff/sign-in")
    seen = []
    for _ in range(4):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()"))
    assert seen == ["login", "password", "登录", "用统一身份认证登录"]


def test_no_page_shows_english(open_page: OpenPage) -> None:
    page = open_page("/staff/sign-in", may_log=REFUSED)
    fill_in(page, "nobody", "not the password")
    texts = [page.locator("body").inner_text(), page.title()]
    page.get_by_role("button", name="管理员").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("您好")
    texts += [page.locator("body").inner_text(), page.title()]
    assert [text for text in texts if re.search(r"[A-Za-z]", text)] == []
