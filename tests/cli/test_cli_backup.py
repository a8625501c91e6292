"""`helpdesk backup` and `helpdesk restore`: a service's whole way to another machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from shutil import copy

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from conversations.audit import Look, open_audit_log
from conversations.migrate import migrate
from conversations.storage import ConversationStore, open_engine
from core.errors import HelpdeskError
from core.scope import Scope
from core.settings import settings


@pytest.fixture(autouse=True)
def used(monkeypatch: pytest.MonkeyPatch, own_settings: None, tmp_path: Path) -> Iterator[Path]:
    """Give the var folder of a service that one guardian used; it is the one that is set."""
    folder = tmp_path / "used"
    folder.mkdir()
    use_folder(monkeypatch, folder)
    engine = open_engine(settings().database)
    migrate(engine)
    conversation, _ = ConversationStore(engine).create(Scope("chongqing"), [])
    log = open_audit_log(settings(), engine)
    log.record(Look("cq-zhang", "guardian", "chongqing", ("CQ2026-0417-0001",), "asked", ("card",), conversation.id))
    log.close()
    engine.dispose()
    yield folder


@pytest.fixture
def new_machine(monkeypatch: pytest.MonkeyPatch, used: Path, tmp_path: Path) -> Path:
    """Back up to `b.zip`, then set the var folder of another machine, which has the key and the heads."""
    assert run("backup", str(tmp_path / "b.zip")).exit_code == 0
    folder = tmp_path / "new"
    folder.mkdir()
    for name in ("audit.key", "audit.heads"):
        copy(used / name, folder)
    use_folder(monkeypatch, folder)
    return folder


def use_folder(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("HELPDESK_VAR_DIR", str(folder))
    settings.cache_clear()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_what_was_written_is_told(tmp_path: Path) -> None:
    told = json.loads(run("backup", str(tmp_path / "b.zip"), "--json").output)
    assert told["rows"]["conversations"] == told["rows"]["audit_log"] == 1
    assert told["file"] == str(tmp_path / "b.zip")
    lines = run("backup", str(tmp_path / "b.zip"), "--force").output.splitlines()
    assert ["1", "conversations"] in [line.split() for line in lines]
    assert "cq-zhang" not in "".join(lines)


def test_second_backup_of_that_name_needs_force(tmp_path: Path) -> None:
    assert run("backup", str(tmp_path / "b.zip")).exit_code == 0
    assert "--force" in str(run("backup", str(tmp_path / "b.zip")).exception)


def test_installation_without_a_database_has_nothing_to_back_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_folder(monkeypatch, tmp_path)
    result = run("backup", str(tmp_path / "b.zip"))
    assert isinstance(result.exception, HelpdeskError)
    assert [path.name for path in tmp_path.iterdir()] == ["used"]


def test_restored_service_has_its_looks_and_a_sound_log(new_machine: Path, tmp_path: Path) -> None:
    told = json.loads(run("restore", str(tmp_path / "b.zip"), "--json").output)
    assert told["audit_ok"] is True
    assert told["audit"]["rows"] == 1
    assert told["audit"]["heads"] > 0
    assert "cq-zhang" in run("audit", "list").output
    assert run("audit", "verify").exit_code == 0


def test_without_the_head_file_the_rows_alone_are_verified(new_machine: Path, tmp_path: Path) -> None:
    (new_machine / "audit.heads").write_bytes(b"")
    result = run("restore", str(tmp_path / "b.zip"))
    assert result.exit_code == 0, result.output
    assert "rows restored" in result.output


def test_without_the_key_all_is_restored_and_the_key_is_asked_for(new_machine: Path, tmp_path: Path) -> None:
    (new_machine / "audit.key").unlink()
    result = run("restore", str(tmp_path / "b.zip"))
    assert result.exit_code == 1
    assert "HELPDESK_AUDIT_KEY_FILE" in result.stderr
    assert not (new_machine / "audit.key").exists()


def test_backup_older_than_the_heads_is_told(
    monkeypatch: pytest.MonkeyPatch, new_machine: Path, tmp_path: Path
) -> None:
    use_folder(monkeypatch, tmp_path / "used")
    engine = open_engine(settings().database)
    log = open_audit_log(settings(), engine)
    log.record(Look("cq-liu", "guardian", "chongqing", (), "asked", ("none",)))
    log.close()
    engine.dispose()
    copy(tmp_path / "used/audit.heads", new_machine)
    use_folder(monkeypatch, new_machine)
    result = run("restore", str(tmp_path / "b.zip"))
    assert result.exit_code == 1
    assert "FAULT: cut, row 2" in result.stderr


def test_used_installation_is_refused(used: Path, tmp_path: Path) -> None:
    assert run("backup", str(tmp_path / "b.zip")).exit_code == 0
    assert "not empty" in str(run("restore", str(tmp_path / "b.zip")).exception)
