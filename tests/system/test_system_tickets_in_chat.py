"""From the chat to people and back: a form, a ticket, its answers, and what the parent says to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from desk_running import Service
from parent_client import Json, Parent, Turn
from staff_client import Adviser
from ticket_staff import TicketStaff

from bot.actions.words import Words

pytestmark = pytest.mark.system
APlace = Callable[..., Parent]
SAY = Words().say
TICKET, SEND, RESUME = SAY("ticket_option"), SAY("ticket_send_option"), SAY("ticket_resume_option")
WITHIN = 6.0
WORDS = "系统提示照片不清晰，已经换了三次手机重拍"


@pytest.fixture
def staff(service: Service) -> Iterator[TicketStaff]:
    with closing(TicketStaff(service)) as one:
        yield one


def cards(turn: Turn) -> list[Json]:
    return [message["ticket"] for message in turn.raw["messages"] if message["type"] == "ticket"]


def messages(parent: Parent, author: str = "bot") -> list[Json]:
    return [one["message"] for one in parent.transcript()["messages"] if one["author"] == author]


def ticket_of(parent: Parent, *answers: str) -> Json:
    """Fill the form in with these answers and send it; return the ticket's card."""
    turn = parent.press(TICKET)
    for answer in answers:
        assert (turn.kind, turn.outcome) == ("handoff", "ticket_form")
        turn = parent.press(answer) if answer in turn.labels else parent.say(answer)
    made = parent.press(SEND)
    assert (made.kind, made.outcome) == ("handoff", "ticket_made")
    return cards(made)[0]


def made_by(a_parent: APlace) -> tuple[Parent, Json]:
    parent = a_parent(city="chongqing", district="渝北区")
    parent.say("转人工")
    return parent, ticket_of(parent, "渝北区第一实验小学", WORDS)


def next_card(parent: Parent, after: int) -> Json:
    """Wait for the next card that the bot shows by itself after a number; return it, and offer its buttons."""
    ends = time.monotonic() + WITHIN
    while time.monotonic() < ends:
        said = [one["message"] for one in parent.transcript(after)["messages"]]
        if any(message["type"] == "ticket" for message in said):
            parent.last = Turn({"messages": said, "kind": "", "outcome": ""})
            return cards(parent.last)[-1]
        time.sleep(0.1)
    raise AssertionError(f"no card within {WITHIN} s")


def last_seq(parent: Parent) -> int:
    return int(parent.transcript()["last_seq"])


def test_the_whole_way_from_a_wish_for_a_person_to_a_solved_ticket(a_parent: APlace, staff: TicketStaff) -> None:
    parent = a_parent(city="chongqing")
    asked = parent.say("转人工")
    assert (asked.kind, asked.outcome, asked.entries) == ("handoff", "person_ways", ["cq-22", "cq-21"])
    assert parent.press(TICKET).labels == [SAY("ticket_no_district_option"), SAY("ticket_cancel_option")]
    assert parent.say("渝北").labels[0] == SAY("ticket_no_school_option")
    assert parent.say("渝北区第一实验小学").labels == [SAY("ticket_cancel_option")]
    summary = parent.say(f"{WORDS}\n我的手机是13800001234")
    shown = ["城市：重庆（渝快办）", "区县：渝北区", "学校：渝北区第一实验小学", f"情况：{WORDS}\n我的手机是[手机号]"]
    assert [line for line in shown if line not in summary.words] == []
    made = parent.press(SEND)
    (card,) = cards(made)
    assert (made.outcome, card["state"], card["team"]) == ("ticket_made", "已派发", "招生咨询服务团队")
    assert card["number"] in made.words
    assert "关了页面也没关系" in made.words

    kept = staff.read(card["id"])
    assert [kept[name] for name in ("city", "district", "school")] == ["chongqing", "渝北区", "渝北区第一实验小学"]
    assert [m["text"] for m in kept["messages"]] == [f"{WORDS}\n我的手机是[手机号]"]
    before = last_seq(parent)
    staff.give("claim", card["id"])
    staff.give("reply", card["id"], text="请在电脑上\n重新上传原图。")
    told = next_card(parent, before)
    assert (told["state"], told["text"], told["due_at"]) == ("已答复", "请在电脑上\n重新上传原图。", None)
    assert parent.last
    assert parent.last.labels == [SAY("ticket_solved_option"), SAY("ticket_unsolved_option")]

    unsolved = parent.press(SAY("ticket_unsolved_option"))
    assert (unsolved.outcome, SAY("ticket_unsolved_plain_option") in unsolved.labels) == ("ticket_words", True)
    added = parent.say("换电脑也一样，刷脸查不到孩子")
    assert (added.outcome, cards(added)[0]["state"]) == ("ticket_added", "处理中")
    kept = staff.read(card["id"])
    assert (kept["messages"][-1]["kind"], kept["messages"][-1]["text"]) == ("parent", "换电脑也一样，刷脸查不到孩子")

    before = last_seq(parent)
    staff.give("resolve", card["id"], text="已在后台为您上传。")
    assert next_card(parent, before)["state"] == "已解决"
    solved = parent.press(SAY("ticket_solved_option"))
    assert (solved.outcome, cards(solved)[0]["state"]) == ("ticket_solved", "已解决")
    assert staff.read(card["id"])["events"][-1]["role"] == "city", "calling a resolved ticket solved changes nothing"


