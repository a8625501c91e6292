"""`helpdesk tickets export`: what is in the sheet, what a spreadsheet program makes of it, and who took it out."""

from __future__ import annotations

import csv
import io
import json
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner, Result

from cli import ticket_export
from cli.main import app
from cli.ticket_sheet import LONGEST_CELL, cells, headings
from cli.ticket_words import words
from conversations.migrate import migrate
from conversations.storage import open_engine
from core.errors import HelpdeskError
from core.settings import settings
from escalation.records import TicketRecord
from escalation.routing import own_rules
from escalation.rules import Ticket
from tests.escalation.ticket_days import FIRST, three_days
from tests.escalation.ticket_made import NOW, a_ticket

DAYS = ("--from", "2026-07-01", "--to", "2026-07-01", "--by", "何主任")


@pytest.fixture(autouse=True)
def tickets(monkeypatch: pytest.MonkeyPatch, own_settings: None) -> dict[str, Ticket]:
    engine = open_engine(settings().database)
    migrate(engine)
    made = three_days(engine, monkeypatch)
    engine.dispose()
    return made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "tickets.xlsx"


def export(out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["tickets", "export", str(out), *arguments])


def sheet(out: Path, *arguments: str) -> list[dict[str, Any]]:
    """Export as CSV and return the rows by their headings."""
    result = export(out, *DAYS, *arguments)
    assert result.exit_code == 0, result.output
    return [*csv.DictReader(io.StringIO(out.read_bytes().decode("utf-8-sig"), newline=""))]


def row_of(rows: list[dict[str, Any]], ticket: Ticket) -> dict[str, Any]:
    return next(row for row in rows if row["工单编号"] == ticket.number)


def looks() -> list[dict[str, Any]]:
    return [json.loads(line) for line in CliRunner().invoke(app, ["audit", "list", "--json"]).output.splitlines()]


def test_a_ticket_s_row_tells_it_in_chinese_and_in_china_s_time(out: Path, tickets: dict[str, Ticket]) -> None:
    assert row_of(sheet(out), tickets["in time"]) == {
        "工单编号": tickets["in time"].number,
        "城市": "重庆市",
        "区县": "渝北区",
        "学校": FIRST,
        "承办层级": "招生咨询服务团队",
        "状态": "已解决",
        "紧急程度": "一般",
        "主题": "other",
        "官方问答编号": "",
        "提交时间": "2026-07-01 10:00",
        "应答时限": tickets["in time"].due_at.astimezone(ticket_export.CHINA).isoformat(" ", "minutes")[:16],
        "首次答复时间": "2026-07-01 15:00",
        "解决时间": "2026-07-01 15:00",
        "是否超时": "否",
        "处理人": "",
        "往来消息数": "4",
        "转办次数": "0",
    }


def test_all_tickets_of_the_days_are_there_and_no_others(out: Path, tickets: dict[str, Ticket]) -> None:
    rows = sheet(out)
    assert {row["工单编号"] for row in rows} == {ticket.number for ticket in tickets.values()}
    assert row_of(rows, tickets["late"])["是否超时"] == "是"
    assert row_of(rows, tickets["handed on"])["转办次数"] == "1"
    assert [row["城市"] for row in sheet(out, "--city", "qingdao", "--force")] == ["青岛市"]
    assert len(sheet(out, "--city", "chongqing", "--district", "渝北区", "--school", FIRST, "--force")) == 4
    result = export(out, "--from", "2026-07-02", "--to", "2026-07-09", "--by", "何主任", "--force", "--json")
    assert json.loads(result.stdout)["tickets"] == 0


def test_csv_opens_in_excel(out: Path) -> None:
    sheet(out)
    assert out.read_bytes().startswith(b"\xef\xbb\xbf" + "工单编号,城市".encode())
    assert out.read_bytes().count(b"\r\n") == 7


def test_xlsx_has_the_same_with_real_times_and_numbers(out: Path, tickets: dict[str, Ticket]) -> None:
    assert export(out, *DAYS, "--format", "xlsx").exit_code == 0
    book = load_workbook(out)
    assert book.sheetnames == ["工单"]
    heads, *rows = book["工单"].iter_rows(values_only=True)
    assert list(heads) == headings(words(), with_words=False)
    told = dict(zip(heads, next(row for row in rows if row[0] == tickets["in time"].number), strict=True))
    assert told["提交时间"] == datetime(2026, 7, 1, 10, 0)
    assert told["往来消息数"] == 4
    assert len(rows) == 6


