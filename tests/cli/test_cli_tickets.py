"""`helpdesk tickets route`: a dry run of the rules."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copy

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from core.errors import HelpdeskError, SettingsError
from core.settings import settings
from escalation.routing import FOLDER

pytestmark = pytest.mark.usefixtures("own_settings")


def route(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["tickets", "route", *arguments, "--at", "2026-07-01T10:00"])


def facts(*arguments: str) -> dict[str, object]:
    result = route(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.output)
    return found


def test_explained_it_tells_level_team_times_and_each_reason() -> None:
    result = route("--explain", "--city", "chongqing", "--district", "渝北区", "--school", "某小学", "--entry", "cq-11")
    assert result.exit_code == 0
    for told in ("district", "区教委", "rule birth_name", "14 working hours", "2026-07-03 10:00+08:00"):
        assert told in result.output
    assert "rule birth_name" not in route("--city", "chongqing", "--entry", "cq-11").output


def test_as_json_it_tells_the_same_to_a_program() -> None:
    told = facts("--city", "qingdao", "--district", "市南区", "--entry", "qd-b03", "--urgency", "urgent")
    assert (told["level"], told["team"], told["urgency"]) == ("district", "教体局", "urgent")
    assert told["working_hours"] == 3


def test_closing_that_is_near_makes_it_urgent() -> None:
    assert facts("--city", "chongqing", "--closes", "2026-07-01T20:00")["urgency"] == "urgent"


def test_changed_rules_can_be_tried_before_they_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("levels.yml", "routing.yml", "calendar.yml"):
        copy(FOLDER / name, tmp_path)
    changed = (FOLDER / "levels.yml").read_text(encoding="utf-8").replace("教体局", "教育和体育局")
    (tmp_path / "levels.yml").write_text(changed, encoding="utf-8")
    place = ("--city", "qingdao", "--district", "市南区")
    assert facts(*place, "--rules", str(tmp_path))["team"] == "教育和体育局"
    assert facts(*place)["team"] == "教体局"
    monkeypatch.setenv("HELPDESK_ESCALATION_RULES", str(tmp_path))
    settings.cache_clear()
    assert facts(*place)["team"] == "教育和体育局"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--city", "beijing"), HelpdeskError),
        (("--city", "qingdao", "--urgency", "very"), HelpdeskError),
        (("--city", "qingdao", "--school", "某小学"), HelpdeskError),
        (("--city", "qingdao", "--closes", "tomorrow"), HelpdeskError),
        (("--city", "qingdao", "--rules", "/nowhere"), SettingsError),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], error: type[Exception]) -> None:
    assert isinstance(route(*arguments).exception, error)
