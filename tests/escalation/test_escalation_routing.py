"""Where tickets go: to who the official answer names, else school, district, city."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticket_made import NOW, SCHOOL

from core.clock import CHINA
from core.errors import SettingsError
from escalation.calendar import Calendar
from escalation.routing import FOLDER, Need, RuleBook, load_rules, own_rules
from escalation.rules import LEVELS, URGENCIES, Level, Place, Urgency
from knowledge.loader import load_knowledge

QD_SCHOOL = Place("qingdao", "市南区", "市南区某小学")


def with_away(**away: Any) -> RuleBook:
    book = own_rules()
    changed = {**book.calendar.model_dump(), "away": [{"days": ["2026-07-01"], "because": "培训", **away}]}
    return RuleBook(book.levels, book.routing, Calendar.model_validate(changed))


@pytest.mark.parametrize(
    ("need", "level", "team"),
    [
        (Need(SCHOOL), "school", "招生咨询服务团队"),
        (Need(SCHOOL, "cq-22"), "school", "招生咨询服务团队"),
        (Need(SCHOOL, "cq-11", "birth_name"), "district", "区教委"),
        (Need(SCHOOL, "cq-11"), "district", "区教委"),
        (Need(SCHOOL, "cq-11", "household_name"), "school", "招生咨询服务团队"),
        (Need(QD_SCHOOL), "school", "学校"),
        (Need(QD_SCHOOL, "qd-b03", "collective"), "district", "教体局"),
        (Need(QD_SCHOOL, "qd-b03"), "district", "教体局"),
        (Need(QD_SCHOOL, "qd-b03", "account_wrong"), "school", "学校"),
        (Need(QD_SCHOOL, "qd-b02", "otherwise"), "school", "学校"),
        (Need(QD_SCHOOL, "cq-11"), "school", "学校"),
        (Need(Place("chongqing", "渝北区")), "district", "区教委"),
        (Need(Place("chongqing", "忠县"), "cq-11"), "district", "县教委"),
        (Need(Place("chongqing")), "city", "“一件事”专班"),
        (Need(Place("chongqing"), "cq-11"), "city", "“一件事”专班"),
        (Need(Place("qingdao", "市南区")), "district", "教体局"),
        (Need(Place("qingdao")), "district", "教体局"),
    ],
)
def test_ticket_goes_to_who_can_settle_it_as_far_as_its_place_is_known(need: Need, level: Level, team: str) -> None:
    route = own_rules().route(need, NOW)
    assert (route.level, route.team) == (level, team)


@pytest.mark.parametrize(
    ("entry", "branch", "offered"),
    [
        ("cq-11", None, True),
        ("cq-11", "birth_name", True),
        ("cq-11", "household_name", False),
        ("qd-b02", "otherwise", True),
        ("qd-b03", None, True),
        ("qd-b03", "collective", True),
        ("qd-b03", "account_wrong", False),
        ("qd-b12", None, False),
        ("qd-b12", "more", True),
        ("cq-10", None, False),
        (None, None, False),
    ],
)
def test_ticket_is_offered_with_answers_that_only_people_can_settle(
    entry: str | None, branch: str | None, offered: bool
) -> None:
    city = Place("qingdao" if (entry or "").startswith("qd") else "chongqing")
    assert own_rules().offered(Need(city, entry, branch)) is offered


def test_name_that_differs_from_the_birth_certificate_comes_with_what_to_do_then() -> None:
    guidance = own_rules().route(Need(SCHOOL, "cq-11", "birth_name"), NOW).guidance
    assert "专班" in guidance
    assert "重新获取最新数据" in guidance


def test_every_rule_is_about_an_entry_and_branch_of_its_own_city_and_can_be_reached() -> None:
    book, entries = own_rules(), load_knowledge().entries
    for rule in book.routing.rules:
        entry = entries[str(rule.entry)]
        assert entry.city == rule.city
        assert rule.branch is None or rule.branch in {branch.id for branch in entry.branches}
        assert rule.level in book.levels.of(rule.city)
        route = book.route(Need(Place(rule.city, "某区", "某校"), rule.entry, rule.branch), NOW)
        assert route.reasons[0].startswith(f"rule {rule.name}:")


@pytest.mark.parametrize(
    ("away", "level"),
    [
        ({"city": "chongqing", "district": "渝北区", "school": SCHOOL.school}, "district"),
        ({"city": "chongqing", "district": "渝北区"}, "school"),
        ({"city": "chongqing", "district": "北碚区", "school": SCHOOL.school}, "school"),
        ({"city": "chongqing", "district": "渝北区", "school": SCHOOL.school, "days": ["2026-07-02"]}, "school"),
        ({"staff": "school-1"}, "school"),
    ],
)
def test_ticket_of_a_team_that_is_away_goes_one_level_up(away: dict[str, Any], level: Level) -> None:
    route = with_away(**away).route(Need(SCHOOL), NOW)
    assert route.level == level
    assert any("away: 培训" in reason for reason in route.reasons) == (level != "school")


@pytest.mark.parametrize(
    ("hours", "given", "expected"),
    [
        (None, "normal", "normal"),
        (73, "normal", "normal"),
        (72, "normal", "soon"),
        (24, "normal", "urgent"),
        (72, "urgent", "urgent"),
        (-1, "normal", "normal"),
        (-1, "soon", "soon"),
    ],
)
def test_hours_to_the_closing_make_it_urgent(hours: float | None, given: Urgency, expected: Urgency) -> None:
    closes = NOW + timedelta(hours=hours) if hours is not None else None
    assert own_rules().route(Need(SCHOOL, urgency=given, closes_at=closes), NOW).times.urgency == expected


def test_closing_of_the_batch_counts_for_its_districts() -> None:
    book = own_rules()
    closing = {"city": "chongqing", "districts": ["渝北区"], "closes_at": (NOW + timedelta(hours=5)).isoformat()}
    routing = type(book.routing).model_validate({**book.routing.model_dump(), "closings": [closing]})
    changed = RuleBook(book.levels, routing, book.calendar)
    assert changed.route(Need(SCHOOL), NOW).times.urgency == "urgent"
    assert changed.route(Need(Place("chongqing", "北碚区", "某校")), NOW).times.urgency == "normal"


@given(
    st.sampled_from(LEVELS),
    st.sampled_from(URGENCIES),
    st.integers(0, 366 * 24 * 60).map(lambda minutes: NOW.replace(month=1) + timedelta(minutes=minutes)),
    st.none() | st.integers(-100, 10_000).map(lambda minutes: timedelta(minutes=minutes)),
    st.none() | st.integers(1, 10_000).map(lambda minutes: timedelta(minutes=minutes)),
)
def test_a_ticket_climbs_and_warns_before_it_is_late(
    level: Level, urgency: Urgency, now: Any, closes: timedelta | None, promised: timedelta | None
) -> None:
    need = Need(SCHOOL, urgency=urgency, closes_at=now + closes if closes is not None else None)
    times = own_rules().times(level, need, now, now + promised if promised else None)
    assert now < times.warn_at < times.due_at
    assert (times.climb_at is None) == (level == "city")
    assert times.climb_at is None or now < times.climb_at < times.warn_at
    if closes and closes > timedelta(0):
        assert times.due_at <= now + closes
    if promised:
        assert times.due_at <= now + promised


def test_expected_answer_is_in_working_hours_of_the_place() -> None:
    book = own_rules()
    times = book.route(Need(SCHOOL), NOW).times
    assert times.due_at.astimezone(CHINA).isoformat() == "2026-07-02T10:00:00+08:00"
    assert book.calendar.between(NOW, times.due_at, SCHOOL) == 7
    urgent = book.route(Need(SCHOOL, urgency="urgent"), NOW).times
    assert urgent.due_at.astimezone(CHINA).isoformat() == "2026-07-01T12:00:00+08:00"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("routing.yml", "default: school", "default: nobody", "default"),
        ("routing.yml", "climb_after: 0.5", "climb_after: 1.5", "climb_after"),
        ("routing.yml", "{normal: 7, soon: 4, urgent: 2}", "{normal: 7, soon: 4}", "service_hours of school"),
        ("routing.yml", "name: birth_name", "name: household_name", "the same name"),
        ("routing.yml", "climb_after: 0.5", "climb_after: 0.8", "climb_after"),
        ("levels.yml", "  closed: 已关闭\n", "", "closed"),
        ("calendar.yml", "09:00-12:00", "12:00-09:00", "windows"),
        ("calendar.yml", "city: qingdao, windows", "city: chongqing, windows", "no hours for qingdao"),
    ],
)
def test_wrong_rules_are_refused_with_file_and_reason(tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    for name in ("levels.yml", "routing.yml", "calendar.yml"):
        copy(FOLDER / name, tmp_path)
    assert load_rules(tmp_path) == own_rules()
    text = (FOLDER / file).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError, match=said) as error:
        load_rules(tmp_path)
    assert file in str(error.value)


def test_missing_rules_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"levels\.yml"):
        load_rules(tmp_path)
