"""Whole stories of tickets in real browsers: parents in the chat, teams at `/school`, from first word to last."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hotline_page import eventually
from parent_client import Json, Parent
from playwright.sync_api import Frame, Page, expect
from school_page import Team, act, open_ticket
from sqlalchemy import or_, select, update
from test_browser_accessibility import violations

from bot.actions.words import Words
from channels.tickets.announcing import ROUND
from conversations.storage import ConversationStore
from conversations.tables import Base, UtcDateTime
from escalation.listing import Reach
from escalation.rules import Ticket

pytestmark = [pytest.mark.system, pytest.mark.browser]
APlace = Callable[..., Parent]
OpenPage = Callable[..., Page]
ChatIn = Callable[[Page], Frame]
Say = Callable[[Frame, str], None]
SAY = Words().say
SOON = 10_000
"""Milliseconds within which a step of the desk is in the chat."""


def press(chat: Frame, name: str) -> None:
    """Press the newest button of that name and wait for the reply."""
    replies = chat.locator(".said--parent").count()
    chat.get_by_role("button", name=name, exact=True).last.click()
    expect(chat.locator(".said--parent")).to_have_count(replies + 1, timeout=SOON)
    chat.wait_for_selector(".js-send:not([disabled])")


def made_in(chat: Frame, team: Team) -> Ticket:
    """Return the ticket whose card the chat shows."""
    card = chat.locator(".card--ticket").last
    expect(card).to_be_visible(timeout=SOON)
    return team.desk.find(str(card.get_attribute("data-ticket")), Reach())


def in_view(chat: Frame, words: str) -> bool:
    """Whether these words of the talk begin inside its window."""
    there, talk = chat.get_by_text(words).bounding_box(), chat.locator(".js-scroll").bounding_box()
    assert there
    assert talk
    return talk["y"] <= there["y"] < talk["y"] + talk["height"]


def course(team: Team, ticket: Ticket) -> list[tuple[str, str]]:
    """Return the ticket's steps, each with the role that took it."""
    return [(one.kind, one.by.role) for one in team.desk.read(ticket.id, Reach()).events]


def test_a_wrong_name_at_the_source_goes_to_the_district_then_to_the_task_force_and_comes_back(
    team: Team, open_page: OpenPage, chat_in: ChatIn, say: Say
) -> None:
    district = "合川区"
    chat = chat_in(open_page(f"/demo?city=chongqing&district={district}"))
    say(chat, "维护子女信息时查到的孩子姓名和出生证不一致")
    expect(chat.locator("article[data-entry=cq-11]")).to_contain_text("需联系区教委")
    press(chat, SAY("ticket_option"))
    say(chat, "示范第三小学")
    say(chat, "出生证上是三个字，系统查到的名字少一个字，出生证和户口簿都在手边")
    expect(chat.locator(".said--bot").last).to_contain_text(f"区县：{district}")
    press(chat, SAY("ticket_send_option"))
    ticket = made_in(chat, team)
    card = chat.locator(".card--ticket")
    expect(card).to_contain_text("区教委")
    assert (ticket.level, ticket.entry, ticket.place.school) == ("district", "cq-11", "示范第三小学")

    officer = team.hire("赵科长", "district", f"chongqing/{district}")
    desk = team.open(officer)
    open_ticket(desk, ticket)
    expect(desk.locator(".js-guidance-text")).to_contain_text("转办“一件事”专班")
    expect(desk.locator(".words[data-kind=question]")).to_contain_text("系统查到的名字少一个字")
    act(desk, "claim")
    expect(desk.locator(".js-holder")).to_have_text("我在处理")
    act(desk, "transfer", "出生证照片已核对，名字少“小”字。", to="city", why="与出生证姓名不一致，源头数据有误")
    expect(desk.locator(".js-status")).to_have_text("已转办。")
    expect(card.last).to_contain_text("“一件事”专班", timeout=SOON)
    assert chat.get_by_text("出生证照片已核对").count() == 0

    force = team.open(team.hire("周工", "city", "chongqing"), f"/school?number={ticket.number}")
    open_ticket(force, ticket)
    expect(force.locator(".js-course")).to_contain_text("与出生证姓名不一致，源头数据有误")
    expect(force.locator(".words[data-kind=note]")).to_contain_text("名字少“小”字")
    act(force, "claim")
    expect(force.locator(".js-holder")).to_have_text("我在处理")
    answer = "源头数据已更正。请在“维护子女信息”中重新获取最新数据，核对姓名后保存。"
    act(force, "reply", answer)
    expect(force.locator(".js-status")).to_have_text("已答复家长。")
    expect(card.last.locator(".facts__state")).to_have_text("已答复", timeout=SOON)
    expect(card.last).to_contain_text("重新获取最新数据")

    press(chat, SAY("ticket_solved_option"))
    expect(card.last.locator(".facts__state")).to_have_text("已解决")
    expect(force.locator(".js-state")).to_have_text("已解决")
    expect(desk.locator(".js-state")).to_have_text("已解决")
    assert course(team, ticket) == [
        ("create", "parent"),
        ("dispatch", "system"),
        ("claim", "district"),
        ("transfer", "district"),
        ("claim", "city"),
        ("reply", "city"),
        ("resolve", "parent"),
    ]


