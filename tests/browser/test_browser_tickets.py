"""A parent on a phone: from a wish for a person by a short form to a ticket, its answer, and what is not solved."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing

import pytest
from axe_playwright_python.sync_playwright import Axe
from desk_running import Service
from playwright.sync_api import Frame, Page, expect
from ticket_staff import TicketStaff

from bot.actions.words import Words

pytestmark = [pytest.mark.system, pytest.mark.browser]
OpenPage = Callable[..., Page]
ChatIn = Callable[[Page], Frame]
Say = Callable[[Frame, str], None]
SAY = Words().say
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
ANSWER = "您好，请按下面两步再试：\n1. 在电脑上重新登录；\n2. 上传原图。"


def press(chat: Frame, name: str) -> None:
    """Press the newest button of that name and wait for the reply."""
    replies = chat.locator(".said--bot").count()
    chat.get_by_role("button", name=name, exact=True).last.click()
    expect(chat.locator(".said--bot")).to_have_count(replies + 1, timeout=10_000)
    chat.wait_for_selector(".js-send:not([disabled])")


def violations(chat: Frame) -> list[str]:
    found = Axe().run(chat, options={"runOnly": {"type": "tag", "values": WCAG}})  # type: ignore[arg-type]
    return [one["id"] for one in found.response["violations"]]


def too_wide(chat: Frame) -> bool:
    return bool(chat.evaluate("() => document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_from_the_chat_to_people_and_back_on_a_phone(
    service: Service, open_page: OpenPage, chat_in: ChatIn, say: Say, scheme: str
) -> None:
    page = open_page("/demo?city=chongqing", width=360, height=740)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    chat = chat_in(page)
    say(chat, "转人工")
    press(chat, SAY("ticket_option"))
    say(chat, "渝北区")
    page.reload()
    chat = chat_in(page)
    say(chat, "渝北区第一实验小学")
    say(chat, "户口簿照片一直传不上去，提示文件太大")
    expect(chat.locator(".said--bot").last).to_contain_text("学校：渝北区第一实验小学")
    press(chat, SAY("ticket_send_option"))
    card = chat.locator(".card--ticket")
    expect(card.locator(".card__question")).to_have_text(re.compile(r"工单 \d{4}-\d{4}"))
    expect(card.locator(".facts__state")).to_have_text("已派发")
    expect(card).to_contain_text("招生咨询服务团队")
    expect(card.get_by_role("definition").last).to_have_text(re.compile(r"\d{4}年\d+月\d+日 \d\d:\d\d 前"))

    ticket_id = str(card.get_attribute("data-ticket"))
    with closing(TicketStaff(service)) as staff:
        assert staff.read(ticket_id)["number"] in card.locator("h2").inner_text()
        staff.give("claim", ticket_id)
        staff.give("reply", ticket_id, text=ANSWER)
        expect(card).to_have_count(2, timeout=8000)
        answered = card.last
        expect(answered.locator(".facts__state")).to_have_text("已答复")
        assert answered.locator("[data-slot=text]").inner_text() == ANSWER
        expect(answered.get_by_text("预计答复")).to_have_count(0)
        assert (violations(chat), too_wide(chat)) == ([], False)
        press(chat, SAY("ticket_unsolved_option"))
        say(chat, "还是提示文件太大")
        expect(card.last.locator(".facts__state")).to_have_text("处理中")
        assert staff.read(ticket_id)["messages"][-1]["text"] == "还是提示文件太大"
        staff.give("resolve", ticket_id, text="已为您办理。")
        expect(card.last.locator(".facts__state")).to_have_text("已解决", timeout=8000)
    press(chat, SAY("ticket_solved_option"))
    assert (violations(chat), too_wide(chat)) == ([], False)
    expect(chat.locator(".said--bot").last).to_contain_text(SAY("ticket_solved"))
