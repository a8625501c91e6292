"""A ticket's form and what parents do with tickets, in this process: limits, time, faults, tickets of others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from desk_made import Talk, made_desk
from parent_client import Turn
from sqlalchemy import delete, event
from sqlalchemy.exc import OperationalError

from bot.actions.arbitration import decide
from bot.actions.desk import Act, Desk, Work, finish
from bot.actions.entities import Named
from bot.actions.form_fields import (
    LONGEST_QUESTION,
    adds_more,
    asks_for_ticket,
    asks_something,
    fits,
    leaves_open,
    wants_to_edit,
    wants_to_send,
    wants_to_stop,
    with_child,
    with_field,
)
from bot.actions.person import offer_person
from bot.actions.talking import confirm, small_talk
from bot.actions.ticket_form import begin
from bot.actions.words import Words
from conversations.reply import Choice, FormChild, Intent, Memory, Message, Option, OptionsMessage, Reply, TicketForm
from conversations.storage import ConversationStore, FinishedTurn, Identity
from conversations.storage import Turn as OpenedTurn
from core import clock
from core.scope import Scope
from enrollment.backend import EnrollmentBackend
from enrollment.models import Application
from escalation.listing import Filter, Reach
from escalation.rows import TICKETS
from escalation.rules import Actor, Command
from retrieval.normalise import normalise

SAY = Words().say
TICKET, SEND = SAY("ticket_option"), SAY("ticket_send_option")
HERE = Scope("chongqing", "渝北区")
TEACHER = Actor("school-1", "王老师", "school")
WORDS = "照片一直传不上去"
DEGRADED = SAY("degraded")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with made_desk(tmp_path_factory.mktemp("form")) as made:
        yield made


def card(turn: Turn) -> dict[str, Any]:
    found: dict[str, Any] = next(m["ticket"] for m in turn.raw["messages"] if m["type"] == "ticket")
    return found


def offer(talk: Talk, **choice: Any) -> None:
    """Let the bot offer one button, named 按钮."""
    option = Option(label="按钮", choice=Choice.model_validate(choice))
    message: list[Message] = [OptionsMessage(text="请选择：", purpose="ticket", options=[option])]
    key = f"test:{talk.desk.store.get(talk.id).last_seq}"
    assert talk.desk.news.announce(talk.id, key, message, clock.now())
    talk.offered()


def begun(desk: Desk, scope: Scope = HERE) -> Talk:
    talk = Talk(desk, scope)
    offer(talk, do="ticket")
    talk.press("按钮")
    return talk


def filled(desk: Desk) -> Talk:
    talk = begun(desk)
    talk.press(SAY("ticket_no_school_option"))
    talk.say(WORDS)
    return talk


def settled(desk: Desk) -> tuple[Talk, str]:
    talk = filled(desk)
    ticket_id = card(talk.press(SEND))["id"]
    for command in (Command("claim", 2), Command("resolve", 3, text="已处理。")):
        desk.tickets.act(ticket_id, command, Actor("district-1", "区县", "district"), Reach())
    return talk, ticket_id


def acted(desk: Desk, *names: str) -> tuple[Talk, str]:
    """Return a talk without open questions, whose ticket staff have claimed and then moved by these commands."""
    talk = filled(desk)
    ticket_id = card(talk.press(SEND))["id"]
    for name in ("claim", *names):
        version = desk.tickets.read(ticket_id, Reach()).ticket.version
        command = Command(name, version, text="" if name == "claim" else "请说明。")  # type: ignore[arg-type]
        desk.tickets.act(ticket_id, command, Actor("district-1", "区县", "district"), Reach())
    return talk, ticket_id


def last_words(desk: Desk, ticket_id: str) -> str:
    return desk.tickets.read(ticket_id, Reach()).messages[-1].text


@pytest.mark.parametrize("name", ["ask_parent", "reply"])
@pytest.mark.parametrize("words", ["照片是上周五拍的", "张小明", "换了电脑也一样，还是传不上去"])
def test_what_is_typed_to_people_who_wait_reaches_them_without_a_button(desk: Desk, name: str, words: str) -> None:
    talk, ticket_id = acted(desk, name)
    assert talk.say(words).outcome == "ticket_added"
    assert (last_words(desk, ticket_id), desk.tickets.find(ticket_id, Reach()).state) == (words, "working")


def test_a_question_is_answered_while_people_wait_and_can_be_passed_on(desk: Desk) -> None:
    talk, ticket_id = acted(desk, "ask_parent")
    turn = talk.say("刷脸查不到孩子怎么办")
    assert (turn.entries, SAY("ticket_pass_on_option") in turn.labels) == (["cq-10"], True)
    assert desk.tickets.find(ticket_id, Reach()).state == "waiting_parent"
    assert talk.press(SAY("ticket_pass_on_option")).outcome == "ticket_added"
    assert last_words(desk, ticket_id) == "刷脸查不到孩子怎么办"


def test_nothing_is_passed_on_while_nobody_waits_for_it(desk: Desk) -> None:
    talk, ticket_id = acted(desk)
    assert SAY("ticket_pass_on_option") not in talk.say("照片是上周五拍的").labels
    assert last_words(desk, ticket_id) == WORDS


@pytest.mark.parametrize("names", [(), ("ask_parent",), ("reply",), ("resolve",)])
@pytest.mark.parametrize("words", ["我的工单有答复了吗", "老师回复了没有", "查一下工单"])
def test_asking_for_the_ticket_shows_it(desk: Desk, names: tuple[str, ...], words: str) -> None:
    talk, ticket_id = acted(desk, *names)
    shown = talk.say(words)
    assert (shown.outcome, card(shown)["id"]) == ("ticket_shown", ticket_id)


def tickets_of(talk: Talk) -> list[str]:
    page = talk.desk.tickets.listed(Filter(limit=100), Reach(made_by=f"parent:{talk.id}"), clock.now())
    return [ticket.id for ticket in page.tickets]


def test_form_is_filled_and_sent_without_rasa(desk: Desk) -> None:
    talk = filled(desk)
    made = talk.press(SEND)
    assert (made.outcome, card(made)["team"]) == ("ticket_made", "区教委")
    assert tickets_of(talk) == [card(made)["id"]]


def test_what_happened_takes_many_messages_up_to_its_limit_and_loses_none(desk: Desk) -> None:
    talk = begun(desk)
    talk.press(SAY("ticket_no_school_option"))
    part = "字" * (desk.settings.message_max_chars - 1)
    talk.say(part)
    for _ in range(LONGEST_QUESTION // desk.settings.message_max_chars - 1):
        talk.press(SAY("ticket_edit_option"))
        talk.press(SAY("ticket_field_question"))
        assert talk.say(part).outcome == "ticket_form"
    talk.press(SAY("ticket_edit_option"))
    talk.press(SAY("ticket_field_question"))
    assert SAY("ticket_too_long", limit=LONGEST_QUESTION) in talk.say(part).words
    talk.press(SAY("ticket_enough_option"))
    ticket_id = card(talk.press(SEND))["id"]
    question = desk.tickets.read(ticket_id, Reach()).messages[0].text
    assert question.count("字") == 8 * len(part)
    assert len(question) <= LONGEST_QUESTION


def test_school_has_a_limit_too_and_is_asked_again(desk: Desk) -> None:
    talk = begun(desk)
    asked = talk.say("很长的校名" * 13)
    assert SAY("ticket_too_long", limit=60) in asked.words
    assert SAY("ticket_no_school_option") in asked.labels


def test_words_can_be_written_anew(desk: Desk) -> None:
    talk = filled(desk)
    talk.press(SAY("ticket_edit_option"))
    talk.press(SAY("ticket_field_question"))
    talk.press(SAY("ticket_anew_option"))
    assert talk.say("换一个说法").words.split("情况：")[1].startswith("换一个说法")


def test_the_answer_that_a_form_is_about_is_shown_and_can_be_dropped(desk: Desk) -> None:
    talk = Talk(desk, HERE)
    talk.say("刷脸查不到孩子")
    label = desk.knowledge.entries["cq-10"].label
    offer(talk, do="ticket")
    talk.press("按钮")
    talk.press(SAY("ticket_no_school_option"))
    summary = talk.press(SAY("ticket_enough_option"))
    assert SAY("ticket_summary_entry", entry=label) in summary.words
    talk.press(SAY("ticket_edit_option"))
    assert label not in talk.press(SAY("ticket_no_entry_option")).words
    ticket = desk.tickets.find(card(talk.press(SEND))["id"], Reach())
    assert (ticket.entry, ticket.branch, ticket.topic) == (None, None, "other")


def test_what_is_written_anew_goes_without_the_last_answer(desk: Desk) -> None:
    talk = Talk(desk, HERE)
    talk.say("刷脸查不到孩子")
    offer(talk, do="ticket")
    talk.press("按钮")
    talk.press(SAY("ticket_no_school_option"))
    talk.press(SAY("ticket_anew_option"))
    talk.say("残疾儿童怎样随班就读，请老师告诉我")
    ticket = desk.tickets.find(card(talk.press(SEND))["id"], Reach())
    assert (ticket.entry, ticket.topic) == (None, "other")


def test_an_answer_to_an_earlier_question_does_not_belong_to_the_form(desk: Desk) -> None:
    memory = Memory(last_question="校车经过哪里", last_entries=["cq-10"], shown=[])
    talk = Talk(desk, HERE)
    turn, conversation = desk.store.begin_turn(talk.id, "转人工", None)
    work = Work(desk, turn, replace(conversation, memory=memory))
    asyncio.run(begin(work))
    assert work.memory.form
    assert (work.memory.form.question, work.memory.form.entry) == ("校车经过哪里", None)


def test_a_district_that_we_do_not_know_is_asked_once_more_and_then_goes_with_the_question(desk: Desk) -> None:
    talk = begun(desk, Scope("chongqing"))
    again = talk.say("大学城")
    assert SAY("ticket_no_such_district", words="大学城") in again.words
    assert SAY("ticket_no_district_option") in again.labels
    talk.say("开发区那边")
    assert f"区县：{SAY('ticket_not_known')}\n您说的地点：开发区那边" in talk.say(WORDS).words
    file = desk.tickets.read(card(talk.press(SEND))["id"], Reach())
    assert (file.ticket.place.district, file.ticket.level) == (None, "city")
    assert file.messages[0].text == f"{WORDS}\n您说的地点：开发区那边"


def test_a_district_that_is_put_right_leaves_nothing_of_the_wrong_words(desk: Desk) -> None:
    talk = begun(desk, Scope("chongqing"))
    talk.say("大学城")
    talk.say("沙坪坝")
    talk.press(SAY("ticket_no_school_option"))
    summary = talk.say(WORDS).words
    assert ("区县：沙坪坝区" in summary, "大学城" in summary) == (True, False)


class DyingStore(ConversationStore):
    """A store that dies once when a ticket's turn is to be reported."""

    dies = 1

    def leave_reply(self, turn: OpenedTurn, reply: Reply, *, scope: Scope, memory: Memory) -> FinishedTurn | None:
        if self.dies and reply.outcome == "ticket_made":
            self.dies -= 1
            raise OperationalError("UPDATE", {}, Exception("the database is away"))
        return super().leave_reply(turn, reply, scope=scope, memory=memory)