def test_a_father_who_sees_a_strangers_child_is_helped_by_his_districts_office(
    team: Team, open_page: OpenPage, chat_in: ChatIn, say: Say
) -> None:
    district = "李沧区"
    page = open_page(f"/demo?city=qingdao&district={district}")
    chat = chat_in(page)
    say(chat, "我用爱山东给孩子报名，报名儿童显示的是别人家的孩子")
    expect(chat.locator("article[data-entry=qd-b03]")).to_be_visible()
    press(chat, "户口是集体户")
    expect(chat.locator("article[data-entry=qd-b03]").last).to_contain_text("反馈给教体局处理")
    press(chat, SAY("ticket_option"))
    press(chat, SAY("ticket_no_school_option"))
    say(chat, "三项信息都对，显示的身份证号是110101199003071239，不是我家孩子")
    expect(chat.locator(".said--bot").last).to_contain_text("[身份证号]")
    press(chat, SAY("ticket_send_option"))
    ticket = made_in(chat, team)
    card = chat.locator(".card--ticket")
    expect(card).to_contain_text("教体局")
    assert (ticket.level, ticket.entry, ticket.branch) == ("district", "qd-b03", "collective")

    teacher = team.open(
        team.hire("王老师", scope=f"qingdao/{district}/{team.school}"), may_log="404 (Not Found)"
    )  # fmt: skip
    expect(teacher.locator(".js-count")).to_have_text("没有符合条件的工单")
    teacher.goto(f"/school?ticket={ticket.id}")
    expect(teacher.locator(".js-empty")).to_have_text("这张工单已不在您的范围内，或已被删除。")

    desk = team.open(team.hire("孙科长", "district", f"qingdao/{district}"))
    open_ticket(desk, ticket)
    expect(desk.locator(".js-team")).to_contain_text("教体局")
    question = desk.locator(".words[data-kind=question]")
    expect(question).to_contain_text("显示的身份证号是[身份证号]")
    act(desk, "claim")
    expect(desk.locator(".js-holder")).to_have_text("我在处理")
    desk.click(".js-act[data-act=reply]")
    desk.locator("#form-reply textarea").fill("集体户名下的信息已理清，请退出后重新进入平台，再开始报名。\n")
    desk.click("#tab-suggest")
    desk.fill(".js-suggest-box", "报名儿童显示的不是我的孩子")
    desk.locator(".hit[data-entry=qd-b03] .js-insert").click()
    desk.click("#form-reply [type=submit]")
    expect(desk.locator(".js-status")).to_have_text("已答复家长。")
    below = chat.get_by_role("button", name="有新消息")
    expect(below).to_be_visible(timeout=SOON)
    assert not in_view(chat, "请退出后重新进入平台")
    assert violations(chat) == []
    below.click()
    expect(below).to_be_hidden()
    assert in_view(chat, "请退出后重新进入平台")
    expect(card.last.locator(".facts__state")).to_have_text("已答复")
    expect(card.last).to_contain_text("请退出后重新进入平台")
    expect(card.last).to_contain_text(re.compile("来源：.+第3条"))
    assert "110101199003071239" not in desk.content()
    press(chat, SAY("ticket_solved_option"))
    expect(desk.locator(".js-state")).to_have_text("已解决")


FACES = "刷脸查不到孩子"


def report_faces(parent: Parent) -> None:
    """Ask about the failure, and hand it on to people."""
    assert parent.say(FACES).entries == ["cq-10"]
    parent.say("转人工")
    for label in ("ticket_option", "ticket_no_school_option", "ticket_enough_option"):
        parent.press(SAY(label))
    assert parent.press(SAY("ticket_send_option")).outcome == "ticket_made"


def informed(parent: Parent) -> list[Json]:
    """Return the incident's cards in a parent's chat."""
    said = [one["message"] for one in parent.transcript()["messages"]]
    return [one["ticket"] for one in said if one["type"] == "ticket" and one["ticket"]["happened"] == "inform"]


