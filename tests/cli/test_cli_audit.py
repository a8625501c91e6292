"""`helpdesk audit`: exit codes, words and JSON."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app, main
from conversations.audit import AuditLog, Look, open_audit_log
from conversations.migrate import migrate
from conversations.storage import open_engine
from core.settings import settings

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture
def log() -> Iterator[AuditLog]:
    """Give the log that the settings name, with three looks: the family's two and a member of staff's."""
    engine = open_engine(settings().database)
    migrate(engine)
    opened = open_audit_log(settings(), engine)
    for actor, role, applications in (
        ("cq-zhang", "guardian", ("CQ2026-0417-0031",)),
        ("cq-liu", "guardian", ()),
        ("agent-7", "agent", ("CQ2026-0417-0031", "CQ2026-0415-0108")),
    ):
        shown = ("card", "state") if applications else ("none",)
        opened.record(Look(actor, role, "chongqing", applications, "asked", shown, "a-conversation"))  # type: ignore[arg-type]
    opened.close()
    yield opened
    engine.dispose()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments])


def listed(*arguments: str) -> list[dict[str, object]]:
    result = run("list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def change(statement: str, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "helpdesk.db")) as connection, connection:
        for trigger in ("update", "delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS audit_log_refuses_{trigger}")
        connection.execute(statement)


class TestVerify:
    def test_sound_log_is_exit_code_0(self, log: AuditLog) -> None:
        result = run("verify")
        assert result.exit_code == 0
        assert result.output.startswith("3 rows are sound and fit 2 heads; 0 came after the last")
        assert json.loads(run("verify", "--json").output) == {
            "ok": True,
            "rows": 3,
            "heads": 2,
            "uncovered": 0,
            "fault": None,
            "seq": None,
        }

    @pytest.mark.parametrize(
        ("statement", "fault", "says"),
        [
            ("UPDATE audit_log SET purpose = 'x' WHERE seq = 2", "changed", "FAULT: row 2 is not what was recorded"),
            ("DELETE FROM audit_log WHERE seq = 2", "missing", "FAULT: row 2 is missing"),
            ("DELETE FROM audit_log WHERE seq > 1", "cut", "FAULT: row 2 and what followed are gone"),
        ],
    )
    def test_fault_is_exit_code_1_with_the_first_bad_row(
        self, log: AuditLog, tmp_path: Path, statement: str, fault: str, says: str
    ) -> None:
        change(statement, tmp_path)
        result = run("verify")
        assert (result.exit_code, result.output.startswith(says)) == (1, True)
        found = json.loads(run("verify", "--json").output)
        assert (found["ok"], found["fault"], found["seq"]) == (False, fault, 2)

    def test_missing_key_is_an_error_that_says_so(
        self, log: AuditLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        settings().audit_key.unlink()
        monkeypatch.setattr(sys, "argv", ["helpdesk", "audit", "verify"])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 2
        assert "HELPDESK_AUDIT_KEY_FILE: no key at" in capsys.readouterr().err
        assert not settings().audit_key.exists()

    def test_log_without_a_row_needs_no_key(self) -> None:
        assert run("verify").exit_code == 0
        assert not settings().audit_key.exists()


class TestList:
    def test_looks_are_listed_with_real_ids(self, log: AuditLog) -> None:
        assert [(look["seq"], look["role"], look["actor"]) for look in listed()] == [
            (1, "guardian", "cq-zhang"),
            (2, "guardian", "cq-liu"),
            (3, "agent", "agent-7"),
        ]
        assert listed()[2]["applications"] == ["CQ2026-0417-0031", "CQ2026-0415-0108"]
        assert (listed()[0]["shown"], listed()[1]["shown"]) == (["card", "state"], ["none"])

    def test_looks_at_one_application(self, log: AuditLog) -> None:
        assert [look["seq"] for look in listed("--application", "CQ2026-0417-0031")] == [1, 3]
        assert [look["seq"] for look in listed("--application", "CQ2026-0415-0108")] == [3]
        assert listed("--application", "never looked at") == []

    def test_looks_of_one_guardian(self, log: AuditLog) -> None:
        assert [look["seq"] for look in listed("--guardian", "cq-zhang")] == [1]
        assert listed("--guardian", "agent-7") == []
        assert listed("--guardian", "cq-liu", "--application", "CQ2026-0417-0031") == []

    def test_erased_links_show_as_pseudonyms(self, log: AuditLog, tmp_path: Path) -> None:
        change("DELETE FROM pseudonyms WHERE kind = 'guardian'", tmp_path)
        actors = [str(look["actor"]) for look in listed()]
        assert actors[2] == "agent-7"
        assert [len(actor) for actor in actors[:2]] == [24, 24]
        assert "cq-zhang" not in run("list").output

    def test_lines_are_for_reading(self, log: AuditLog) -> None:
        line = run("list").output.splitlines()[1].split("\t")
        assert (line[0], line[2:5], line[5:]) == (
            "2",
            ["guardian", "cq-liu", "chongqing"],
            ["", "asked", "none", "a-conversation"],
        )
