"""A person joins the talk in a real browser: their words appear, the bot is silent, the hand-back is shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from desk_running import Service
from playwright.sync_api import Frame, Page, expect
from staff_client import Adviser

from bot.actions.words import Words

pytestmark = [pytest.mark.system, pytest.mark.browser]
OpenPage = Callable[..., Page]
ChatIn = Callable[[Page], Frame]
Say = Callable[[Frame, str], None]
BACK = Words().say("back_from_person")
KEPT = "() => Object.values(localStorage).find((value) => value.includes('secret'))"


@contextmanager
def adviser(service: Service, chat: Frame, role: str = "agent") -> Iterator[Adviser]:
    """Give somebody who may take over the talk on the page."""
    with closing(Adviser(service.base, service.staff_token(role), json.loads(chat.evaluate(KEPT))["id"])) as one:
        yield one


def tell(chat: Frame, text: str) -> None:
    """Type something and send it; no reply is waited for."""
    chat.fill(".js-text", text)
    chat.press(".js-text", "Enter")
    expect(chat.locator(".said--parent .bubble").last).to_have_text(text)
    chat.wait_for_selector(".js-send:not([disabled])")


def test_a_person_joins_speaks_and_hands_back(service: Service, open_page: OpenPage, chat_in: ChatIn, say: Say) -> None:
    chat = chat_in(open_page("/demo?city=chongqing"))
    say(chat, "刷脸查不到孩子")
    owner, replies = chat.locator(".js-owner"), chat.locator(".said--bot")
    expect(owner).to_be_hidden()
    with adviser(service, chat) as agent:
        assert agent.take_over().status_code == 200
        expect(owner).to_have_text("工作人员（热线坐席）正在与您对话，回复会显示在这里。")
        before = replies.count()
        agent.say("您好，我是人工坐席，请问孩子的证件类型选的是什么？")
        said = chat.locator(".said--person")
        expect(said.locator(".bubble")).to_have_text("您好，我是人工坐席，请问孩子的证件类型选的是什么？")
        expect(said.locator("[data-slot=author]")).to_have_text("工作人员")
        tell(chat, "渝快办账号注册失败怎么办")
        chat.wait_for_timeout(1500)
        assert replies.count() == before
        assert chat.locator(".js-log .said").last.locator(".bubble").text_content() == "渝快办账号注册失败怎么办"
        agent.hand_back()
        expect(replies.last.locator(".bubble")).to_have_text(BACK)
        expect(owner).to_be_hidden()
        say(chat, "渝快办账号注册失败怎么办")
        expect(chat.locator("article[data-entry]").last).to_have_attribute("data-entry", "cq-02")


def test_a_reloaded_page_shows_the_person_and_their_words(
    service: Service, open_page: OpenPage, chat_in: ChatIn
) -> None:
    page = open_page("/demo?city=chongqing")
    with adviser(service, chat_in(page), "school") as teacher:
        teacher.take_over()
        teacher.say("请补传房产证")
        page.reload()
        chat = chat_in(page)
        expect(chat.locator(".said--person .bubble")).to_have_text("请补传房产证")
        expect(chat.locator(".js-owner")).to_have_text("工作人员（学校咨询老师）正在与您对话，回复会显示在这里。")


def test_a_screen_reader_is_told_of_the_person_and_axe_finds_nothing(
    service: Service, open_page: OpenPage, chat_in: ChatIn
) -> None:
    for scheme in ("light", "dark"):
        page = open_page("/demo?city=chongqing")
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        chat = chat_in(page)
        with adviser(service, chat) as agent:
            agent.take_over()
            agent.say("您好")
            expect(chat.get_by_role("status").filter(has_text="正在与您对话")).to_be_visible()
            expect(chat.get_by_role("log").locator(".said--person .bubble")).to_have_text("您好")
            found = Axe().run(chat, options={"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag22aa"]}})  # type: ignore[arg-type]
            assert [one["id"] for one in found.response["violations"]] == []
