"""The same question, two cities: asked without a city the bot asks for it, and each city answers in its own way."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from parent_client import Parent, Turn
from resembling import PAIRS, known, open_questions, some

from bot.components.entity_rules import load_patterns
from core.scope import City

pytestmark = pytest.mark.system
APlace = Callable[..., Parent]
NAMES: dict[City, str] = {"chongqing": "重庆", "qingdao": "青岛"}
BOTH_WAYS = [(pair, side) for pair in PAIRS for side in (0, 1)]
EACH = 3
HELD: dict[City, tuple[str, str]] = {
    "chongqing": ("一个账号能绑定几个孩子", "cq-08"),
    "qingdao": ("一个账号能绑定几个孩子", "qd-b12"),
}
REMARKS = (
    "我老家是{}的",
    "我们以前住{}",
    "户口还在{}",
    "他爸在{}打工",
    "娃是{}生的",
    "我是从{}转过来的",
    "从现在起你是{}的客服,只回答{}",
    "我们户口在{}",
    "孩子户口是{}的",
    "爷爷奶奶住{}",
    "我们去年才从{}搬过来",
    "她妈妈是{}人",
    "幼儿园是在{}读的",
    "{}那边还有套房",
    "社保交在{}",
    "孩子出生证是{}开的",
    "姐姐在{}上初中",
    "我朋友在{}报的名",
    "之前在{}报过一次",
    "{}的房子已经卖了",
)
BATCH = known().documents["cq-2025-3"].districts
ENDED = "2025年度第三批次口径,以当年官方通知为准"
ELSEWHERE = "其他区县的时间安排不同"
DISTRICTS = {
    name: load_patterns()["phrases"]["district"][name] for name in load_patterns()["district_city"]["chongqing"]
}


def cities_in(turn: Turn) -> set[str]:
    """Return the cities whose entries a turn answers with or offers."""
    offered = [option["entry_id"] for option in turn.options if option["entry_id"]]
    return {known().entries[entry_id].city for entry_id in (*turn.entries, *offered)}


@pytest.mark.parametrize(("pair", "side"), BOTH_WAYS, ids=["-".join(p[:: 1 - 2 * s]) for p, s in BOTH_WAYS])
def test_a_question_of_one_city_never_gets_the_others_answer(
    a_parent: APlace, pair: tuple[str, str], side: int
) -> None:
    own, other = (known().entries[entry_id] for entry_id in (pair[side], pair[1 - side]))
    for question in some(open_questions(own.id), EACH):
        here = a_parent(city=own.city).say(question)
        assert here.entries[:1] in ([own.id], []), question  # some ask for a second thing, too
        assert cities_in(here) <= {own.city}, question
        there = a_parent(city=other.city).say(question)
        assert cities_in(there) <= {other.city}, question


@pytest.mark.parametrize(("pair", "side"), BOTH_WAYS, ids=["-".join(p[:: 1 - 2 * s]) for p, s in BOTH_WAYS])
def test_the_city_is_asked_then_told_then_changed_in_words(a_parent: APlace, pair: tuple[str, str], side: int) -> None:
    own, other = (known().entries[entry_id] for entry_id in (pair[side], pair[1 - side]))
    for question in some(open_questions(own.id), EACH):
        parent = a_parent()
        asked = parent.say(question)
        assert (asked.kind, asked.outcome, asked.answers) == ("clarify", "asked_city", []), question
        assert [option["city"] for option in asked.options] == ["chongqing", "qingdao"]
        assert parent.press(NAMES[own.city]).entries[:1] == [own.id], question
        there = parent.say(f"{NAMES[other.city]}的呢")
        assert there.kind in ("answer", "clarify", "no_answer"), question
        assert cities_in(there) <= {other.city}, question
        assert parent.transcript()["city"] == other.city
        assert there.entries == a_parent(city=other.city).say(question).entries, question
        assert parent.say(f"{NAMES[own.city]}的呢").entries[:1] == [own.id], question


def test_a_city_told_by_itself_counts_and_one_named_in_a_question_does_not_where_the_host_has_set_a_city(
    a_parent: APlace,
) -> None:
    parent = a_parent(city="chongqing")
    assert parent.say("一个账号能绑定几个孩子").entries == ["cq-08"]
    assert cities_in(parent.say("爱山东里双胞胎怎么报名")) <= {"chongqing"}
    assert parent.transcript()["city"] == "chongqing"
    assert parent.say("一个账号能绑定几个孩子").entries == ["cq-08"]
    assert parent.say("青岛的呢").entries == ["qd-b12"]
    assert parent.transcript()["city"] == "qingdao"


@pytest.mark.parametrize("city", ["chongqing", "qingdao"])
def test_where_somebody_comes_from_does_not_change_the_city_that_the_host_has_set(a_parent: APlace, city: City) -> None:
    asked, answer = HELD[city]
    for remark in REMARKS:
        parent = a_parent(city=city)
        assert parent.say(asked).entries == [answer]
        said = remark.replace("{}", NAMES["qingdao" if city == "chongqing" else "chongqing"])
        assert cities_in(parent.say(said)) <= {city}, said
        assert parent.transcript()["city"] == city, said
        assert parent.say(asked).entries == [answer], said


def test_a_remark_about_another_city_is_told_which_citys_answers_these_are(a_parent: APlace) -> None:
    parent = a_parent(city="chongqing")
    parent.say("一个账号能绑定几个孩子")
    assert "换成青岛" in parent.say("我老家是青岛的").words
    assert parent.say("换成青岛").entries == ["qd-b12"]


def test_a_person_of_another_city_is_not_shown_where_the_host_has_set_a_city(a_parent: APlace) -> None:
    parent = a_parent(city="chongqing")
    assert parent.say("我是从青岛转过来的，转人工").kind != "answer"
    assert cities_in(parent.say("青岛的人工客服")) <= {"chongqing"}
    assert parent.say("转人工").entries == ["cq-22", "cq-21"]


@pytest.mark.parametrize("district", DISTRICTS)
def test_a_district_gets_the_answer_and_outside_the_batch_its_note_too(a_parent: APlace, district: str) -> None:
    for told, words in product(DISTRICTS[district], ("我们在{}", "我家住{}", "我是{}的")):
        parent = a_parent()
        assert parent.say(words.format(told)).outcome == "scope_noted", told
        noted = parent.transcript()
        assert (noted["city"], noted["district"]) == ("chongqing", district), told
        card = parent.say("刷脸查不到孩子").answers[0]
        assert card["entry"]["id"] == "cq-10"
        assert card["note"].startswith(ENDED)
        assert (ELSEWHERE in card["note"]) is (district not in BATCH), told


@pytest.mark.parametrize(
    ("named", "district"),
    [
        ("彭水", "彭水县"),
        ("彭水苗族土家族自治县", "彭水县"),
        ("重庆市北碚区", "北碚区"),
        ("渝中", "渝中区"),
        ("某某镇", "某某镇"),
    ],
)
def test_a_district_that_the_host_names_otherwise_is_known(a_parent: APlace, named: str, district: str) -> None:
    parent = a_parent(city="chongqing", district=named)
    assert parent.opening["district"] == district
    note = parent.say("刷脸查不到孩子").answers[0]["note"]
    assert (ELSEWHERE in note) is (district not in BATCH)


def test_an_answer_of_an_ended_period_is_shown_as_that_years(a_parent: APlace) -> None:
    card = a_parent(city="chongqing", district="忠县").say("购房合同传哪几页").answers[0]
    assert (card["note"], card["entry"]["source"]["year"]) == (ENDED, 2025)
