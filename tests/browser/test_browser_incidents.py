"""Incidents on the page `/school`: proposed above the list, opened, given a new text, closed."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from school_page import Team, open_ticket

from escalation.rules import Place

pytestmark = [pytest.mark.system, pytest.mark.browser]
DISTRICT = "铜梁区"
"""No other test makes tickets here."""


def test_a_pile_becomes_an_incident_that_gets_a_text_and_is_closed(team: Team) -> None:
    place = Place("chongqing", DISTRICT, team.school)
    tickets = [team.make(place=place, entry="cq-10", topic="face_scan_no_child") for _ in range(7)]
    page = team.open(team.hire("李老师", "district", f"chongqing/{DISTRICT}"))
    pile = page.locator(".incident")
    expect(pile).to_contain_text(f"{DISTRICT} 60 分钟内有 7 张同类工单")
    pile.get_by_role("button", name="开设突发事件").click()
    page.fill(".js-incident-form [name=title]", "刷脸故障")
    page.fill(".js-incident-form [name=text]", "刷脸系统正在抢修。")
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa"]}})
    assert found.response["violations"] == []
    page.click(".js-incident-form [type=submit]")
    expect(pile).to_contain_text("刷脸故障")
    expect(pile).to_contain_text("7 张工单")
    expect(page.locator(".js-incident-form")).to_be_hidden()
    open_ticket(page, tickets[0])
    expect(page.locator(".js-incident-of")).to_have_text("突发事件：刷脸故障")
    expect(page.locator(".js-course")).to_contain_text("刷脸系统正在抢修。")

    teacher = team.open(team.hire("王老师", scope=f"chongqing/{DISTRICT}/{team.school}"))
    expect(teacher.locator(".incident")).to_contain_text("刷脸系统正在抢修。")
    expect(teacher.locator(".incident button")).to_have_count(0)

    for button, text in (("发新通知", "预计下午恢复。"), ("结束", "已恢复，请重试。")):
        pile.get_by_role("button", name=button).click()
        page.fill(".js-incident-form [name=text]", text)
        page.click(".js-incident-form [type=submit]")
        expect(page.locator(".js-incident-form")).to_be_hidden()
        expect(page.locator(".js-course")).to_contain_text(text)
    expect(pile.get_by_role("button", name="结束")).to_have_count(0)
