"""The school teams at work in real browsers: answering, two at one ticket, live talk, filters, isolation, looks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hotline_page import eventually
from parent_client import Json, Parent
from playwright.sync_api import expect
from school_page import DISTRICT, QUESTION, Team, act, open_ticket
from sqlalchemy import update
from test_browser_accessibility import violations

from bot.actions.words import Words
from conversations import handover
from conversations.handover import Person
from core import clock
from core.settings import ROOT
from escalation.listing import Reach
from escalation.rows import TICKETS
from escalation.rules import Place, Ticket

pytestmark = [pytest.mark.system, pytest.mark.browser]
APlace = Callable[..., Parent]
BACK = Words().say("back_from_person")
PICTURES = ROOT / "docs/images"
REFUSED, NOT_FOUND = "409 (Conflict)", "404 (Not Found)"
SCHEMES, SIZES = ("light", "dark"), ((1366, 768), (683, 384))
TOO_WIDE = """() => [document.scrollingElement, ...document.querySelectorAll('*')]
  .filter((node) => node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0)
  .filter((node) => node === document.scrollingElement || /auto|scroll/.test(getComputedStyle(node).overflowX))
  .filter((node) => !node.matches('input, textarea, .visually-hidden'))
  .map((node) => `${node.tagName}.${node.className} ${node.scrollWidth} > ${node.clientWidth}`)"""
OUT_OF_PLACE = """() => [...document.querySelectorAll('.ticket__body > *, .board > *')].map((node) => {
  const next = node.nextElementSibling;
  const [one, two] = [node, next].map((each) => each && each.getBoundingClientRect());
  return two && two.height && one.right > two.left + 1 && two.right > one.left + 1 && one.bottom > two.top + 1
    ? `${node.className} over ${next.className}` : null;
}).filter(Boolean)"""


def told(parent: Parent) -> list[Json]:
    """Return what the parent's chat shows of tickets."""
    messages = [one["message"] for one in parent.transcript()["messages"]]
    return [one["ticket"] for one in messages if one["type"] == "ticket"]


def set_due(team: Team, ticket: Ticket, **hours: float) -> None:
    values = {f"{name}_at": clock.now() + timedelta(hours=one) for name, one in hours.items()}
    with team.engine.begin() as connection:
        connection.execute(update(TICKETS).where(TICKETS.c.id == ticket.id).values(**values))