def test_turn_that_died_after_its_ticket_was_made_is_repeated_with_the_same_ticket(desk: Desk) -> None:
    talk = filled(desk)
    talk.desk = replace(desk, store=DyingStore(desk.store.engine))
    summary = talk.last
    assert talk.press(SEND).kind == "error"
    made_before = tickets_of(talk)
    talk.last = summary
    made = talk.press(SEND)
    assert (made.outcome, [card(made)["id"]]) == ("ticket_made", made_before)
    assert tickets_of(talk) == made_before


def test_form_whose_sending_was_not_reported_does_not_stand_in_the_way_of_another(desk: Desk) -> None:
    talk = filled(desk)
    talk.desk = replace(desk, store=DyingStore(desk.store.engine))
    assert talk.press(SEND).kind == "error"
    offer(talk, do="ticket_resume")
    assert talk.press("按钮").outcome == "ticket_shown"
    talk.press(SAY("ticket_new_option"))
    talk.press(SAY("ticket_no_school_option"))
    talk.say("第二件事")
    talk.press(SEND)
    assert len(tickets_of(talk)) == 2


def test_ticket_settled_more_than_seven_days_ago_is_not_reopened_and_a_new_one_is_offered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk, ticket_id = settled(desk)
    offer(talk, do="ticket_unsolved", ticket_id=ticket_id)
    buttons = talk.last
    talk.press("按钮")
    moment = clock.now() + timedelta(days=7, minutes=1)
    monkeypatch.setattr(clock, "now", lambda: moment)
    late = talk.say("还是传不上去")
    assert (late.kind, late.outcome, late.words) == (
        "handoff",
        "ticket_refused",
        f"{SAY('ticket_too_old')}\n{DEGRADED}",
    )
    talk.last = buttons
    assert talk.press("按钮").words == SAY("ticket_too_old")
    assert desk.tickets.read(ticket_id, Reach()).ticket.state == "resolved"
    assert SAY("ticket_no_school_option") in talk.press(SAY("ticket_new_option")).labels


