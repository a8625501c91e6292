"""The application beside a ticket on `/school`: only on demand, only for who holds the ticket, each look recorded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk_running import Service
from parent_client import Parent
from playwright.sync_api import Browser, Page, Route, expect
from school_page import Team, act, at_work, open_ticket
from sqlalchemy import text
from test_browser_accessibility import violations
from test_browser_school import OUT_OF_PLACE, PICTURES, SCHEMES, SIZES, TOO_WIDE

from bot.actions.words import Words
from escalation.listing import Reach
from staff.roles import Staff

pytestmark = [pytest.mark.system, pytest.mark.browser]
APlace = Callable[..., Parent]
SAY = Words().say
LIU, CHILD, PROBLEM = "CQ2026-0415-0108", "刘*", "照片模糊，看不清产权人和坐落"
TOLD = ".js-case-told"
WRITTEN = "#form-reply textarea"


@pytest.fixture
def team(browser: Browser, service: Service) -> Iterator[Team]:
    with at_work(Team(browser, service, school="示范第二小学")) as opened:
        yield opened


@pytest.fixture
def ticket(a_parent: APlace) -> str:
    """Give a ticket that a signed-in mother has sent from the chat."""
    parent = a_parent(guardian="cq-liu")
    parent.say("转人工")
    parent.press(SAY("ticket_option"))
    parent.say("房产证照片已经换了三次，还是说模糊")
    sent = parent.press(SAY("ticket_send_option"))
    return str(next(one["ticket"]["id"] for one in sent.raw["messages"] if one["type"] == "ticket"))


def teacher(team: Team, name: str = "周老师", scope: str = "chongqing/北碚区/示范第二小学") -> Staff:
    return team.hire(name, "school", scope)


def looks(team: Team) -> list[str]:
    with team.engine.connect() as connection:
        return list(connection.execute(text("SELECT shown FROM audit_log WHERE shown LIKE 'card%'")).scalars())


def open_panel(page: Page) -> None:
    page.click("#tab-case")
    expect(page.locator("#panel-case")).to_be_visible()


def test_who_claims_looks_at_the_application_once_it_is_asked_for_and_loses_sight_with_the_ticket(
    team: Team, ticket: str
) -> None:
    before = looks(team)
    page = team.open(teacher(team), f"/school?ticket={ticket}")
    open_panel(page)
    expect(page.locator(TOLD)).to_have_text("认领这张工单后，才能查看报名信息。")
    expect(page.locator(".js-case-show")).to_be_hidden()
    act(page, "claim")
    expect(page.locator(TOLD)).to_have_text("这张工单关联了家长的一份报名。")
    expect(page.locator("#panel-case")).to_contain_text("每次查看都会记录：谁、什么时候、看了哪些内容。")
    assert looks(team) == before
    assert LIU not in page.content()
    page.get_by_role("button", name="查看报名信息").click()
    card = page.locator("#panel-case .card--case")
    for words in (LIU, CHILD, PROBLEM, "补正", "示范第二小学"):
        expect(card).to_contain_text(words)
    expect(card.locator(".timeline")).to_have_count(0)
    expect(page.locator(TOLD)).to_contain_text("您的这次查看已记录")
    assert looks(team)[len(before) :] == ["card child state school problems advice"]
    page.evaluate("() => window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    assert LIU not in page.content()
    page.reload()
    open_panel(page)
    expect(page.locator(TOLD)).to_have_text("这张工单关联了家长的一份报名。")
    assert LIU not in page.content()
    page.get_by_role("button", name="查看报名信息").press("Enter")
    expect(card).to_be_visible()
    act(page, "release", why="下午请假")
    expect(page.locator(TOLD)).to_have_text("认领这张工单后，才能查看报名信息。")
    assert LIU not in page.content()
    assert len(looks(team)) == len(before) + 2


def test_a_district_sees_the_course_and_a_settled_ticket_shows_nothing(team: Team, ticket: str) -> None:
    page = team.open(team.hire("赵科长", "district", "chongqing/北碚区"), f"/school?ticket={ticket}")
    act(page, "claim")
    open_panel(page)
    page.get_by_role("button", name="查看报名信息").click()
    expect(page.locator(".timeline__state")).to_have_text(["待提交", "待审核", "审核", "补正"])
    act(page, "resolve", "照片已通过。")
    expect(page.locator(TOLD)).to_have_text("工单已办结，不能再查看报名信息。")
    expect(page.locator("#panel-case .card--case")).to_have_count(0)


def test_what_comes_for_a_ticket_that_is_not_open_any_more_is_dropped(team: Team, ticket: str) -> None:
    other = team.make()
    officer = team.hire("陈主任", "city", "chongqing")
    page = team.open(officer, f"/school?ticket={ticket}&school={team.school}")
    act(page, "claim")
    open_panel(page)
    held: list[Route] = []
    page.route("**/case", lambda route: held.append(route))  # noqa: PLW0108
    page.get_by_role("button", name="查看报名信息").click()
    expect(page.locator(TOLD)).to_have_text("正在向报名系统查询。")
    open_ticket(page, other)
    with page.expect_response("**/case") as came:
        held[0].continue_()
    assert LIU in came.value.text()
    page.wait_for_timeout(500)
    assert LIU not in page.content()
    expect(page.locator(TOLD)).to_have_text("这张工单由工作人员登记，没有关联报名信息。")


def test_while_one_look_is_under_way_the_next_ticket_can_be_looked_at(
    team: Team, ticket: str, a_parent: APlace
) -> None:
    officer = team.hire("陈主任", "city", "chongqing")
    made = team.desk.find(ticket, Reach())
    other = team.make(conversation_id=a_parent(guardian="cq-liu").id, application_id=made.application_id)
    page = team.open(officer, f"/school?ticket={ticket}&school={team.school}")
    act(page, "claim")
    open_panel(page)
    held: list[Route] = []
    page.route(f"**/{ticket}/case", lambda route: held.append(route))  # noqa: PLW0108
    page.get_by_role("button", name="查看报名信息").click()
    expect(page.locator(TOLD)).to_have_text("正在向报名系统查询。")
    open_ticket(page, other)
    act(page, "claim")
    page.get_by_role("button", name="查看报名信息").click()
    expect(page.locator("#panel-case .card--case")).to_have_count(1)
    with page.expect_response(f"**/{ticket}/case"):
        held[0].continue_()
    page.wait_for_timeout(500)
    expect(page.locator("#panel-case .card--case")).to_have_count(1)


def test_a_ticket_of_the_chat_without_an_application_is_told_as_that(team: Team, a_parent: APlace) -> None:
    ticket = team.make(conversation_id=a_parent(city="chongqing").id)
    page = team.open(team.hire("王老师"), f"/school?ticket={ticket.id}")
    open_panel(page)
    told = "这张工单没有关联报名信息，可能是家长提交时没有登录、没有选定孩子，或当时没有查到。"
    expect(page.locator(TOLD)).to_have_text(told)


def look_and_begin_a_reply(page: Page) -> None:
    act(page, "claim")
    open_panel(page)
    page.get_by_role("button", name="查看报名信息").click()
    expect(page.locator("#panel-case .card--case")).to_contain_text(LIU)
    page.click(".js-act[data-act=reply]")
    page.fill(WRITTEN, "您好，照片请")


def test_who_loses_the_ticket_while_writing_loses_sight_of_the_application_and_no_word(team: Team, ticket: str) -> None:
    made, officer = team.desk.find(ticket, Reach()), team.hire("赵科长", "district", "chongqing/北碚区")
    page = team.open(teacher(team), f"/school?ticket={ticket}")
    look_and_begin_a_reply(page)
    team.give(made, "release", officer)
    expect(page.locator(TOLD)).to_have_text("工单有更新。请先按“显示更新”，再查看报名信息。")
    assert LIU not in page.locator("#panel-case").inner_text()
    expect(page.locator(".js-case-show")).to_be_hidden()
    expect(page.locator(WRITTEN)).to_have_value("您好，照片请")
    page.get_by_role("button", name="显示更新").click()
    expect(page.locator(TOLD)).to_have_text("认领这张工单后，才能查看报名信息。")
    expect(page.locator(WRITTEN)).to_have_value("您好，照片请")


def test_who_writes_on_a_ticket_that_goes_elsewhere_sees_its_application_no_more(team: Team, ticket: str) -> None:
    made, officer = team.desk.find(ticket, Reach()), team.hire("陈主任", "city", "chongqing")
    page = team.open(teacher(team), f"/school?ticket={ticket}", may_log="404 (Not Found)")
    look_and_begin_a_reply(page)
    team.give(made, "transfer", officer, why="房屋在渝北", to="district", district="渝北区")
    expect(page.locator(TOLD)).to_have_text("这张工单已不在您的范围内，或已被删除。", timeout=20_000)
    assert LIU not in page.locator("#panel-case").inner_text()
    expect(page.locator(WRITTEN)).to_have_value("您好，照片请")


def test_a_refusal_and_an_agent(team: Team, ticket: str) -> None:
    page = team.open(teacher(team), f"/school?ticket={ticket}", may_log="404 (Not Found)")
    act(page, "claim")
    open_panel(page)
    page.wait_for_timeout(500)
    with team.engine.begin() as connection:  # freed elsewhere, and the page has not heard of it yet
        connection.execute(text("UPDATE tickets SET holder = NULL WHERE id = :id"), {"id": ticket})
    page.get_by_role("button", name="查看报名信息").click()
    expect(page.locator(TOLD)).to_have_text("只有认领了这张工单的人可以查看报名信息。")
    agent = team.open(team.hire("小周", "agent", "chongqing"))
    expect(agent.locator("#tab-talk")).to_be_visible()
    expect(agent.locator("#tab-case")).to_have_count(0)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_and_nothing_overlaps(
    team: Team, ticket: str, scheme: str, size: tuple[int, int], tmp_path: Path
) -> None:
    officer = team.hire("赵科长", "district", "chongqing/北碚区")
    page = team.open(officer, f"/school?ticket={ticket}&school={team.school}", size=size, color_scheme=scheme)
    open_panel(page)

    def check(state: str) -> None:
        assert violations(page) == [], state
        assert page.evaluate(TOO_WIDE) == [], state
        assert page.evaluate(OUT_OF_PLACE) == [], state

    check("not claimed")
    act(page, "claim")
    expect(page.locator(".js-case-show")).to_be_visible()
    check("to be asked for")
    page.click(".js-case-show")
    expect(page.locator("#panel-case .card--case")).to_be_visible()
    check("shown")
    name = "school-case.png" if scheme == "light" else "school-case-dark.png"
    wide = size == SIZES[0]
    # Written over only on demand, so that a run of the tests changes no tracked file.
    picture = PICTURES / name if wide and os.environ.get("HELPDESK_TEST_NEW_PICTURE") else tmp_path / name
    page.screenshot(path=picture, full_page=not wide)
    assert picture.stat().st_size > 20_000
    assert not wide or (PICTURES / name).exists()