class TestAnswering:
    def test_a_teacher_claims_and_answers_with_an_official_answer_and_the_parent_gets_it(
        self, team: Team, a_parent: APlace
    ) -> None:
        parent = a_parent(city="chongqing", district=DISTRICT)
        parent.say("刷脸查不到孩子")
        ticket = team.make("刷脸查不到孩子怎么办", conversation_id=parent.id)
        page = team.open(team.hire("王老师"))
        open_ticket(page, ticket)
        expect(page.locator(".line[data-author=parent]")).to_contain_text("刷脸查不到孩子")
        answer = page.locator(".line[data-type=answer]")
        expect(answer).to_contain_text(re.compile(r"官方问答 cq-10 · .+ · 第10条 · 置信度 \d+%"))
        expect(answer).to_contain_text(re.compile(r"机器人：已按官方问答答复 · 理解为“刷脸查不到孩子” \d+%"))
        expect(page.locator(".words[data-kind=question]")).to_contain_text("刷脸查不到孩子怎么办")
        act(page, "claim")
        expect(page.locator(".js-status")).to_have_text("已认领，由您处理。")
        expect(page.locator(".js-holder")).to_have_text("我在处理")
        page.click("#tab-suggest")
        expect(page.locator("#suggest-question")).to_have_value("刷脸查不到孩子怎么办")
        found = page.locator(".hit[data-entry=cq-10]")
        official = found.locator(".hit__answer").text_content()
        found.get_by_role("button", name="插入答复").click()
        box = page.locator("#form-reply textarea")
        expect(box).to_be_focused()
        assert official
        assert box.input_value().startswith(f"{official}\n（来源：")
        assert "第10条，官方）" in box.input_value()
        page.keyboard.press("Control+Enter")
        expect(page.locator(".js-status")).to_have_text("已答复家长。")
        expect(page.locator(".js-state")).to_have_text("已答复")
        expect(page.locator(".words[data-kind=reply]")).to_contain_text("答复，家长可见")
        shown = eventually(lambda: [one for one in told(parent) if one["happened"] == "reply"], 20)
        assert shown[0]["text"].startswith(official)
        assert shown[0]["number"] == ticket.number
        expect(page.locator(f".row[data-id='{ticket.id}'] .state")).to_have_text("已答复")

    def test_every_command_from_the_page_leaves_its_step(self, team: Team) -> None:
        ticket = team.make()
        page = team.open(team.hire("王老师"), f"/school?ticket={ticket.id}")
        status = page.locator(".js-status")
        steps = [
            ("claim", "", {}, "已认领，由您处理。"),
            ("note", "材料已核对，等房管局回复", {}, "已保存备注。"),
            ("ask_parent", "请补充房产证第二页", {}, "已请家长补充。"),
            ("reply", "照片请小于 2 兆", {}, "已答复家长。"),
            ("resolve", "祝孩子入学顺利", {}, "已标为解决。"),
            ("close", "", {}, "已关闭。"),
            ("reopen", "", {"why": "家长来电说还是不行"}, "已重新打开，等待认领。"),
            ("claim", "", {}, "已认领，由您处理。"),
            ("release", "", {"why": "下午请假"}, "已退回，等待认领。"),
            ("transfer", "家长很着急", {"to": "district", "why": "涉及户籍，由区教委核对"}, "已转办。"),
        ]
        for name, text, fields, done in steps:
            act(page, name, text, **fields)
            expect(status).to_have_text(done)
        kinds = [one.kind for one in team.desk.read(ticket.id, Reach()).events[2:]]
        assert kinds == [name for name, *_ in steps]
        notes = page.locator(".words[data-kind=note] .words__label")
        assert set(notes.all_text_contents()) == {"内部备注，家长看不到"}
        assert notes.count() == 2
        expect(page.locator(".step").last).to_contain_text("原因：涉及户籍，由区教委核对")
        assert team.now(ticket).level == "district"

    def test_guidance_and_what_one_may_not_do_are_told(self, team: Team) -> None:
        ticket = team.make(entry="cq-11", branch="birth_name")
        page = team.open(team.hire("王老师"), f"/school?ticket={ticket.id}")
        expect(page.locator(".js-guidance")).to_contain_text("重新获取最新数据")
        expect(page.locator(".js-act:visible")).to_have_text(["备注"])
        page.click("#tab-suggest")
        page.locator(".js-insert").first.click()
        expect(page.locator(".js-problem")).to_have_text("现在不能答复，您写的内容还在。")
        expect(page.locator("#form-reply [type=submit]")).to_be_disabled()

    def test_an_agent_reads_the_own_tickets_and_may_note(self, team: Team) -> None:
        agent = team.hire("小周", "agent", "chongqing")
        page = team.open(agent)
        expect(page.locator(".js-count")).to_have_text("没有符合条件的工单")
        body = {"city": "chongqing", "district": DISTRICT, "school": team.school, "question": QUESTION}
        made = page.evaluate(
            """async (body) => {
              const { content } = document.querySelector('meta[name=csrf]');
              const headers = { 'Content-Type': 'application/json', 'X-CSRF-Token': content };
              return (await fetch('/api/v1/tickets', { method: 'POST', headers, body: JSON.stringify(body) })).json();
            }""",
            body,
        )
        page.click(f".row[data-id='{made['id']}']")
        expect(page.locator(".js-act:visible")).to_have_text(["备注"])
        expect(page.locator(".js-talk-empty")).to_have_text("这张工单不是从网上咨询转来的，没有对话。")
        page.click("#tab-suggest")
        page.get_by_role("button", name="放入备注").first.click()
        page.click("#form-note [type=submit]")
        expect(page.locator(".js-status")).to_have_text("已保存备注。")
        page.goto("/staff")
        page.get_by_role("link", name="我提交的工单").click()
        expect(page.locator(".row")).to_have_count(1)

    def test_a_session_that_ended_costs_no_text_and_a_new_one_goes_on(self, team: Team) -> None:
        ticket, wang = team.make(), team.hire("王老师")
        page = team.open(wang, f"/school?ticket={ticket.id}", may_log="Failed to load")
        page.click(".js-act[data-act=note]")
        page.fill("#form-note textarea", "家长上午来过电话")
        page.context.clear_cookies()
        page.click("#form-note [type=submit]")
        expect(page.locator(".js-problem")).to_contain_text("登录已失效，没有发出；您写的内容还在")
        expect(page.locator("#form-note textarea")).to_have_value("家长上午来过电话")
        team.sign_in(page.context, wang)  # as if in another tab: the session has another secret
        page.click("#form-note [type=submit]")
        expect(page.locator(".js-status")).to_have_text("已保存备注。")