def test_parent_calls_an_answered_ticket_solved_and_later_has_it_reopened_without_words(
    a_parent: APlace, staff: TicketStaff
) -> None:
    parent, card = made_by(a_parent)
    before = last_seq(parent)
    staff.give("claim", card["id"])
    staff.give("reply", card["id"], text="请重新登录再试。")
    next_card(parent, before)
    answered = parent.last
    assert parent.press(SAY("ticket_solved_option")).outcome == "ticket_solved"
    settled = staff.read(card["id"])
    assert (settled["state"], settled["events"][-1]["role"]) == ("resolved", "parent")
    parent.last = answered
    parent.press(SAY("ticket_unsolved_option"))
    reopened = parent.press(SAY("ticket_unsolved_plain_option"))
    assert (reopened.outcome, cards(reopened)[0]["state"]) == ("ticket_added", "已派发")
    assert staff.read(card["id"])["messages"][-1]["text"] == SAY("ticket_unsolved_words")
    parent.last = answered
    early = parent.press(SAY("ticket_solved_option"))
    assert (early.outcome, cards(early)[0]["state"]) == ("ticket_refused", "已派发")


def test_staff_ask_the_parent_adds_and_the_ticket_goes_on(a_parent: APlace, staff: TicketStaff) -> None:
    parent, card = made_by(a_parent)
    before = last_seq(parent)
    staff.give("claim", card["id"])
    staff.give("ask_parent", card["id"], text="请问页面上的提示原文是什么？")
    assert next_card(parent, before)["state"] == "待家长补充"
    parent.press(SAY("ticket_add_option"))
    assert parent.say("算了").words == SAY("ticket_nothing_added")
    assert staff.read(card["id"])["state"] == "waiting_parent"
    next_card(parent, before)
    parent.press(SAY("ticket_add_option"))
    assert parent.say("刷脸查不到孩子").outcome == "ticket_added"
    assert staff.read(card["id"])["state"] == "working"


def test_while_a_person_owns_the_conversation_steps_wait_for_the_handback(
    service: Service, a_parent: APlace, staff: TicketStaff
) -> None:
    parent, card = made_by(a_parent)
    with closing(Adviser(service.base, service.staff_token(), parent.id)) as agent:
        assert agent.take_over().status_code == 200
        before = last_seq(parent)
        staff.give("claim", card["id"])
        staff.give("reply", card["id"], text="请重新上传。")
        time.sleep(2.5)
        assert last_seq(parent) == before
        assert agent.hand_back().status_code == 200
        assert next_card(parent, before)["text"] == "请重新上传。"
        time.sleep(1.5)
        assert [m["ticket"]["happened"] for m in messages(parent) if m["type"] == "ticket"] == ["dispatch", "reply"]