def test_nothing_that_somebody_wrote_becomes_a_formula(out: Path, tickets: dict[str, Ticket]) -> None:
    assert row_of(sheet(out), tickets["asked"])["处理人"] == "'=李科长"
    words_of = row_of(sheet(out, "--with-words", "--force"), tickets["in time"])["家长留言"]
    assert words_of == "'=HYPERLINK(1) 传不上去\n好的，传上去了"
    assert export(out, *DAYS, "--with-words", "--force", "--format", "xlsx").exit_code == 0
    values = [cell for row in load_workbook(out)["工单"].iter_rows() for cell in row]
    assert {cell.data_type for cell in values} == {"s", "n", "d"}
    assert not [cell.value for cell in values if str(cell.value).startswith("=")]


@pytest.mark.parametrize("start", [*"=+-@\t\r\n＝＋－＠"])
def test_each_beginning_of_a_formula_is_made_harmless(start: str) -> None:
    record = TicketRecord(a_ticket(holder_name=f"{start}cmd"), None, False, 1, 0, (f"{start}1+1",))
    row = cells(record, own_rules(), words(), with_words=True)
    assert [cell for cell in row if isinstance(cell, str) and cell.startswith("'")] == [f"'{start}cmd", f"'{start}1+1"]


def test_what_no_sheet_can_hold_is_left_out_and_told() -> None:
    record = TicketRecord(a_ticket(), None, False, 1, 0, ("\x00\x1b长" * LONGEST_CELL,))
    told = cells(record, own_rules(), words(), with_words=True)[-1]
    assert isinstance(told, str)
    assert len(told) == LONGEST_CELL
    assert told.endswith(words().cut)
    assert not {"\x00", "\x1b"} & {*told}


def test_without_with_words_none_of_a_parent_is_in_it(out: Path) -> None:
    sheet(out)
    assert "HYPERLINK" not in out.read_text(encoding="utf-8-sig")
    assert "家长留言" not in out.read_text(encoding="utf-8-sig")


def test_plain_export_is_one_look_of_who_took_it(out: Path) -> None:
    sheet(out)
    sheet(out, "--city", "qingdao", "--force")
    told = [(one["actor"], one["city"], one["purpose"], one["applications"], one["shown"]) for one in looks()]
    assert told == [("何主任", city, "export", [], ["tickets"]) for city in ("all", "qingdao")]


def test_with_words_each_ticket_is_a_look(out: Path, tickets: dict[str, Ticket]) -> None:
    sheet(out, "--with-words")
    whole, *single = looks()
    assert whole["shown"] == ["tickets", "words"]
    assert {one["applications"][0] for one in single} == {ticket.id for ticket in tickets.values()}
    assert {(one["actor"], one["role"], one["purpose"], *one["shown"]) for one in single} == {
        ("何主任", "admin", "export", "words")
    }
    assert CliRunner().invoke(app, ["audit", "verify"]).exit_code == 0


def test_only_its_owner_may_read_the_file_and_none_is_replaced_unasked(out: Path) -> None:
    sheet(out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    before = out.read_bytes()
    assert "--force" in str(export(out, *DAYS).exception)
    assert out.read_bytes() == before
    assert len(looks()) == 1


def test_progress_goes_to_standard_error(out: Path) -> None:
    result = export(out, *DAYS, "--json")
    assert json.loads(result.stdout) == {"file": str(out), "tickets": 6}
    assert "tickets" in result.stderr


def test_more_than_a_sheet_holds_is_refused_as_xlsx(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticket_export, "LARGEST_SHEET", 5)
    assert "--format csv" in str(export(out, *DAYS, "--format", "xlsx").exception)
    assert not out.exists()
    assert export(out, *DAYS).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "2026-07-02", "--to", "2026-07-01", "--by", "x"),
        ("--from", "yesterday", "--to", "2026-07-01", "--by", "x"),
        (*DAYS, "--city", "beijing"),
        (*DAYS, "--district", "渝北区"),
        (*DAYS, "--city", "chongqing", "--school", FIRST),
        (*DAYS, "--format", "pdf"),
        (*DAYS, "--by", " "),
    ],
)
def test_what_makes_no_sense_is_refused(out: Path, arguments: tuple[str, ...]) -> None:
    assert isinstance(export(out, *arguments).exception, HelpdeskError)
    assert not out.exists()


def test_who_takes_it_has_to_be_named(out: Path) -> None:
    result = export(out, *DAYS[:4])
    assert result.exit_code == 2
    assert "--by" in result.output


def test_days_are_china_s(out: Path) -> None:
    assert NOW.hour == 2
    assert json.loads(export(out, *DAYS, "--json").stdout)["tickets"] == 6
    early = ("--from", "2026-06-30", "--to", "2026-06-30", "--by", "x", "--json", "--force")
    assert json.loads(export(out, *early).stdout)["tickets"] == 0