def test_ticket_that_was_erased_is_told_as_gone(desk: Desk) -> None:
    talk, ticket_id = settled(desk)
    with desk.store.engine.begin() as connection:
        connection.execute(delete(TICKETS).where(TICKETS.c.id == ticket_id))
    for do in ("ticket_add", "ticket_solved", "ticket_unsolved"):
        offer(talk, do=do, ticket_id=ticket_id)
        gone = talk.press("按钮")
        assert (gone.outcome, gone.words) == ("ticket_refused", SAY("ticket_gone"))


@pytest.mark.parametrize("do", ["ticket_add", "ticket_solved", "ticket_unsolved"])
def test_ticket_of_another_conversation_cannot_be_acted_on(desk: Desk, do: str) -> None:
    other, ticket_id = settled(desk)
    before = desk.tickets.read(ticket_id, Reach())
    talk = Talk(desk, HERE)
    offer(talk, do=do, ticket_id=ticket_id)
    assert talk.press("按钮").words == SAY("ticket_gone")
    offer(talk, do=do, ticket_id=ticket_id, value="plain")
    assert talk.press("按钮").outcome == "ticket_refused"
    assert desk.tickets.read(ticket_id, Reach()) == before
    assert other.id != talk.id


def test_buttons_of_a_form_that_is_gone_or_another_do_nothing_to_the_present_one(desk: Desk) -> None:
    talk = filled(desk)
    old = talk.last
    talk.press(SAY("ticket_cancel_option"))
    talk.last = old
    gone = talk.press(SEND)
    assert (gone.outcome, gone.labels) == ("ticket_refused", [TICKET])
    talk.press(TICKET)
    talk.press(SAY("ticket_no_school_option"))
    talk.say("第二件事")
    talk.last = old
    assert talk.press(SEND).outcome == "ticket_refused"
    talk.last = old
    assert "第二件事" in talk.press(SAY("ticket_cancel_option")).words
    assert tickets_of(talk) == []


