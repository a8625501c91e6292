"""The states' machine and words: complete, quoted truly, never the other city's."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.scope import City
from core.settings import ROOT
from enrollment.errors import StatesError
from enrollment.models import Application, Problem
from enrollment.states import STATES_FILE, State, States, load_states, states

SOURCES = ROOT / "knowledge/sources"
NAMES: dict[City, str] = {
    "chongqing": "未维护 已维护 待提交 待审核 审核 补正 审核通过 不通过 已录取",
    "qingdao": "填报中 已提交 初审 待补充 已提交修改 审核通过 已录取 未录取",
}
OURS: dict[City, str] = {
    "chongqing": "未维护 已维护 待提交 审核通过 不通过 已录取",
    "qingdao": "填报中 待补充 已录取 未录取",
}
WORDS_OF_THE_OTHER: dict[City, str] = {"chongqing": "爱山东 区教体局 信息采集", "qingdao": "渝快办 补正 区教委 办件"}
ALL = [(city, name) for city in NAMES for name in NAMES[city].split()]


def answers() -> dict[str, str]:
    """Read the raw sources as published, answer by entry id."""
    chongqing = (SOURCES / "chongqing-2025-batch3.txt").read_text(encoding="utf-8")
    found = {f"cq-{int(number):02}": text for number, text in re.findall(r"^(\d+)\..*\n答:(.*)$", chongqing, re.M)}
    qingdao = (SOURCES / "qingdao-primary.txt").read_text(encoding="utf-8")
    sections, before = iter("abc"), 99
    for number, text in re.findall(r"^A(\d+)\n(.*?)(?=^Q\d+$|\Z)", qingdao, re.M | re.S):
        if int(number) < before:
            section = next(sections)
        before = int(number)
        found[f"qd-{section}{before:02}"] = text
    return found


def application(city: City = "chongqing", **changes: Any) -> Application:
    at = datetime(2026, 4, 20, tzinfo=UTC)
    given = {"id": "X", "district": "D", "child": "张*", "birth_order": 1, "school": "S", "stage": "幼升小"}
    times = {"since": at - timedelta(days=1), "as_of": at, "window_open": True, "state": "待审核"}
    return Application(city=city, **{**given, **times, **changes})


def own_words(state: State) -> str:
    return state.meaning + state.next + (state.closed.next if state.closed else "")


def test_the_sources_are_read_whole() -> None:
    assert len(answers()) == 47


def test_each_quote_stands_in_its_answer() -> None:
    states().check_quotes(answers())


def test_a_quote_that_does_not_stand_there_is_named() -> None:
    with pytest.raises(StatesError, match=r"chongqing\.待审核: the quote is not in cq-19"):
        states().check_quotes(answers() | {"cq-19": "别的话"})


@pytest.mark.parametrize("city", NAMES)
def test_every_state_of_the_city_has_its_text_and_no_other(city: City) -> None:
    machine = states().cities[city].states
    assert list(machine) == NAMES[city].split()
    assert [name for name, state in machine.items() if not state.official] == OURS[city].split()


@pytest.mark.parametrize(("city", "name"), ALL)
def test_what_it_means_is_one_plain_sentence_of_the_desk(city: City, name: str) -> None:
    state = states().state(city, name)
    assert re.fullmatch(r"[^。!?！？]{4,40}。", state.meaning)
    for advice in (state, state.closed):
        assert advice is None or len(advice.next) <= 80
    for word in WORDS_OF_THE_OTHER[city].split():
        assert word not in own_words(state)


@pytest.mark.parametrize(("city", "name"), [(c, n) for c, n in ALL if n in OURS[c].split()])
def test_a_state_of_ours_does_not_sound_official(city: City, name: str) -> None:
    assert not re.search("根据|规定|政策|口径|按照有关|特此", own_words(states().state(city, name)))


@pytest.mark.parametrize(("city", "name"), ALL)
def test_a_closed_window_never_advises_what_needs_an_open_one(city: City, name: str) -> None:
    state = states().state(city, name)
    if any(step.window for step in state.steps):
        assert state.closed
        assert state.closed.next != state.next


@pytest.mark.parametrize("name", ["未维护", "已维护"])
def test_who_may_have_missed_everything_is_told_where_to_turn_and_not_to_wait(name: str) -> None:
    advice = states().advice(application(state=name, window_open=False))
    assert "如果已经结束，请尽快联系学校的招生咨询服务团队" in advice.next
    assert advice.entry == "cq-22"


def test_who_is_filling_in_is_told_how_many_parts_there_are() -> None:
    assert "三到六项" in states().advice(application("qingdao", state="填报中")).next


@pytest.mark.parametrize(
    ("city", "name", "entry"),
    [
        ("chongqing", "待审核", "cq-19"),
        ("chongqing", "审核", "cq-19"),
        ("chongqing", "补正", "cq-19"),
        ("qingdao", "填报中", "qd-b07"),
        ("qingdao", "已提交", "qd-b08"),
        ("qingdao", "待补充", "qd-c03"),
        ("qingdao", "已提交修改", "qd-c03"),
        ("qingdao", "审核通过", "qd-c02"),
    ],
)
def test_the_fitting_entry_is_quoted(city: City, name: str, entry: str) -> None:
    assert states().advice(application(city, state=name)).entry == entry


@pytest.mark.parametrize("name", ["待提交", "待审核", "审核"])
@pytest.mark.parametrize("item", ["房产核验", "户籍查询"])
def test_a_failed_match_gets_its_own_advice(name: str, item: str) -> None:
    failed = (Problem(item="户口簿", reason="缺页"), Problem(item=item, reason="没有匹配到"))
    advice = states().advice(application(state=name, problems=failed))
    assert advice.entry == "cq-14"
    assert "不影响报名" in advice.next


def test_a_failed_match_in_a_closed_window_does_not_advise_to_withdraw() -> None:
    failed = (Problem(item="房产核验", reason="没有匹配到"),)
    advice = states().advice(application(state="待审核", problems=failed, window_open=False))
    assert "先不要撤回" in advice.next


def test_a_failed_match_does_not_hide_what_has_to_be_uploaded_again() -> None:
    failed = (Problem(item="房产核验", reason="没有匹配到"),)
    assert states().advice(application(state="补正", problems=failed)).entry == "cq-19"


def test_an_unknown_state_is_not_guessed() -> None:
    with pytest.raises(StatesError, match="no such state"):
        states().state("qingdao", "补正")


def broken(tmp_path: Path, change: Any) -> Path:
    data = yaml.safe_load(STATES_FILE.read_text(encoding="utf-8"))
    change(data)
    path = tmp_path / "states.yml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.pop("qingdao"), "no states for qingdao"),
        (lambda data: data["qingdao"]["states"].pop("待补充"), "qingdao.初审: step to 待补充, which has no text"),
        (
            lambda data: data["qingdao"]["states"]["初审"].update(entry="cq-19"),
            "quotes cq-19, which is not this city's",
        ),
        (lambda data: data["chongqing"]["states"]["待提交"]["closed"].update(entry="qd-b08"), "quotes qd-b08"),
        (lambda data: data["chongqing"]["problems"][0].update(entry="qd-b08"), r"problems.1: quotes qd-b08"),
        (lambda data: data["qingdao"]["states"]["初审"].pop("quote"), "entry and quote go together"),
        (lambda data: data["qingdao"]["states"]["初审"].pop("meaning"), "meaning"),
        (lambda data: data["qingdao"]["states"]["填报中"].pop("start"), "no way leads here"),
        (lambda data: data["chongqing"]["states"]["已录取"].update(official=True), "official, but no entry"),
        (lambda data: data["chongqing"]["problems"][0].update(states=["初审"]), "problems.1: unknown state 初审"),
        (lambda data: data["qingdao"]["states"]["初审"].update(nxt="?"), "nxt"),
    ],
)
def test_a_broken_file_is_refused_with_the_place(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(StatesError, match=re.escape(message) if "." in message else message):
        load_states(broken(tmp_path, change))


def test_the_file_is_what_is_loaded() -> None:
    assert isinstance(states(), States)
    assert states() is states()
