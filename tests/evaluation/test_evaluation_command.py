from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from answering_server import TinyDesk
from typer.testing import CliRunner

from cli.evaluate import evaluate, is_ready

RIGHT = {"q": "刷脸查不到孩子", "city": "chongqing", "expect": ["cq-10"], "kind": "short"}
WRONG = {"q": "双胞胎能分开报吗", "city": "qingdao", "expect": [], "kind": "near_miss"}


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(evaluate)
    return made


def written(folder: Path, *lines: dict[str, object]) -> str:
    path = folder / "set.jsonl"
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    return str(path)


def test_json_is_one_object_alone_on_standard_output(desk: TinyDesk, tmp_path: Path, app: typer.Typer) -> None:
    done = CliRunner().invoke(app, [written(tmp_path, RIGHT, WRONG), "--json", "--url", desk.url])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["questions"] == 2
    assert found["figures"]["answerable"]["correct"] == 1.0
    assert found["figures"]["unanswerable"]["false_answer"] == 1.0
    assert "asked 2 of 2" in done.stderr


def test_a_figure_below_its_floor_is_named_and_exits_1(desk: TinyDesk, tmp_path: Path, app: typer.Typer) -> None:
    done = CliRunner().invoke(app, [written(tmp_path, RIGHT, WRONG), "--url", desk.url, "--floors"])
    assert done.exit_code == 1
    assert "below its floor: unanswerable.false_answer" in done.stderr
    assert CliRunner().invoke(app, [written(tmp_path, RIGHT), "--url", desk.url, "--floors"]).exit_code == 0


def test_a_floor_that_the_development_set_no_longer_measures_is_named(
    desk: TinyDesk, tmp_path: Path, app: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.evaluate.DEVELOPMENT", tmp_path / "set.jsonl")
    done = CliRunner().invoke(app, [written(tmp_path, RIGHT), "--url", desk.url, "--floors"])
    assert done.exit_code == 1
    assert "below its floor: two_in_one.correct (two in one: both answered): not measured" in done.stderr


def test_report_and_comparison_are_written(desk: TinyDesk, tmp_path: Path, app: typer.Typer) -> None:
    first = [written(tmp_path, RIGHT), "--url", desk.url, "--report", str(tmp_path / "a")]
    assert CliRunner().invoke(app, first).exit_code == 0
    done = CliRunner().invoke(app, [*first, "--against", str(tmp_path / "a/result.json")])
    assert done.exit_code == 0
    assert "1 common questions: 0 gained, 0 lost" in done.stdout
    assert (tmp_path / "a/index.html").exists()


def test_the_last_result_is_kept_and_compared_with(desk: TinyDesk, tmp_path: Path, app: typer.Typer) -> None:
    arguments = [written(tmp_path, RIGHT, WRONG), "--url", desk.url, "--report", str(tmp_path / "a")]
    first = CliRunner().invoke(app, arguments)
    assert "common questions" not in first.stdout
    before = (tmp_path / "a/result.json").read_text(encoding="utf-8")
    done = CliRunner().invoke(app, arguments)
    assert "2 common questions: 0 gained, 0 lost, McNemar exact p = 1.0000" in done.stdout
    assert (tmp_path / "a/previous.json").read_text(encoding="utf-8") == before
    page = (tmp_path / "a/index.html").read_text(encoding="utf-8")
    assert "Against the earlier run" in page
    assert "log_p_characters" in page
    (tmp_path / "a/result.json").write_text("{}", encoding="utf-8")
    broken = CliRunner().invoke(app, arguments)
    assert (broken.exit_code, "not compared with the last run" in broken.stderr) == (0, True)


def test_an_unusable_file_exits_2_and_no_service_3(desk: TinyDesk, tmp_path: Path, app: typer.Typer) -> None:
    done = CliRunner().invoke(app, [written(tmp_path, {"q": "x"}), "--url", desk.url])
    assert (done.exit_code, "line 1: city: Field required" in done.stderr) == (2, True)
    gone = CliRunner().invoke(app, [written(tmp_path, RIGHT), "--url", "http://127.0.0.1:9"])
    assert gone.exit_code == 3


def test_a_service_is_ready_when_it_says_so(desk: TinyDesk) -> None:
    assert is_ready(desk.url)
    assert not is_ready("http://127.0.0.1:9")