def test_ordinary_turn_asks_nothing_of_the_tickets(desk: Desk) -> None:
    talk = Talk(desk, HERE)
    seen: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(desk.store.engine, "before_cursor_execute", note)
    try:
        assert talk.say("刷脸查不到孩子").entries == ["cq-10"]
        assert talk.say("学校校车经过哪些路口").kind == "no_answer"
    finally:
        event.remove(desk.store.engine, "before_cursor_execute", note)
    assert seen
    assert [one for one in seen if "tickets" in one or "outbox" in one] == []


def test_with_the_city_or_district_goes_what_depends_on_it() -> None:
    form = TicketForm(key="k", city="chongqing", district="渝北区", school="某小学", question="问", child="张*")
    form = form.model_copy(update={"application_id": "CQ-1"})
    moved = with_field(form, "city", "qingdao")
    assert (moved.district, moved.school, moved.child, moved.to_ask) == (None, None, None, ["district", "school"])
    assert moved.application_id is None
    other = with_field(form, "district", "忠县")
    assert other.application_id == "CQ-1"
    assert (other.city, other.school, other.child, other.to_ask) == ("chongqing", None, "张*", ["school"])
    unknown = with_field(form, "district", None)
    assert (unknown.school, unknown.to_ask) == (None, [])
    assert with_field(form, "district", "渝北区") == form