def test_form_and_ticket_survive_that_the_page_is_closed_and_a_handover(
    service: Service, a_parent: APlace, staff: TicketStaff
) -> None:
    parent = a_parent(city="qingdao")
    parent.say("转人工")
    parent.press(TICKET)
    parent.say("市南区")
    again = a_parent()  # another visit of the same parent: the page kept id and secret
    again.address, again.id, again.secret = parent.address, parent.id, parent.secret
    again.http.headers["Authorization"] = f"Bearer {parent.secret}"
    again.last = Turn({"messages": messages(again), "kind": "", "outcome": ""})
    assert again.say("某某路小学").labels == [SAY("ticket_cancel_option")]
    with closing(Adviser(service.base, service.staff_token(), parent.id)) as agent:
        agent.take_over()
        agent.hand_back()
    back = again.say("转人工")
    assert RESUME in back.labels
    again.press(RESUME)
    assert "学校：某某路小学" in again.say(WORDS).words
    card = cards(again.press(SEND))[0]
    assert card["team"] == "学校"
    assert staff.read(card["id"])["district"] == "市南区"


def test_typed_answers_reach_the_people_who_asked_and_courtesies_do_not(a_parent: APlace, staff: TicketStaff) -> None:
    parent, card = made_by(a_parent)
    staff.give("claim", card["id"])
    staff.give("ask_parent", card["id"], text="请说明孩子的姓名是否写错。")
    assert parent.say("谢谢老师").outcome == "thanked"
    assert staff.read(card["id"])["state"] == "waiting_parent"
    for words in ("户口簿上写的是张小明，出生证上是张晓明", "张小明", "没有"):
        assert parent.say(words).outcome == "ticket_added"
        kept = staff.read(card["id"])
        assert (kept["state"], kept["messages"][-1]["text"]) == ("working", words)
        staff.give("ask_parent", card["id"], text="还有吗？")
    assert cards(parent.say("老师回复了没有"))[0]["id"] == card["id"]
    parent.say("谢谢")
    assert SAY("ticket_pass_on_option") in parent.say("是的").labels
    staff.give("reply", card["id"], text="请重新登录再试。")
    assert parent.say("还是不行").outcome == "ticket_added"
    assert staff.read(card["id"])["messages"][-1]["text"] == "还是不行"


def test_pressing_send_many_times_makes_one_ticket(a_parent: APlace, staff: TicketStaff) -> None:
    parent = a_parent(city="qingdao", district="崂山区")
    parent.say("转人工")
    parent.press(TICKET)
    parent.press(SAY("ticket_no_school_option"))
    payload = parent.say(WORDS).payload(SEND)
    with ThreadPoolExecutor(4) as pool:
        turns = [Turn(r.json()) for r in pool.map(lambda _: parent.post({"payload": payload}), range(4))]
    assert sorted(turn.outcome for turn in turns) == ["ticket_made"] + ["ticket_shown"] * 3
    assert len({cards(turn)[0]["id"] for turn in turns}) == 1
    assert [t["id"] for t in staff.listed(district="崂山区")] == [cards(turns[0])[0]["id"]]


def test_asking_again_shows_the_ticket_and_a_second_one_is_about_something_else(
    a_parent: APlace, staff: TicketStaff
) -> None:
    parent, card = made_by(a_parent)
    again = parent.say("转人工")
    assert (again.outcome, cards(again)[0]["id"], again.entries) == ("ticket_shown", card["id"], ["cq-22", "cq-21"])
    assert again.labels == [SAY("ticket_add_option"), SAY("ticket_new_option")]
    parent.press(SAY("ticket_new_option"))
    parent.say("北碚区")
    parent.press(SAY("ticket_no_school_option"))
    parent.say("另一个孩子的户口簿照片传不上去")
    other = cards(parent.press(SEND))[0]
    assert other["id"] != card["id"]
    parent.last = again
    parent.press(SAY("ticket_add_option"))
    assert cards(parent.say("补充一点"))[0]["id"] == card["id"]
    assert staff.read(card["id"])["messages"][-1]["text"] == "补充一点"