class TestTwo:
    def test_both_write_and_the_second_is_told_what_changed_and_loses_no_text(self, team: Team) -> None:
        ticket, wang, li = team.make(), team.hire("王老师"), team.hire("李老师")
        first = team.open(wang, f"/school?ticket={ticket.id}")
        second = team.open(li, f"/school?ticket={ticket.id}", may_log=REFUSED)
        expect(second.locator(".js-also")).to_have_text("王老师 也在看这张工单")
        for page, text in ((first, "家长上午来过电话"), (second, "已请教务处核对")):
            page.click(".js-act[data-act=note]")
            page.fill("#form-note textarea", text)
        first.click("#form-note [type=submit]")
        expect(first.locator(".js-status")).to_have_text("已保存备注。")
        expect(first.locator(".js-also")).to_have_text("李老师 也在看这张工单")
        news = second.locator(".js-news")
        expect(news).to_contain_text("工单有更新")
        assert second.locator(".words[data-kind=note]").count() == 0
        second.click("#form-note [type=submit]")
        expect(second.locator(".js-problem")).to_contain_text(
            re.compile(
                r"您写的时候，工单有了变化：王老师（学校） 今天 \d\d:\d\d 备注。您写的内容还在，请核对后再发送。"
            )
        )
        expect(second.locator("#form-note textarea")).to_have_value("已请教务处核对")
        expect(second.locator(".words[data-kind=note]")).to_contain_text("家长上午来过电话")
        expect(news).to_be_hidden()
        second.click("#form-note [type=submit]")
        expect(second.locator(".words[data-kind=note]")).to_have_count(2)
        expect(first.locator(".words[data-kind=note]")).to_have_count(2)  # without a reload: nobody writes there

    def test_the_bar_shows_the_update_and_leaves_the_draft_alone(self, team: Team) -> None:
        ticket, wang, li = team.make(), team.hire("王老师"), team.hire("李老师")
        team.give(ticket, "claim", wang)
        page = team.open(wang, f"/school?ticket={ticket.id}")
        page.click(".js-act[data-act=reply]")
        page.fill("#form-reply textarea", "您好，照片请")
        team.give(ticket, "note", li, text="家长又来电话")
        page.get_by_role("button", name="显示更新").click()
        expect(page.locator(".words[data-kind=note]")).to_contain_text("家长又来电话")
        expect(page.locator("#form-reply textarea")).to_have_value("您好，照片请")
        expect(page.locator(".js-news")).to_be_hidden()

    def test_a_draft_survives_a_reload_belongs_to_its_ticket_and_goes_when_it_is_sent(self, team: Team) -> None:
        one, other, wang = team.make(), team.make(), team.hire("王老师")
        page = team.open(wang, f"/school?ticket={one.id}")
        act(page, "claim")
        page.click(".js-act[data-act=reply]")
        page.fill("#form-reply textarea", "您好，照片请小于 2 兆")
        page.reload()
        box = page.locator("#form-reply textarea")
        expect(box).to_have_value("您好，照片请小于 2 兆")
        open_ticket(page, other)
        expect(box).to_be_hidden()
        expect(box).to_have_value("")
        open_ticket(page, one)
        expect(box).to_have_value("您好，照片请小于 2 兆")
        page.click("#form-reply [type=submit]")
        expect(page.locator(".js-status")).to_have_text("已答复家长。")
        assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('school-draft'))") == []

    def test_a_reply_that_was_kept_though_its_answer_was_lost_is_not_sent_twice(self, team: Team) -> None:
        ticket = team.make()
        page = team.open(team.hire("王老师"), f"/school?ticket={ticket.id}", may_log="Failed to load")
        act(page, "claim")
        expect(page.locator(".js-holder")).to_have_text("我在处理")

        def lose(route: object) -> None:
            route.fetch()  # type: ignore[attr-defined]
            route.abort()  # type: ignore[attr-defined]

        page.context.route("**/api/v1/tickets/*/reply", lose, times=1)
        act(page, "reply", "照片请小于 2 兆")
        expect(page.locator(".js-problem")).to_contain_text("您写的内容还在")
        expect(page.locator("#form-reply textarea")).to_have_value("照片请小于 2 兆")
        page.click("#form-reply [type=submit]")
        expect(page.locator(".js-status")).to_have_text("已答复家长。")
        messages = team.desk.read(ticket.id, Reach()).messages
        assert [one.kind for one in messages] == ["question", "reply"]


