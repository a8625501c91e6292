"""What the bot has asked may be answered in words, survives an aside, and belongs to its own question."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from desk_running import Service
from parent_client import Parent
from sqlalchemy import select

from conversations.storage import open_engine
from conversations.tables import FeedbackRow

pytestmark = pytest.mark.system
APlace = Callable[..., Parent]
UNSURE = ("登录不上", "孩子信息")
"""Words that lead to several entries: in Qingdao, in Chongqing."""


@pytest.mark.parametrize(
    ("words", "at"), [("第一个", 0), ("1", 0), ("第二个", 1), ("选2", 1), ("后面那个", -1), ("我问的是第二个", 1)]
)
@pytest.mark.parametrize(("city", "unsure"), [("qingdao", UNSURE[0]), ("chongqing", UNSURE[1])])
def test_an_offered_entry_is_chosen_by_its_place(a_parent: APlace, city: str, unsure: str, words: str, at: int) -> None:
    parent = a_parent(city=city)
    asked = parent.say(unsure)
    assert asked.outcome == "asked_which"
    offered = [option["entry_id"] for option in asked.options if option["entry_id"]]
    chosen = parent.say(words)
    assert (chosen.outcome, chosen.entries) == ("answered_by_choice", [offered[at]])


@pytest.mark.parametrize("aside", ["好的", "谢谢", "等一下"])
@pytest.mark.parametrize("city", ["重庆", "我们在合川"])
def test_the_question_still_waits_for_its_city_after_an_aside(a_parent: APlace, aside: str, city: str) -> None:
    parent = a_parent()
    assert parent.say("刷脸查不到娃儿怎么办").outcome == "asked_city"
    between = parent.say(aside)
    assert between.kind == "small_talk"
    assert between.asks("city")
    assert parent.say(city).entries == ["cq-10"]


def test_the_button_of_a_city_answers_the_question_under_which_it_stands(a_parent: APlace) -> None:
    parent = a_parent()
    asked = parent.say("刷脸查不到娃儿怎么办")
    assert parent.say("明天下雨吗").kind == "no_answer"
    parent.last = asked
    assert parent.press("重庆").entries == ["cq-10"]


def test_who_does_not_know_the_city_is_told_how_to_tell_it(a_parent: APlace) -> None:
    parent = a_parent()
    parent.say("刷脸查不到娃儿怎么办")
    again = parent.say("我不知道啊")
    assert (again.outcome, again.asks("city")) == ("asked_city", True)
    assert parent.say("用的渝快办").entries == ["cq-10"]


def test_an_offer_still_stands_after_thanks(a_parent: APlace) -> None:
    parent = a_parent(city="qingdao")
    offered = parent.say(UNSURE[0]).options
    parent.say("谢谢")
    assert parent.say("第二个").entries == [offered[1]["entry_id"]]


def test_what_is_chosen_later_is_kept_with_the_question_for_which_it_was_offered(
    a_parent: APlace, service: Service
) -> None:
    parent = a_parent(city="chongqing")
    asked = parent.say(UNSURE[1])
    answered = parent.say("购房合同传哪几页")
    parent.last = asked
    chosen = parent.press(asked.labels[0])
    parent.last = answered
    parent.press("解决了")
    parent.last = chosen
    parent.press("解决了")
    engine = open_engine(service.settings.database)
    with engine.connect() as connection:
        mine = select(FeedbackRow.verdict, FeedbackRow.entry_id, FeedbackRow.question)
        rows = connection.execute(mine.where(FeedbackRow.conversation_id == parent.id).order_by(FeedbackRow.id)).all()
    engine.dispose()
    first = asked.options[0]["entry_id"]
    assert [tuple(row) for row in rows] == [
        ("chosen", first, UNSURE[1]),
        ("solved", "cq-16", "购房合同传哪几页"),
        ("solved", first, UNSURE[1]),
    ]


def test_which_entry_is_meant_is_never_asked_twice_in_a_row(a_parent: APlace) -> None:
    parent = a_parent(city="qingdao")
    assert parent.say(UNSURE[0]).outcome == "asked_which"
    still = parent.say(UNSURE[0])
    assert (still.kind, still.outcome) == ("no_answer", "not_sure")
    assert "没有说明" not in still.words


@pytest.mark.parametrize("words", ["孩子信息", "账号", "材料"])
def test_after_other_entries_were_offered_none_are_offered_at_once(a_parent: APlace, words: str) -> None:
    parent = a_parent(city="chongqing")
    parent.say("刷脸查不到孩子")
    assert parent.press("不是我要问的").outcome == "asked_which"
    assert parent.say(words).outcome != "asked_which"


def test_which_entry_is_meant_may_be_asked_after_the_city(a_parent: APlace) -> None:
    parent = a_parent()
    assert parent.say(UNSURE[0]).outcome == "asked_city"
    assert parent.press("青岛").outcome == "asked_which"
    assert parent.say(UNSURE[0]).outcome == "not_sure"


@pytest.mark.parametrize(
    ("city", "question", "words", "branch"),
    [
        ("chongqing", "子女信息维护从哪里进", "电脑", "用电脑办理"),
        ("chongqing", "子女信息维护从哪里进", "2", "用手机办理"),
        ("chongqing", "不动产核定方式选房产查询还是房产核验", "在我名下", "房子在当前登录账号的人名下"),
        ("chongqing", "不动产核定方式选房产查询还是房产核验", "第二种", "房子不在当前登录账号的人名下"),
        ("chongqing", "图片传错了怎么办", "审核中", "办件是“审核”"),
        ("chongqing", "图片传错了怎么办", "第一个", "办件是“待审核”"),
        ("qingdao", "身份证号被占用了", "我老公可能报过了", "另一位家长已经给孩子报过名"),
        ("qingdao", "身份证号被占用了", "他爸爸报过了", "另一位家长已经给孩子报过名"),
        ("qingdao", "身份证号被占用了", "都不是", "都不是"),
        ("qingdao", "交了以后发现地址写错了咋改", "还没关", "信息采集还在开放时间内"),
        ("qingdao", "交了以后发现地址写错了咋改", "平台都关了呢", "平台已经关闭"),
    ],
)
def test_the_parents_case_is_told_in_words(a_parent: APlace, city: str, question: str, words: str, branch: str) -> None:
    parent = a_parent(city=city)
    asked = parent.say(question)
    assert asked.asks("branch")
    told = parent.say(words)
    assert (told.outcome, told.entries) == ("answered_by_choice", asked.entries)
    assert told.answers[0]["applies"]["branch"] == branch
    assert not told.asks("branch")


@pytest.mark.parametrize(
    ("words", "kind", "entries"),
    [
        ("家里老人不会用手机,我们又在外地", "answer", ["cq-21"]),
        ("购房合同传哪几页", "answer", ["cq-16"]),
        ("刷脸查不到孩子", "answer", ["cq-10"]),
        ("转人工", "handoff", ["cq-22", "cq-21"]),
        ("谢谢", "small_talk", []),
        ("陪我聊会儿天呗", "small_talk", []),
    ],
)
def test_what_is_not_the_asked_case_chooses_none(a_parent: APlace, words: str, kind: str, entries: list[str]) -> None:
    parent = a_parent(city="chongqing")
    assert parent.say("图片传错了怎么办").asks("branch")
    turn = parent.say(words)
    assert (turn.kind, turn.entries) == (kind, entries)


def test_a_single_offer_is_asked_as_yes_or_no_and_taken_with_a_nod(a_parent: APlace) -> None:
    for nod in ("嗯", "好的", "是的"):
        parent = a_parent(city="chongqing")
        asked = parent.say("渝北小升初啥时候报名")
        assert asked.outcome == "asked_which"
        offered = [option["entry_id"] for option in asked.options if option["entry_id"]]
        assert len(offered) == 1
        assert [m["text"] for m in asked.raw["messages"]] == ["您是想问这个吗？"]
        assert parent.say(nod).entries == offered


@pytest.mark.parametrize(
    ("city", "words"),
    [
        (None, "合川幼升小要啥材料"),
        (None, "渝北小升初啥时候报名"),
        (None, "市南区小升初怎么报"),
        (None, "青岛幼升小怎么报名"),
        ("chongqing", "渝北的怎么弄"),
    ],
)
def test_a_question_that_names_a_place_is_no_mere_telling_of_it(a_parent: APlace, city: str | None, words: str) -> None:
    parent = a_parent(**({"city": city} if city else {}))
    assert parent.say(words).kind in ("answer", "clarify", "no_answer")
    assert parent.transcript()["city"]


@pytest.mark.parametrize(
    ("city", "question", "there"),
    [("qingdao", "自动填的地址不对", "小升初呢"), ("chongqing", "刷脸查不到孩子", "渝中的呢")],
)
def test_the_same_question_is_answered_for_another_stage_or_district(
    a_parent: APlace, city: str, question: str, there: str
) -> None:
    parent = a_parent(city=city)
    first = parent.say(question)
    again = parent.say(there)
    assert again.entries == first.entries
    assert again.answers[0]["note"] != first.answers[0]["note"]


@pytest.mark.parametrize(
    ("city", "before", "words"),
    [
        ("chongqing", "当前区域选户口所在地还是房子所在地", "如果两个不一样呢"),
        ("chongqing", "暂未开放是啥意思啊点不动", "那好久开嘛"),
        ("chongqing", "图片传错了怎么办", "好久审完嘛"),
        ("qingdao", "要不要打疫苗本", "体检呢"),
    ],
)
def test_a_question_is_not_taken_for_talk(a_parent: APlace, city: str, before: str, words: str) -> None:
    parent = a_parent(city=city)
    parent.say(before)
    assert parent.say(words).kind in ("answer", "clarify", "no_answer")


@pytest.mark.parametrize("words", ["第一个", "第二个", "选第2个"])
def test_a_place_in_a_list_is_no_question_where_nothing_was_offered(a_parent: APlace, words: str) -> None:
    parent = a_parent(city="qingdao")
    assert parent.say("提交完发现填错了,平台还没关").entries == ["qd-b08"]
    assert parent.say(words).outcome == "not_sure"


def test_another_topic_in_a_few_words_is_not_answered_with_the_topic_before(a_parent: APlace) -> None:
    parent = a_parent(city="qingdao")
    assert parent.say("报名儿童怎么是别人家的孩子").entries == ["qd-b03"]
    assert "qd-b03" not in parent.say("登录不上").entries