def test_a_question_in_between_is_answered_and_the_form_goes_on(a_parent: APlace) -> None:
    parent = a_parent(city="chongqing", district="渝北区")
    parent.say("转人工")
    parent.press(TICKET)
    answered = parent.say("渝快办账号注册失败怎么办")
    assert (answered.kind, answered.entries) == ("answer", ["cq-02"])
    assert parent.say("刷脸查不到孩子").entries == ["cq-10"]
    assert RESUME in parent.say("转人工").labels
    assert SAY("ticket_no_school_option") in parent.press(RESUME).labels
    assert "学校：人民小学" in ticket_form_after(parent, "人民小学", WORDS).words


def ticket_form_after(parent: Parent, *words: str) -> Turn:
    turn: Turn | None = None
    for one in words:
        turn = parent.say(one)
    assert turn
    return turn


def test_courtesies_and_doubts_do_not_lead_away_from_the_field_that_is_asked(a_parent: APlace) -> None:
    parent = a_parent(city="chongqing", district="渝北区")
    parent.say("转人工")
    parent.press(TICKET)
    for words in ("好的", "谢谢", "什么意思"):
        again = parent.say(words)
        assert (again.outcome, again.words) == ("ticket_form", SAY("ticket_why"))
    assert "学校：育才" in ticket_form_after(parent, "育才", WORDS).words
    assert parent.say("不对").outcome == "ticket_form"
    assert SAY("ticket_no_school_option") in parent.say("学校").labels


@pytest.mark.parametrize("stop", ["算了", "取消", "不用了"])
def test_words_that_mean_it_cancel_the_form(a_parent: APlace, stop: str) -> None:
    parent = a_parent(city="chongqing")
    parent.say("转人工")
    parent.press(TICKET)
    cancelled = parent.say(stop)
    assert (cancelled.kind, cancelled.outcome) == ("handoff", "ticket_cancelled")
    assert parent.say("刷脸查不到孩子").entries == ["cq-10"]


def test_city_is_asked_first_and_each_field_can_be_changed(a_parent: APlace) -> None:
    parent = a_parent()
    soothed = parent.say("你们这什么破系统，气死我了")
    assert (soothed.kind, soothed.outcome) == ("small_talk", "soothed")
    assert parent.press(TICKET).labels[:2] == [SAY("city_chongqing"), SAY("city_qingdao")]
    parent.say("青岛")
    parent.say("不知道")
    summary = parent.say(WORDS)
    assert f"区县：{SAY('ticket_not_known')}" in summary.words
    parent.press(SAY("ticket_edit_option"))
    parent.press(SAY("ticket_field_district"))
    parent.say("市南区")
    assert "学校：示例路小学" in parent.say("示例路小学").words
    parent.press(SAY("ticket_edit_option"))
    parent.press(SAY("ticket_field_question"))
    assert f"情况：{WORDS}\n而且明天就截止" in parent.say("而且明天就截止").words
    parent.press(SAY("ticket_edit_option"))
    parent.press(SAY("ticket_field_city"))
    parent.press(SAY("city_chongqing"))
    changed = parent.say("渝北区")
    assert SAY("ticket_no_school_option") in changed.labels
    assert "城市：重庆（渝快办）" in parent.press(SAY("ticket_no_school_option")).words
    made = parent.say("提交")
    assert (made.outcome, cards(made)[0]["team"]) == ("ticket_made", "区教委")


def test_what_is_known_of_a_signed_in_guardians_only_application_is_not_asked(
    a_parent: APlace, staff: TicketStaff
) -> None:
    parent = a_parent(guardian="cq-chen")
    parent.say("转人工")
    assert parent.press(TICKET).labels == [SAY("ticket_cancel_option")]
    summary = parent.say(WORDS)
    assert "孩子：陈*" in summary.words
    card = cards(parent.press(SEND))[0]
    kept = staff.read(card["id"])
    assert (kept["city"], kept["district"], kept["school"]) == ("chongqing", "合川区", "示范第三中学")
    assert kept["messages"][0]["text"] == f"{WORDS}\n孩子：陈*"
    staff.give("claim", card["id"])
    assert staff.case(card["id"])["case"]["id"] == "CQ2026-0416-0254"


def test_of_twins_the_one_that_was_chosen_fills_the_form(a_parent: APlace) -> None:
    parent = a_parent(guardian="qd-wang")
    parent.say("我的报名进度")
    parent.say("老二的呢")
    parent.say("转人工")
    parent.press(TICKET)
    assert "孩子：王" in parent.say(WORDS).words


