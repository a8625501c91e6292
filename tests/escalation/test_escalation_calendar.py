"""Working days and hours; the notice's days are proven against another source."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import CHINA
from escalation.calendar import Calendar
from escalation.routing import own_rules
from escalation.rules import Place

PLACE = Place("chongqing", "渝北区", "某小学")
OTHER = Place("chongqing", "北碚区")


def china(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


def with_days(**changes: Any) -> Calendar:
    return Calendar.model_validate({**own_rules().calendar.model_dump(), **changes})


def test_every_day_of_each_year_with_a_notice_is_what_chinesecalendar_says() -> None:
    calendar = own_rules().calendar
    assert [notice.year for notice in calendar.notices] == [2026]
    for notice in calendar.notices:
        days = [date(notice.year, 1, 1) + timedelta(days=n) for n in range(365)]
        assert [d for d in days if calendar.works(d, PLACE) != chinese_calendar.is_workday(d)] == []


def test_every_notice_names_its_source_and_keeps_to_its_year() -> None:
    for notice in own_rules().calendar.notices:
        assert str(notice.year) in notice.source
        assert {day.year for span in (*notice.days_off, *notice.days_worked) for day in span} == {notice.year}


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-07-01 10:00", 1, "2026-07-01 11:00"),
        ("2026-07-01 11:00", 2, "2026-07-01 15:00"),
        ("2026-07-01 08:00", 7, "2026-07-01 18:00"),
        ("2026-07-01 12:30", 1, "2026-07-01 15:00"),
        ("2026-07-03 17:00", 2, "2026-07-06 10:00"),
        ("2026-09-30 17:00", 2, "2026-10-08 10:00"),
        ("2026-10-09 17:00", 2, "2026-10-10 10:00"),
        ("2026-02-13 17:30", 8, "2026-02-24 09:30"),
        ("2026-12-31 17:00", 2, "2027-01-01 10:00"),
    ],
)
def test_working_hours_pass_over_nights_weekends_holidays_and_work_on_days_made_up_for(
    start: str, hours: float, end: str
) -> None:
    assert own_rules().calendar.add(china(start), hours, PLACE) == china(end)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)).map(lambda moment: moment.replace(tzinfo=CHINA)),
    st.integers(1, 200 * 60),
)
def test_what_is_added_is_what_lies_between(start: datetime, minutes: int) -> None:
    calendar = own_rules().calendar
    end = calendar.add(start, minutes / 60, PLACE)
    assert end > start
    assert calendar.between(start, end, PLACE) == pytest.approx(minutes / 60)
    assert calendar.works(end.date(), PLACE)


def test_a_districts_own_days_go_before_the_notice_and_stay_its_own() -> None:
    own = {"city": "chongqing", "district": "渝北区", "days_worked": ["2026-07-04"], "days_off": ["2026-07-06"]}
    calendar = with_days(own_days=[{**own, "because": "周末值班"}])
    assert calendar.add(china("2026-07-03 17:30"), 1, PLACE) == china("2026-07-04 09:30")
    assert calendar.add(china("2026-07-05 12:00"), 1, PLACE) == china("2026-07-07 10:00")
    assert calendar.add(china("2026-07-03 17:30"), 1, OTHER) == china("2026-07-06 09:30")


def test_the_last_hours_that_fit_count() -> None:
    hours = [*own_rules().calendar.model_dump()["hours"]]
    calendar = with_days(hours=[*hours, {"city": "chongqing", "district": "渝北区", "windows": ["08:30-20:00"]}])
    assert calendar.add(china("2026-07-01 18:00"), 1, PLACE) == china("2026-07-01 19:00")
    assert calendar.add(china("2026-07-01 18:00"), 1, OTHER) == china("2026-07-02 10:00")


@pytest.mark.parametrize("windows", [[], ["12:00-09:00"], ["14:00-18:00", "09:00-12:00"], ["09:00-09:00"]])
def test_hours_out_of_order_are_refused(windows: list[str]) -> None:
    with pytest.raises(ValueError, match="windows"):
        with_days(hours=[{"city": "chongqing", "windows": windows}])


def test_a_place_that_never_works_is_said_so_and_not_waited_for() -> None:
    calendar = with_days(own_days=[{"city": "chongqing", "days_off": ["2026-01-01..2029-01-01"], "because": "关"}])
    with pytest.raises(ValueError, match="fewer than"):
        calendar.add(china("2026-07-01 10:00"), 1, PLACE)


@pytest.mark.parametrize(
    "away",
    [{}, {"city": "chongqing"}, {"district": "渝北区"}, {"city": "qingdao", "staff": "school-1", "school": "某校"}],
)
def test_who_is_away_is_one_member_of_staff_or_one_team(away: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="give either"):
        with_days(away=[{**away, "days": ["2026-07-01"], "because": "请假"}])