class TestLiveTalk:
    def test_entering_speaking_hearing_and_giving_back(self, team: Team, a_parent: APlace) -> None:
        parent = a_parent(city="chongqing")
        parent.say("刷脸查不到孩子")
        ticket = team.make(conversation_id=parent.id)
        page = team.open(team.hire("王老师"), f"/school?ticket={ticket.id}")
        page.get_by_role("button", name="进入对话").click()
        expect(page.locator(".js-owner")).to_have_text("您正在与家长对话，机器人不会说话。")
        page.get_by_label("对家长说").fill("您好，我是学校的王老师。")
        page.get_by_role("button", name="发送", exact=True).click()
        expect(page.locator(".line[data-author=person]")).to_contain_text("您好，我是学校的王老师。")
        expect(page.get_by_label("对家长说")).to_have_value("")
        assert parent.say("老师您好，房产证传不上去").outcome == "person_owns"
        expect(page.locator(".line[data-author=parent]").last).to_contain_text("老师您好，房产证传不上去")
        said = [one["message"].get("text") for one in parent.transcript()["messages"]]
        assert said[-2:] == ["您好，我是学校的王老师。", "老师您好，房产证传不上去"]
        page.reload()
        expect(page.locator(".js-owner")).to_have_text("您正在与家长对话，机器人不会说话。")
        page.get_by_role("button", name="交还机器人").click()
        expect(page.locator(".js-owner")).to_have_text("机器人在接待家长。")
        expect(page.locator(".line[data-author=bot]").last).to_contain_text(BACK)

    def test_who_was_displaced_is_told_and_keeps_the_words(self, team: Team, a_parent: APlace) -> None:
        parent = a_parent(city="chongqing")
        ticket, officer = team.make(conversation_id=parent.id), team.hire("赵科长", "district", f"chongqing/{DISTRICT}")
        page = team.open(team.hire("王老师"), f"/school?ticket={ticket.id}", may_log=REFUSED)
        page.get_by_role("button", name="进入对话").click()
        page.get_by_label("对家长说").fill("请稍等，我")
        other = team.open(officer, f"/school?ticket={ticket.id}", may_log=REFUSED)
        expect(other.locator(".js-owner")).to_contain_text("学校工作人员")
        other.get_by_role("button", name="接替对话").click()
        expect(other.locator(".js-owner")).to_have_text("您正在与家长对话，机器人不会说话。")
        expect(page.locator(".js-owner")).to_contain_text("区县工作人员")
        expect(page.locator(".js-say textarea")).to_have_value("请稍等，我")
        expect(page.locator(".js-say [type=submit]")).to_be_disabled()

    def test_who_comes_too_late_is_told_who_was_first(self, team: Team, a_parent: APlace) -> None:
        parent = a_parent(city="chongqing")
        ticket, officer = team.make(conversation_id=parent.id), team.hire("赵科长", "district", f"chongqing/{DISTRICT}")
        page = team.open(team.hire("王老师"), f"/school?ticket={ticket.id}", may_log=REFUSED)
        expect(page.locator(".js-owner")).to_have_text("机器人在接待家长。")
        handover.take_over(team.engine, parent.id, Person(officer.id, "district"))
        page.get_by_role("button", name="进入对话").click()
        expect(page.locator(".js-talk-problem")).to_contain_text("区县工作人员")
        expect(page.locator(".js-talk-problem")).to_contain_text("要接替，请按“接替对话”。")
        page.get_by_role("button", name="接替对话").click()
        expect(page.locator(".js-owner")).to_have_text("您正在与家长对话，机器人不会说话。")