@pytest.mark.parametrize("typed", [True, False])
def test_a_guardian_of_twins_is_asked_which_child_and_not_what_is_known_of_it(
    a_parent: APlace, staff: TicketStaff, typed: bool
) -> None:
    parent = a_parent(guardian="qd-wang")
    parent.say("转人工")
    asked = parent.press(TICKET)
    assert [label[:2] for label in asked.labels] == ["老大", "老二", "都不", "取消"]
    assert (parent.say("老二") if typed else parent.press("老二")).labels == [SAY("ticket_cancel_option")]
    assert "孩子：王" in parent.say(WORDS).words
    kept = staff.read(cards(parent.press(SEND))[0]["id"])
    staff.give("claim", kept["id"])
    assert staff.case(kept["id"])["case"]["school"] == kept["school"]


def test_a_ticket_about_none_of_the_children_goes_without_an_application(a_parent: APlace, staff: TicketStaff) -> None:
    parent = a_parent(guardian="cq-chen")
    parent.say("转人工")
    parent.press(TICKET)
    parent.say(WORDS)
    parent.press(SAY("ticket_edit_option"))
    parent.press(SAY("ticket_field_child"))
    assert "孩子：" not in parent.press(SAY("ticket_no_child_option")).words
    kept = staff.read(cards(parent.press(SEND))[0]["id"])
    assert (kept["messages"][0]["text"], kept["about_application"]) == (WORDS, False)


@pytest.mark.parametrize(
    ("city", "question", "entry", "offered"),
    [
        ("chongqing", "维护子女信息时查到的孩子姓名和出生证不一致", "cq-11", True),
        ("qingdao", "提示身份证号已被占用", "qd-b02", True),
        ("qingdao", "报名儿童显示的不是我的孩子", "qd-b03", True),
        ("chongqing", "刷脸查不到孩子", "cq-10", False),
    ],
)
def test_an_answer_that_only_people_can_settle_comes_with_the_offer(
    a_parent: APlace, city: str, question: str, entry: str, offered: bool
) -> None:
    turn = a_parent(city=city).say(question)
    assert (turn.entries, TICKET in turn.labels) == ([entry], offered)


def test_a_branch_that_the_parent_can_settle_alone_comes_without_the_offer(a_parent: APlace) -> None:
    parent = a_parent(city="qingdao")
    turn = parent.say("报名儿童显示的不是我的孩子")
    assert TICKET not in parent.press("APP或支付宝绑定的信息有误").labels
    parent.last = turn
    assert TICKET in parent.press("户口是集体户").labels


def test_entry_and_branch_lead_the_ticket_to_the_level_that_the_answer_names(
    a_parent: APlace, staff: TicketStaff
) -> None:
    parent = a_parent(city="qingdao", district="市北区")
    parent.say("报名儿童显示的不是我的孩子")
    parent.press("户口是集体户")
    card = ticket_of(parent, SAY("ticket_no_school_option"), SAY("ticket_enough_option"))
    kept = staff.read(card["id"])
    assert (card["team"], kept["entry_id"], kept["branch"]) == ("教体局", "qd-b03", "collective")
    assert kept["messages"][0]["text"] == "报名儿童显示的不是我的孩子"


def test_after_no_answer_twice_in_a_row_people_are_offered_with_the_last_question(
    a_parent: APlace, staff: TicketStaff
) -> None:
    parent = a_parent(city="chongqing", district="渝北区")
    first = parent.say("学校校车经过哪些路口")
    assert (first.outcome, TICKET in first.labels) == ("no_official_answer", False)
    assert parent.say("谢谢").kind == "small_talk"
    second = parent.say("学校校车经过哪些路口")
    assert (second.kind, second.labels[-2:]) == ("no_answer", [SAY("person_option"), TICKET])
    card = ticket_of(parent, SAY("ticket_no_school_option"))
    assert staff.read(card["id"])["messages"][0]["text"] == "学校校车经过哪些路口"
    parent.say("刷脸查不到孩子")
    assert TICKET not in parent.say("学校校车经过哪些路口").labels
