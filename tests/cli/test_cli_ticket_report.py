"""`helpdesk tickets report`: the same figures on the terminal, as JSON and on one page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from conversations.migrate import migrate
from conversations.storage import open_engine
from core.settings import settings
from escalation.rules import Place
from tests.escalation.ticket_days import FIRST, Days, three_days

DAYS = ("--from", "2026-07-01", "--to", "2026-07-03")
EVIL = "<script>alert(1)</script>区"


@pytest.fixture(autouse=True)
def days(monkeypatch: pytest.MonkeyPatch, own_settings: None) -> None:
    engine = open_engine(settings().database)
    migrate(engine)
    three_days(engine, monkeypatch)
    Days(engine, monkeypatch).made("evil", Place("qingdao", EVIL))
    engine.dispose()


def report(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["tickets", "report", *DAYS, *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result


def lines(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in report("--json", *arguments).output.splitlines()]


def test_as_json_each_place_is_a_line() -> None:
    school = next(line for line in lines() if line["school"])
    assert school == {
        "city": "chongqing",
        "district": "渝北区",
        "school": FIRST,
        "known": True,
        "tickets": 4,
        "answered": 2,
        "on_time_share": 0.25,
        "median_hours": 5.5,
        "p90_hours": 7.5,
        "open": 3,
        "late": 2,
    }
    assert {line["city"] for line in lines("--city", "qingdao")} == {"qingdao"}


def test_as_a_table_it_is_for_reading() -> None:
    told = report().output
    for words in ("地区或学校", "重庆市（全市）", "渝北区", FIRST, "25.0%", "区县未填"):
        assert words in told
    row = next(line for line in told.splitlines() if FIRST in line)
    assert re.findall(r"[\d.]+%?", row) == ["4", "2", "25.0%", "5.5", "7.5", "3", "2"]


def test_page_stands_alone_and_runs_nothing(tmp_path: Path) -> None:
    report("--html", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;区" in page
    assert re.findall(r"(?:src|href|url|@import)\s*[=(]", page) == []
    assert "default-src 'none'" in page


def test_every_figure_of_a_chart_is_in_the_table(tmp_path: Path) -> None:
    report("--html", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    table = page[page.index("<table>") : page.index("</table>")]
    charted = re.findall(r'<div class="bar"><span>(.*?)</span>.*<span>([^<]+)</span></div>', page)
    assert len(charted) == 3 * 5
    for place, figures in charted:
        row = next(row for row in table.split("<tr") if f">{place}</th>" in row)
        assert all(f"<td>{figure}</td>" in row for figure in figures.split(" / "))


def test_page_is_replaced_only_by_force(tmp_path: Path) -> None:
    report("--html", str(tmp_path / "report.html"))
    again = CliRunner().invoke(app, ["tickets", "report", *DAYS, "--html", str(tmp_path / "report.html")])
    assert "--force" in str(again.exception)
    report("--html", str(tmp_path / "report.html"), "--force")


def test_days_without_tickets_are_said_to_have_none(tmp_path: Path) -> None:
    none = ("--from", "2020-01-01", "--to", "2020-01-02")
    page = tmp_path / "report.html"
    result = CliRunner().invoke(app, ["tickets", "report", *none, "--json", "--html", str(page)])
    assert (result.exit_code, result.output) == (0, "")
    assert "这段时间没有工单" in page.read_text(encoding="utf-8")