TWINS = [
    FormChild(order=n, application_id=f"QD-{n}", city="qingdao", district="市南区", school="某小学", child=f"王{n}*",
              closes_at=None) for n in (1, 2)
]  # fmt: skip


def test_a_child_brings_its_application_and_none_takes_it_away() -> None:
    form = TicketForm(key="k", children=TWINS, to_ask=["child", "city", "district", "school", "question"])
    second = with_child(form, "QD-2")
    assert (second.child, second.application_id, second.district, second.to_ask) == (
        "王2*",
        "QD-2",
        "市南区",
        ["question"],
    )
    none = with_child(second, None)
    assert (none.child, none.application_id, none.school, none.to_ask) == (None, None, "某小学", ["question"])
    assert with_child(form, None).to_ask == ["city", "district", "school", "question"]


class Family:
    """A backend that knows one family."""

    async def applications_of(self, guardian: str, city: str) -> list[Application]:
        at, common = clock.now(), {"city": city, "district": "市南区", "school": "某小学", "stage": "幼升小"}
        times = {"since": at, "as_of": at, "window_open": False, "state": "填报中"}
        return [Application(id=f"QD-{n}", child=f"王{n}*", birth_order=n, **common, **times) for n in (1, 2)]


def of_twins(desk: Desk) -> Talk:
    talk = Talk(replace(desk, backend=cast("EnrollmentBackend", Family())), HERE)
    identity = Identity("of-twins", "qingdao", str(uuid4()), clock.now() + timedelta(hours=1))
    talk.conversation = desk.store.create(Scope("qingdao"), [], identity)[0]
    talk.id = talk.conversation.id
    offer(talk, do="ticket")
    talk.press("按钮")
    return talk


@pytest.mark.parametrize("typed", [True, False])
def test_a_guardian_of_twins_is_asked_which_child_and_not_what_is_known_of_it(desk: Desk, typed: bool) -> None:
    talk = of_twins(desk)
    assert talk.last
    assert talk.last.labels == ["老大 王1*", "老二 王2*", SAY("ticket_no_child_option"), SAY("ticket_cancel_option")]
    asked = talk.say("老二") if typed else talk.press("老二")
    assert asked.labels == [SAY("ticket_cancel_option")]
    assert "学校：某小学\n孩子：王2*" in talk.say(WORDS).words
    ticket = desk.tickets.find(card(talk.press(SEND))["id"], Reach())
    assert (ticket.application_id, ticket.place.district) == ("QD-2", "市南区")


def test_the_child_can_be_changed_and_left_out_with_its_application(desk: Desk) -> None:
    talk = of_twins(desk)
    talk.press("老大")
    talk.say(WORDS)
    talk.say("改孩子")
    assert "孩子：王2*" in talk.press("老二").words
    talk.press(SAY("ticket_edit_option"))
    talk.press(SAY("ticket_field_child"))
    assert "孩子：" not in talk.press(SAY("ticket_no_child_option")).words
    file = desk.tickets.read(card(talk.press(SEND))["id"], Reach())
    assert (file.ticket.application_id, file.messages[0].text) == (None, WORDS)


def test_about_none_of_the_children_the_place_is_asked(desk: Desk) -> None:
    talk = of_twins(desk)
    assert SAY("ticket_no_district_option") in talk.say("都不是").labels


@pytest.mark.parametrize(
    ("words", "intent", "act", "outcome"),
    [
        ("还是不行", "deny", confirm, "ticket_added"),
        ("气死我了", "complain", small_talk, "ticket_added"),
        ("是的", "affirm", confirm, "acknowledged"),
        ("谢谢老师", "thank", small_talk, "thanked"),
        ("转人工", "ask_human", offer_person, "ticket_shown"),
    ],
)
def test_what_rasa_is_sure_of_decides_what_reaches_the_people_who_wait(
    desk: Desk, words: str, intent: str, act: Act, outcome: str
) -> None:
    talk, ticket_id = acted(desk, "reply")
    turn, conversation = desk.store.begin_turn(talk.id, words, None)
    work = Work(desk, turn, conversation, intent=Intent(name=intent, confidence=0.99))
    assert asyncio.run(finish(work, decide(work, act))) == outcome
    assert (last_words(desk, ticket_id) == words) is (outcome == "ticket_added")
    talk.offered()
    assert talk.last
    assert (SAY("ticket_pass_on_option") in talk.last.labels) is (outcome == "acknowledged")