def test_of_forty_parents_with_one_failure_each_hears_the_one_text_once_and_the_next_one_reads_it(
    team: Team, a_parent: APlace, open_page: OpenPage, chat_in: ChatIn, say: Say
) -> None:
    district, text = "彭水县", "刷脸系统正在抢修，预计今天18:00恢复，请稍后再试，不用重复提交。"
    office = team.open(team.hire("李科长", "district", f"chongqing/{district}"))
    chats = [chat_in(open_page(f"/demo?city=chongqing&district={district}")) for _ in range(2)]
    for chat in chats:
        say(chat, FACES)
        say(chat, "转人工")
        for label in ("ticket_option", "ticket_no_school_option", "ticket_enough_option", "ticket_send_option"):
            press(chat, SAY(label))
    parents = [a_parent(city="chongqing", district=district) for _ in range(38)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(report_faces, parents))

    office.reload()
    pile = office.locator(".incident")
    expect(pile).to_contain_text(f"{district} 60 分钟内有 40 张同类工单")
    pile.get_by_role("button", name="开设突发事件").click()
    office.fill(".js-incident-form [name=title]", "刷脸故障")
    office.fill(".js-incident-form [name=text]", text)
    office.click(".js-incident-form [type=submit]")
    expect(pile).to_contain_text("40 张工单")
    for chat in chats:
        expect(chat.locator(".card--ticket", has_text=text)).to_have_count(1, timeout=3 * SOON)
    eventually(lambda: all(informed(parent) for parent in parents), 30)
    time.sleep(3 * ROUND)
    assert [[card["text"] for card in informed(parent)] for parent in parents] == [[text]] * 38
    for chat in chats:
        expect(chat.locator(".card--ticket", has_text=text)).to_have_count(1)

    following = chat_in(open_page(f"/demo?city=chongqing&district={district}"))
    say(following, FACES)
    notice = SAY("incident_notice", place=district, office="县教委", text=text).split("\n", 1)[0]
    expect(following.locator(".bubble", has_text=notice)).to_have_count(1)
    pile.get_by_role("button", name="结束").click()
    office.fill(".js-incident-form [name=text]", "刷脸已恢复，请重试。")
    office.click(".js-incident-form [type=submit]")
    for chat in chats:
        expect(chat.locator(".card--ticket").last).to_contain_text("刷脸已恢复", timeout=3 * SOON)


def let_a_day_pass(team: Team, ticket: Ticket) -> None:
    """Set all that was said and done with the ticket and in its conversation a day back."""
    ids, day = (ticket.id, ticket.conversation_id), timedelta(days=1)
    with team.engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            of_it = [table.c[name].in_(ids) for name in ("id", "ticket_id", "conversation_id") if name in table.c]
            times = [column for column in table.c if isinstance(column.type, UtcDateTime)]
            for row in connection.execute(select(table).where(or_(*of_it))).mappings() if of_it and times else ():
                earlier = {column.name: row[column.name] and row[column.name] - day for column in times}
                same = [column == row[column.name] for column in table.primary_key]
                connection.execute(update(table).where(*same).values(earlier))


def test_who_closes_the_page_reads_the_answer_the_next_day_once_and_has_the_ticket_reopened(
    team: Team, chat_in: ChatIn, say: Say
) -> None:
    district, answer = "即墨区", "已为您解除占用，请退出后重新进入平台再试。"
    address = f"/demo?city=qingdao&district={district}"
    page = team.phone(address)
    chat = chat_in(page)
    say(chat, "给孩子报名提示身份证号已被占用")
    press(chat, "都不是")
    press(chat, SAY("ticket_option"))
    say(chat, team.school)
    press(chat, SAY("ticket_enough_option"))
    press(chat, SAY("ticket_send_option"))
    ticket = made_in(chat, team)
    expect(chat.locator(".said--bot").last).to_contain_text("关了页面也没关系")
    kept = page.context.storage_state()
    page.context.close()

    desk = team.open(team.hire("王老师", scope=f"qingdao/{district}/{team.school}"))
    open_ticket(desk, ticket)
    act(desk, "claim")
    expect(desk.locator(".js-holder")).to_have_text("我在处理")
    act(desk, "resolve", answer)
    expect(desk.locator(".js-status")).to_have_text("已标为解决。")
    eventually(lambda: told_in(team, ticket, answer), 10)
    let_a_day_pass(team, ticket)

    page = team.phone(address, kept)
    chat = chat_in(page)
    card = chat.locator(".card--ticket")
    for _ in range(2):
        expect(card.filter(has_text=answer)).to_have_count(1)
        expect(card.last.locator(".facts__state")).to_have_text("已解决")
        assert in_view(chat, answer)
        expect(chat.locator(".said time").first).to_have_text(re.compile(r"^\d+月\d+日 \d\d:\d\d$"))
        page.reload()
        chat = chat_in(page)
        card = chat.locator(".card--ticket")
    press(chat, SAY("ticket_unsolved_option"))
    say(chat, "重新进入以后还是提示被占用")
    expect(card.last.locator(".facts__state")).to_have_text("已派发")
    expect(chat.locator(".said--bot").last).to_contain_text("工单已重新打开")
    expect(desk.locator(".js-state")).to_have_text("已派发")
    expect(desk.locator(".js-course")).to_contain_text("重新进入以后还是提示被占用")
    act(desk, "claim")
    act(desk, "reply", "您好，请再试一次，这次可以了。")
    expect(card.last).to_contain_text("这次可以了", timeout=SOON)
    expect(card.filter(has_text=answer)).to_have_count(1)


def told_in(team: Team, ticket: Ticket, words: str) -> bool:
    """Whether the ticket's conversation holds a card with these words."""
    assert ticket.conversation_id
    said = ConversationStore(team.engine).said_after(ticket.conversation_id, 0)
    return any(words in one.message.model_dump_json() for one in said)