class TestQueue:
    def test_order_lateness_in_words_and_an_honest_count(self, team: Team) -> None:
        plain, late, soon = team.make(), team.make(), team.make()
        set_due(team, late, due=-1, warn=-2)
        set_due(team, soon, due=1, warn=-1)
        page = team.open(team.hire("王老师"))
        assert page.locator(".row").evaluate_all("rows => rows.map((row) => row.dataset.id)") == [
            late.id,
            soon.id,
            plain.id,
        ]
        expect(page.locator(".row").nth(0)).to_contain_text("已超时")
        expect(page.locator(".row").nth(1)).to_contain_text("快到时限")
        expect(page.locator(".row").nth(2)).not_to_contain_text(re.compile("超时|时限"))
        expect(page.locator(".js-count")).to_have_text("共 3 张")
        page.get_by_label("超时、将超时").check()
        expect(page.locator(".js-count")).to_have_text("共 2 张")

    def test_filters_live_in_the_address_and_survive_a_reload(self, team: Team) -> None:
        tickets = [team.make(urgency=one) for one in ("normal", "soon", "urgent")]
        wang = team.hire("王老师")
        team.give(tickets[0], "claim", wang)
        page = team.open(wang, "/school?state=working&state=assigned&color=red")
        assert page.url.endswith("/school?state=assigned&state=working")
        expect(page.locator(".row")).to_have_count(3)
        page.get_by_label("我处理的").check()
        expect(page.locator(".row")).to_have_count(1)
        open_ticket(page, tickets[0])
        address = page.url
        assert "mine=true" in address
        assert f"ticket={tickets[0].id}" in address
        page.reload()
        expect(page.locator(".js-number")).to_have_text(tickets[0].number)
        expect(page.locator(".row")).to_have_count(1)
        expect(page.get_by_label("我处理的")).to_be_checked()
        expect(page.locator(".js-chosen")).to_have_text("（已选 2 项）")
        page.get_by_role("button", name="清除筛选").click()
        expect(page.locator(".row")).to_have_count(3)
        page.get_by_label("工单号").fill(tickets[2].number)
        expect(page.locator(".row")).to_have_count(1)
        expect(page.locator(".row")).to_contain_text(tickets[2].number)
        page.go_back()
        expect(page.locator(".ticket__empty")).to_be_visible()

    def test_more_than_a_page_is_said_to_be_more(self, team: Team) -> None:
        for _ in range(53):
            team.make()
        page = team.open(team.hire("王老师"))
        expect(page.locator(".js-count")).to_have_text("显示前 50 张，还有更多")
        page.get_by_role("button", name="再显示一些").click()
        expect(page.locator(".js-count")).to_have_text("共 53 张")
        ids = page.locator(".row").evaluate_all("rows => rows.map((row) => row.dataset.id)")
        assert len(set(ids)) == 53
        expect(page.locator(".row").nth(50)).to_be_focused()

    def test_a_new_ticket_appears_by_itself_and_the_keyboard_walks_the_list(self, team: Team) -> None:
        first = team.make(urgency="urgent")
        page = team.open(team.hire("王老师"))
        expect(page.locator(".row")).to_have_count(1)
        page.locator(".row").focus()
        second = team.make()
        expect(page.locator(".row")).to_have_count(2)
        expect(page.locator(f".row[data-id='{first.id}']")).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(page.locator(f".row[data-id='{second.id}']")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".js-number")).to_have_text(second.number)
        expect(page.locator(".head__number")).to_be_focused()

    def test_another_school_sees_nothing_and_finds_nothing(self, team: Team) -> None:
        stranger = team.hire("外校老师", scope=f"chongqing/{DISTRICT}/另一所{team.school}")
        page = team.open(stranger, may_log=NOT_FOUND)
        heard = page.evaluate_handle(
            "() => { const all = []; new EventSource('/api/v1/tickets/events')"
            ".addEventListener('step', (one) => all.push(one.data)); return all; }"
        )
        ticket = team.make()
        own = team.make(place=Place("chongqing", DISTRICT, f"另一所{team.school}"))
        expect(page.locator(".row")).to_have_count(1)
        eventually(lambda: len(heard.evaluate("all => all")) == 2)
        assert all(own.id in one for one in heard.evaluate("all => all"))
        page.goto(f"/school?ticket={ticket.id}")
        expect(page.locator(".js-empty")).to_have_text("这张工单已不在您的范围内，或已被删除。")
        assert ticket.number not in page.content()

    def test_the_landing_page_leads_here(self, team: Team) -> None:
        page = team.open(team.hire("王老师"))
        page.get_by_role("link", name="王老师").click()
        page.get_by_role("link", name="进入工作页面").click()
        expect(page).to_have_url(re.compile("/school$"))