@pytest.mark.parametrize(("words", "meant"), [("老二", True), ("都不是", True), ("老二的报名进度到哪了", False)])
def test_words_that_name_a_child_are_told_from_questions(desk: Desk, words: str, meant: bool) -> None:
    assert fits("child", words, desk.entities.read(words)) is meant


@pytest.mark.parametrize("name", ["人民小学", "渝北区第一实验小学(北校区)", "市南区嘉峪关学校", "八中附小", "还没有定"])
def test_names_of_schools_are_told_from_questions(name: str) -> None:
    assert fits("school", name, Named()) is (name != "还没有定")


@pytest.mark.parametrize("question", ["小学怎么报名", "哪所学校好", "上小学要什么材料", "学校几点放学?"])
def test_questions_are_not_taken_for_schools(question: str) -> None:
    assert not fits("school", question, Named())


@pytest.mark.parametrize(
    ("means", "words"),
    [
        (wants_to_stop, "算了 取消。 不用了谢谢 算了不想说了 不提交"),
        (leaves_open, "不知道 我不知道在哪个区 也不清楚是哪个区 还没选 不知道叫什么 没有 忘了 不记得了"),
        (wants_to_send, "提交 好 好的，提交吧 可以 嗯嗯 对的 没问题 确认提交 提交申请 确定"),
        (wants_to_edit, "修改 改一下 改学校 我要修改区县 不对，改一下 区县 情况"),
        (adds_more, "还有一点，老师说材料不全 另外，明天就截止了"),
        (asks_for_ticket, "工单 我的工单呢 工单4829-1373 工单怎么样了 老师回复了没有 你们什么时候回复 还没有人回复我"),
        (asks_something, "怎么转学籍 截止时间是哪天 什么意思 为什么要问这个 先凑合报行不 要得不 还能不 用不用盖章"),
    ],
)
def test_typed_words_mean_one_thing(means: Callable[[str], bool], words: str) -> None:
    others = {wants_to_stop, leaves_open, wants_to_send, wants_to_edit, adds_more}
    for one in map(normalise, words.split()):
        assert means(one), one
        assert [other.__name__ for other in others - {means} if other(one)] == [], one


@pytest.mark.parametrize(
    "words",
    [
        "工单上的名字写错了",
        "老师说材料不全",
        "我回复过老师了",
        "学校没有处理",
        "照片传不上去",
        "渝北区第一实验小学",
        "等一下",
        "还是不行,改了三次学校名",
        "算了一下还差三天",
    ],
)
def test_other_words_mean_none_of_it(words: str) -> None:
    meanings = (wants_to_stop, leaves_open, wants_to_send, wants_to_edit, adds_more, asks_something, asks_for_ticket)
    assert [one.__name__ for one in meanings if one(normalise(words))] == []


@pytest.mark.parametrize(("words", "entries"), [("渝快办账号注册失败怎么办", ["cq-02"]), ("为什么要问这个", [])])
def test_a_question_is_not_taken_for_a_school(desk: Desk, words: str, entries: list[str]) -> None:
    talk = begun(desk)
    turn = talk.say(words)
    assert (turn.entries, turn.labels[-1]) == (entries, SAY("ticket_resume_option"))
    assert SAY("ticket_no_school_option") in talk.press(SAY("ticket_resume_option")).labels


def test_at_the_summary_typed_words_send_change_or_add(desk: Desk) -> None:
    talk = filled(desk)
    assert f"情况：{WORDS}\n还有，明天就截止了" in talk.say("还有，明天就截止了").words
    menu = talk.say("修改")
    assert SAY("ticket_field_district") in menu.labels
    assert talk.say("好的").outcome != "ticket_made", "it is not the whole that was to be approved"
    talk.last = menu
    talk.press(SAY("ticket_no_change_option"))
    assert SAY("ticket_no_school_option") in talk.say("改学校").labels
    assert "学校：人民小学" in talk.say("人民小学").words
    assert talk.say("好的").outcome == "ticket_made"
