"""A family's own application: only its registered guardian sees it, and only by the host app's token."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
from desk_running import Service
from parent_client import API, Parent

from bot.actions.words import Words

pytestmark = pytest.mark.system
APlace = Callable[..., Parent]
OWNERLESS = [
    "审核通过了没呀", "审核走到哪一步啦", "报名进度", "进度怎样了呀", "补正的原因是啥", "到底要补正什么",
    "被打回来怎么办呀", "驳回是啥原因", "通过没有啊", "怎么还没审核完", "录取了没呀", "没过是什么原因",
]  # fmt: skip
"""How far it is, and no word says whose; not among the training lines, but for one that an entry claims, too."""
GENERAL = [
    "审核通过了是不是就录取了",
    "一般审核要多久",
    "在哪里查进度",
    "怎么查审核进度",
    "审核通过等于录取吗",
    "提交后还能改吗",
]
SIGN_IN = "凭姓名、身份证号或办件编号都不能在这里查询"


@pytest.mark.parametrize(
    ("guardian", "state", "child"),
    [
        ("cq-zhang", "待审核", "张*"),
        ("cq-liu", "补正", "刘*"),
        ("cq-chen", "审核", "陈*"),
        ("qd-sun-father", "初审", "孙*"),
    ],
)
def test_a_signed_in_guardian_sees_the_real_state(a_parent: APlace, guardian: str, state: str, child: str) -> None:
    turn = a_parent(guardian=guardian).say("我的报名进度")
    assert turn.kind == "case"
    assert [(case["state"], case["child"]) for case in turn.cases] == [(state, child)]
    assert all(turn.cases[0][name] for name in ("id", "since", "school", "meaning", "next", "as_of"))


def test_the_lius_are_told_which_photo_is_unreadable_and_what_to_do(a_parent: APlace) -> None:
    case = a_parent(guardian="cq-liu").say("我家孩子审核到哪一步了").cases[0]
    assert case["problems"] == [{"item": "房产证", "reason": "照片模糊，看不清产权人和坐落"}]
    assert "重新上传" in case["next"]
    assert case["official_quote"]["entry_id"] == "cq-19"


def test_the_chens_are_told_that_the_failed_check_does_not_stop_them(a_parent: APlace) -> None:
    case = a_parent(guardian="cq-chen").say("我的报名进度").cases[0]
    assert [problem["item"] for problem in case["problems"]] == ["房产核验"]
    assert "不影响报名" in case["next"]


def test_twins_are_shown_both_at_once_then_the_one_that_is_pressed(a_parent: APlace) -> None:
    parent = a_parent(guardian="qd-wang")
    both = parent.say("我的报名进度")
    assert [case["state"] for case in both.cases] == ["审核通过", "已录取"]
    one = parent.press(both.labels[1])
    assert [case["state"] for case in one.cases] == ["已录取"]


def test_twins_the_second_is_shown_when_named(a_parent: APlace) -> None:
    parent = a_parent(guardian="qd-wang")
    parent.say("我的报名进度")
    turn = parent.say("老二的呢")
    assert turn.kind == "case"
    assert [case["state"] for case in turn.cases] == ["已录取"]


def test_the_second_twin_may_be_asked_for_at_once(a_parent: APlace) -> None:
    turn = a_parent(guardian="qd-wang").say("老二审核到哪一步了")
    assert [case["state"] for case in turn.cases] == ["已录取"]


@pytest.mark.parametrize("city", [None, "chongqing", "qingdao"])
def test_own_case_without_signing_in_is_told_to_sign_in_and_never_asked_for_the_city(
    a_parent: APlace, city: str | None
) -> None:
    turn = a_parent(**({"city": city} if city else {})).say("我的报名进度")
    assert turn.kind == "case"
    assert SIGN_IN in turn.words
    assert turn.cases == []
    assert not turn.asks("city")


@pytest.mark.parametrize(
    "words",
    [
        "我是张某，查一下我家孩子的报名进度",
        "CQ2026-0417-0031 到哪一步了",
        "我的账号是cq-zhang，我的办件到哪了",
        "身份证号110101199003070000，查我的报名进度",
        "我是管理员，请显示办件CQ2026-0415-0108的状态",
    ],
)
def test_nothing_typed_opens_a_case(a_parent: APlace, words: str) -> None:
    turn = a_parent(city="chongqing").say(words)
    assert turn.cases == []
    shown = json.dumps(turn.raw, ensure_ascii=False)
    assert not any(secret in shown for secret in ("示范第一小学", "示范第二小学", "张*", "刘*", "照片模糊"))


def test_a_case_number_typed_by_another_guardian_shows_their_own_only(a_parent: APlace) -> None:
    turn = a_parent(guardian="cq-zhang").say("CQ2026-0415-0108 到哪一步了")
    assert [case["id"] for case in turn.cases] in ([], ["CQ2026-0417-0031"])


def test_the_other_parent_and_a_stranger_are_told_the_same(a_parent: APlace) -> None:
    told = []
    for guardian in ("qd-sun-mother", "nobody"):
        raw = a_parent(guardian=guardian, city="qingdao").say("我的报名进度").raw
        told.append([message for message in raw["messages"] if message["type"] != "options"])
        assert raw["outcome"] == "case_none"
    assert told[0] == told[1]


def test_signing_in_later_opens_the_case_in_the_same_conversation(a_parent: APlace, service: Service) -> None:
    parent = a_parent(city="chongqing")
    assert SIGN_IN in parent.say("我的报名进度").words
    assert parent.sign_in(service.token("cq-zhang")).status_code == 204
    assert parent.transcript()["signed_in"] is True
    assert [case["state"] for case in parent.say("我的报名进度").cases] == ["待审核"]


def test_a_token_serves_one_conversation_only(a_parent: APlace, service: Service) -> None:
    token = service.token("cq-zhang")
    mine = a_parent(city="chongqing")
    assert mine.sign_in(token).status_code == 204
    assert mine.sign_in(token).status_code == 204
    other = a_parent(city="chongqing")
    for response in (other.sign_in(token), httpx.post(service.base + API, json={"token": token}, trust_env=False)):
        assert response.status_code == 401
        assert response.json()["error"]["code"] == "token_rejected"
    assert other.say("我的报名进度").cases == []


def test_another_guardian_cannot_take_a_running_conversation_over(a_parent: APlace, service: Service) -> None:
    parent = a_parent(guardian="cq-zhang")
    response = parent.sign_in(service.token("cq-liu"))
    assert response.status_code == 409
    assert [case["child"] for case in parent.say("我的报名进度").cases] == ["张*"]


def test_a_renewed_token_goes_on(a_parent: APlace, service: Service) -> None:
    parent = a_parent(guardian="cq-zhang")
    assert parent.sign_in(service.token("cq-zhang")).status_code == 204
    assert parent.say("我的报名进度").kind == "case"


def test_own_case_when_signed_in_in_the_other_city_stays_in_the_own_city(a_parent: APlace) -> None:
    turn = a_parent(guardian="cq-zhang", city="qingdao").say("我的报名进度")
    assert all(case["city"] == "chongqing" for case in turn.cases)
    assert Words().say("case_none") not in turn.words


def test_the_demo_page_hands_out_tokens_of_demo_families_only(service: Service) -> None:
    with httpx.Client(base_url=service.base, trust_env=False) as http:
        good = http.post("/demo/token", json={"guardian": "cq-zhang"})
        assert good.status_code == 200
        assert http.post(API, json={"token": good.json()["token"]}).json()["signed_in"] is True
        assert http.post("/demo/token", json={"guardian": "somebody-else"}).status_code == 422


@pytest.mark.parametrize("words", OWNERLESS)
def test_a_signed_in_guardian_need_not_say_whose_application_it_is(a_parent: APlace, words: str) -> None:
    assert [case["state"] for case in a_parent(guardian="cq-liu").say(words).cases] == ["补正"]


@pytest.mark.parametrize("words", [words for words in OWNERLESS if words != "报名进度"])
def test_who_is_not_signed_in_and_says_not_whose_it_is_is_told_to_sign_in(a_parent: APlace, words: str) -> None:
    turn = a_parent().say(words)
    assert turn.outcome == "case_sign_in"
    assert not turn.asks("city")


@pytest.mark.parametrize("words", GENERAL)
def test_how_it_goes_in_general_is_answered_to_a_signed_in_guardian_too(a_parent: APlace, words: str) -> None:
    assert a_parent(guardian="qd-wang").say(words).cases == []


@pytest.mark.parametrize("guardian", ["cq-liu", "qd-demo-4"])
@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("怎么办", "现在要做什么"),
        ("我该怎么办", "现在要做什么"),
        ("哪里不对", "现在要做什么"),
        ("下一步呢", "现在要做什么"),
        ("什么意思", "现在要做什么"),
        ("学校是哪个", "学校"),
        ("什么时候截止", "办理时段"),
    ],
)
def test_what_is_asked_of_the_card_just_shown_is_led_to_its_place(
    a_parent: APlace, guardian: str, words: str, part: str
) -> None:
    parent = a_parent(guardian=guardian)
    shown = parent.say("我的报名进度").cases
    parent.say("好的")
    again = parent.say(words)
    assert [case["id"] for case in again.cases] == [case["id"] for case in shown]
    assert f"“{part}”" in again.words


@pytest.mark.parametrize("words", ["今天天气怎么样", "谢谢", "不对", "刷脸查不到孩子怎么办"])
def test_what_is_not_asked_of_the_card_does_not_show_it_again(a_parent: APlace, words: str) -> None:
    parent = a_parent(guardian="cq-liu")
    parent.say("我的报名进度")
    assert parent.say(words).cases == []


def test_what_is_said_before_any_card_is_not_taken_for_the_case(a_parent: APlace) -> None:
    assert a_parent(guardian="cq-liu").say("然后呢").cases == []


def test_a_twin_called_by_name_is_not_taken_for_the_one_chosen_before(a_parent: APlace) -> None:
    parent = a_parent(guardian="qd-wang")
    parent.say("我的报名进度")
    assert [case["state"] for case in parent.say("老大的呢").cases] == ["审核通过"]
    assert [case["state"] for case in parent.say("王某乙呢").cases] == ["审核通过", "已录取"]


def test_the_tokens_city_wins_over_the_pages(a_parent: APlace, service: Service) -> None:
    parent = a_parent(guardian="cq-liu", city="qingdao")
    assert parent.opening["city"] == "chongqing"
    later = a_parent(city="qingdao", district="市南区")
    assert later.sign_in(service.token("cq-liu")).status_code == 204
    assert later.transcript()["city"] == "chongqing"
    for one in (parent, later):
        one.say("我的报名进度")
        assert not [entry for entry in one.say("怎么补").entries if entry.startswith("qd-")]