class TestLooks:
    @pytest.mark.parametrize("scheme", SCHEMES)
    @pytest.mark.parametrize("size", SIZES)
    def test_axe_finds_nothing_and_nothing_overlaps_in_any_state(
        self, team: Team, a_parent: APlace, scheme: str, size: tuple[int, int]
    ) -> None:
        parent = a_parent(city="chongqing", district=DISTRICT)
        parent.say("刷脸查不到孩子")
        parent.say("食堂好吃吗")
        ticket = team.make(conversation_id=parent.id, entry="cq-22", urgency="soon")
        late, soon = team.make(urgency="urgent"), team.make()
        set_due(team, late, due=-1, warn=-2)
        set_due(team, soon, due=1, warn=-1)
        officer = team.hire("赵科长", "district", f"chongqing/{DISTRICT}")
        team.give(ticket, "claim", officer)
        team.give(ticket, "note", officer, text="家长来过电话")
        page = team.open(officer, f"/school?school={team.school}", size=size, color_scheme=scheme)

        def check(state: str) -> None:
            assert violations(page) == [], state
            assert page.evaluate(TOO_WIDE) == [], state
            assert page.evaluate(OUT_OF_PLACE) == [], state

        check("list")
        open_ticket(page, ticket)
        expect(page.locator(".line").first).to_be_visible()
        check("ticket")
        page.click(".js-act[data-act=transfer]")
        check("transfer")
        page.click("#tab-suggest")
        page.locator(".js-insert").first.click()
        check("inserted")
        team.give(ticket, "note", officer, text="又来过电话")
        expect(page.locator(".js-news")).to_be_visible()
        check("news")
        page.click("#tab-talk")
        page.get_by_role("button", name="进入对话").click()
        expect(page.get_by_role("button", name="交还机器人")).to_be_visible()
        check("talk")

    def test_every_control_is_reached_by_tab_in_order_and_shows_its_focus(self, team: Team) -> None:
        ticket = team.make()
        page = team.open(team.hire("王老师"), f"/school?ticket={ticket.id}")
        page.wait_for_selector(".step")
        page.focus(".top__link")
        seen: list[str] = []
        for _ in range(40):
            page.keyboard.press("Tab")
            name, is_seen = page.evaluate(
                """() => {
                  const node = document.activeElement;
                  const shown = node.matches('[type=checkbox]') ? node.nextElementSibling : node;
                  const style = getComputedStyle(shown);
                  const seen = parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== 'none';
                  const name = node.dataset.act || node.id || node.name || node.className || node.tagName;
                  return [`${name} ${node.value || ''}`, seen];
                }"""
            )
            if name.startswith("BODY"):
                break
            assert is_seen, name
            seen.append(name)
        for name in ("number", "mine", "state", "row", "claim", "note", "transfer", "tab-talk"):
            assert any(name in one for one in seen), (name, seen)


@pytest.mark.parametrize(("scheme", "name"), [("light", "school.png"), ("dark", "school-dark.png")])
def test_the_picture_of_the_page_can_be_taken(
    team: Team, a_parent: APlace, tmp_path: Path, scheme: str, name: str
) -> None:
    team.school = "渝北区第一实验小学" if scheme == "light" else "渝北区第二实验小学"
    parent = a_parent(city="chongqing", district=DISTRICT)
    parent.say("刷脸查不到孩子")
    wang, li = team.hire("王老师"), team.hire("李老师")
    ticket = team.make(
        "刷脸还是查不到孩子，户口簿上有孩子，请老师帮忙看看。", conversation_id=parent.id, urgency="soon"
    )
    late, soon, working = team.make(urgency="urgent"), team.make(), team.make()
    set_due(team, late, due=-2, warn=-3)
    set_due(team, soon, due=2, warn=-1)
    team.give(working, "claim", li)
    other = team.open(li, f"/school?ticket={ticket.id}")
    other.wait_for_selector(".line")
    page = team.open(wang, f"/school?ticket={ticket.id}", color_scheme=scheme)
    act(page, "claim")
    expect(page.locator(".js-holder")).to_have_text("我在处理")
    act(page, "note", "家长来过电话，孩子在外地出生。")
    expect(page.locator(".words[data-kind=note]")).to_be_visible()
    if scheme == "light":
        page.click("#tab-suggest")
        page.fill(".js-suggest-box", "刷脸查不到孩子")
        page.locator(".hit[data-entry=cq-10] .js-insert").click()
    page.wait_for_timeout(1500)
    # Written over only on demand, so that a run of the tests changes no tracked file.
    picture = PICTURES / name if os.environ.get("HELPDESK_TEST_NEW_PICTURE") else tmp_path / name
    page.screenshot(path=picture)
    assert picture.stat().st_size > 20_000
    assert (PICTURES / name).exists()
