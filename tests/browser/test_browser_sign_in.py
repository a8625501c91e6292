"""What a parent sees when the host page's token is refused, has expired, or is renewed; everything behind it real."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from desk_running import Service
from playwright.sync_api import Frame, Page, Route, expect

from channels.keys import demo_key
from core.settings import ROOT

pytestmark = [pytest.mark.system, pytest.mark.browser]
OpenPage = Callable[..., Page]
ChatIn = Callable[[Page], Frame]
Say = Callable[[Frame, str], None]
TOLD = "您的登录已失效，请在应用里重新打开本页面；其他问题可以照常咨询。"
REFUSED = "401 (Unauthorized)"
GUIDE = ROOT / "docs/operations/adding-the-widget.md"


def expired(service: Service) -> str:
    """Return a token of the Lius that was right until a minute ago."""
    now, current = int(time.time()), service.settings
    names = {"iss": current.token_issuer, "aud": current.token_audience, "sub": "cq-liu", "city": "chongqing"}
    assert current.demo_key_file
    times = {"jti": str(uuid.uuid4()), "iat": now - 700, "exp": now - 60}
    return jwt.encode({**names, **times}, demo_key(current.demo_key_file), algorithm="EdDSA")


def count_requests_for_tokens(page: Page) -> Callable[[], int]:
    """Count from now on how often the page is asked for a fresh token."""
    page.evaluate("window.addEventListener('helpdesk:token-needed', () => { window.asked = (window.asked || 0) + 1; })")
    return lambda: int(page.evaluate("window.asked || 0"))


def show_case(chat: Frame) -> None:
    chat.get_by_role("button", name="我的报名进度").click()
    expect(chat.locator(".card--case .facts__id")).to_have_text("CQ2026-0415-0108")
    chat.wait_for_selector(".js-send:not([disabled])")


@pytest.mark.parametrize("kind", ["expired", "garbage"])
def test_a_refused_token_is_told_in_a_sentence_and_general_questions_go_on(
    open_page: OpenPage, chat_in: ChatIn, say: Say, service: Service, kind: str
) -> None:
    page = open_page("/demo?city=chongqing", may_log=REFUSED)
    chat, asked = chat_in(page), count_requests_for_tokens(page)
    for _ in range(2):
        page.evaluate("token => Helpdesk.signIn(token)", expired(service) if kind == "expired" else "no.token.atall")
        expect(chat.locator(".js-notice-text")).to_have_text(TOLD)
        say(chat, "刷脸查不到孩子")
        expect(chat.locator("article[data-entry]").last).to_have_attribute("data-entry", "cq-10")
        expect(chat.locator(".js-notice")).to_be_hidden()
    assert asked() == 1, "a host whose tokens are always refused would never stop"
    page.evaluate("token => Helpdesk.signIn(token)", service.token("cq-liu"))
    chat.wait_for_selector(".js-send:not([disabled])")
    show_case(chat)
    expect(chat.locator(".js-notice")).to_be_hidden()


def test_a_chat_that_is_opened_long_after_the_page_tells_that_the_token_has_expired(
    open_page: OpenPage, chat_in: ChatIn, service: Service
) -> None:
    page = open_page("/demo?city=chongqing&mode=floating", may_log=REFUSED)
    page.evaluate("token => Helpdesk.signIn(token)", expired(service))
    page.get_by_role("button", name="入学咨询").click()
    expect(chat_in(page).locator(".js-notice-text")).to_have_text(TOLD)


def test_a_renewal_before_the_token_expires_moves_nothing_on_the_page(
    open_page: OpenPage, chat_in: ChatIn, service: Service
) -> None:
    page = open_page("/demo?city=chongqing&guardian=cq-liu")
    chat = chat_in(page)
    show_case(chat)
    chat.fill(".js-text", "还没写完")
    chat.evaluate("document.querySelectorAll('.said').forEach((said) => { said.dataset.before = 'yes'; })")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url.rsplit('/', 1)[-1]}"))
    with page.expect_response(re.compile("/token$")) as response:
        page.evaluate("token => Helpdesk.signIn(token)", service.token("cq-liu"))
    assert response.value.status == 204
    page.wait_for_timeout(300)
    assert asked == ["PUT token"]
    assert chat.locator(".said:not([data-before])").count() == 0
    assert chat.input_value(".js-text") == "还没写完"
    expect(chat.locator(".js-notice")).to_be_hidden()
    chat.get_by_role("button", name="我的报名进度").click()
    expect(chat.locator(".card--case")).to_have_count(2)


def test_a_renewal_that_does_not_get_through_moves_nothing_either(
    open_page: OpenPage, chat_in: ChatIn, service: Service
) -> None:
    page = open_page("/demo?city=chongqing&guardian=cq-liu", may_log="Failed to load resource")
    chat = chat_in(page)
    show_case(chat)
    page.route("**/token", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.evaluate("token => Helpdesk.signIn(token)", service.token("cq-liu"))
    page.wait_for_timeout(300)
    expect(chat.locator(".card--case")).to_have_count(1)
    expect(chat.locator(".js-notice")).to_be_hidden()
    chat.get_by_role("button", name="我的报名进度").click()
    expect(chat.locator(".card--case")).to_have_count(2)


def test_a_refused_renewal_puts_the_familys_talk_away_until_a_good_token_comes(
    open_page: OpenPage, chat_in: ChatIn, say: Say, service: Service
) -> None:
    page = open_page("/demo?city=chongqing&guardian=cq-liu", may_log="Failed to load resource")
    chat = chat_in(page)
    show_case(chat)
    page.route("**/demo/token", lambda route: route.abort())
    page.evaluate("token => Helpdesk.signIn(token)", expired(service))
    expect(chat.locator(".js-notice-text")).to_have_text(TOLD)
    expect(chat.locator(".card--case")).to_have_count(0)
    say(chat, "刷脸查不到孩子")
    expect(chat.locator("article[data-entry]")).to_have_attribute("data-entry", "cq-10")
    page.evaluate("token => Helpdesk.signIn(token)", service.token("cq-liu"))
    expect(chat.locator(".card--case .facts__id")).to_have_text("CQ2026-0415-0108")
    expect(chat.locator(".js-notice")).to_be_hidden()


def test_a_page_that_is_asked_for_a_fresh_token_brings_the_familys_talk_back(
    open_page: OpenPage, chat_in: ChatIn, service: Service
) -> None:
    page = open_page("/demo?city=chongqing&guardian=cq-liu", may_log=REFUSED)
    chat, asked = chat_in(page), count_requests_for_tokens(page)
    show_case(chat)
    with page.expect_response(lambda response: response.request.method == "PUT" and response.ok):
        page.evaluate("token => Helpdesk.signIn(token)", expired(service))
    expect(chat.locator(".card--case .facts__id")).to_have_text("CQ2026-0415-0108")
    expect(chat.locator(".js-notice")).to_be_hidden()
    assert asked() == 1


def test_another_guardian_is_given_a_talk_of_their_own(open_page: OpenPage, chat_in: ChatIn, service: Service) -> None:
    page = open_page("/demo?city=chongqing&guardian=cq-liu", may_log="409 (Conflict)")
    chat = chat_in(page)
    show_case(chat)
    page.evaluate("token => Helpdesk.signIn(token)", service.token("cq-zhang"))
    expect(chat.locator(".js-notice-text")).to_contain_text("登录的账号与之前的对话不同")
    expect(chat.locator(".card--case")).to_have_count(0)
    chat.get_by_role("button", name="我的报名进度").click()
    expect(chat.locator(".card--case .facts__id")).to_have_text("CQ2026-0417-0031")


def scripts_of_the_guide(service: Service) -> list[str]:
    """Return the guide's examples, for this service."""
    blocks = re.findall(r"```js\n(.+?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return [block.replace("https://HELPDESK", service.base) for block in blocks]


def host_of(service: Service) -> Callable[[Route], None]:
    """Return the server of the guide's page: it gives out tokens of the Lius."""

    def give(route: Route) -> Any:
        route.fulfill(json={"token": service.token("cq-liu")})

    return give


def test_the_guides_page_signs_in_and_answers_when_asked(
    open_page: OpenPage, chat_in: ChatIn, service: Service
) -> None:
    page = open_page("/demo?city=chongqing", may_log=REFUSED)
    page.route("**/my-app/helpdesk-token", host_of(service))
    chat = chat_in(page)
    with page.expect_response(lambda response: response.request.method == "PUT" and response.ok):
        page.evaluate(f"() => {{ {scripts_of_the_guide(service)[0]} }}")
    chat.wait_for_selector(".js-send:not([disabled])")
    show_case(chat)
    with page.expect_response(lambda response: response.request.method == "PUT" and response.ok):
        page.evaluate("token => Helpdesk.signIn(token)", expired(service))
    expect(chat.locator(".card--case .facts__id")).to_have_text("CQ2026-0415-0108")


def test_the_guides_page_without_the_script_signs_in_and_answers_when_asked(
    open_page: OpenPage, chat_in: ChatIn, service: Service
) -> None:
    page = open_page("/demo/static/none", may_log="Failed to load resource")
    page.route("**/my-app/helpdesk-token", host_of(service))
    with_script, alone = scripts_of_the_guide(service)
    fresh_token = with_script[: with_script.index("async function signIn")]
    make_frame = "document.body.innerHTML = `<iframe src='/widget?host=${encodeURIComponent(origin)}'></iframe>`;"
    with (
        page.expect_response(lambda response: response.request.method == "PUT" and response.ok),
        page.expect_event("framenavigated", lambda frame: "/widget?" in frame.url),
    ):
        page.evaluate(f"() => {{ {make_frame} {fresh_token} {alone} window.tell = tell; }}")
    chat = chat_in(page)
    expect(chat.locator(".js-scope")).to_have_text("重庆")
    chat.wait_for_selector(".js-send:not([disabled])")
    show_case(chat)
    with page.expect_response(lambda response: response.request.method == "PUT" and response.ok):
        page.evaluate("token => tell({ type: 'token', token })", expired(service))
    expect(chat.locator(".card--case .facts__id")).to_have_text("CQ2026-0415-0108")
