"""The `helpdesk` command: help everywhere, plain errors with exit codes, JSON where a program may read it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from channels.keys import TokenKeys
from channels.tokens import read_staff_token, read_token
from cli.main import app, main
from conversations.storage import Identity
from core.settings import PREFIX, ROOT, Settings, read_settings, settings
from knowledge.loader import load_knowledge

COMMANDS = ["serve", "train", "tune", "ask", "explain", "evaluate", "evaluate-peers", "benchmark", "knowledge", "audit"]
COMMANDS += ["privacy", "staff", "demo", "tickets"]
SUBCOMMANDS = [["knowledge", "check"], ["knowledge", "list"], ["knowledge", "nlu"]]
SUBCOMMANDS += [["demo", "token"], ["demo", "messages"]]
SUBCOMMANDS += [["audit", "verify"], ["audit", "list"], ["privacy", "purge"], ["tickets", "route"]]
SUBCOMMANDS += [["staff", "add"], ["staff", "disable"], ["staff", "token"], ["staff", "list"]]


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Read the settings anew in each test, and once more after it."""
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Start from the defaults; give a settings file that may be written."""
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)
    file = tmp_path / "helpdesk.env"
    monkeypatch.setenv("HELPDESK_ENV_FILE", str(file))
    return file


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the whole command; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["helpdesk", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


class TestHelp:
    def test_help_lists_every_command(self) -> None:
        result = run("--help")
        assert result.exit_code == 0
        assert [command for command in COMMANDS if command not in result.output] == []

    @pytest.mark.parametrize("arguments", [[c] for c in COMMANDS] + SUBCOMMANDS, ids=" ".join)
    def test_command_explains_itself(self, arguments: list[str]) -> None:
        result = run(*arguments, "--help")
        assert result.exit_code == 0
        assert "Usage" in result.output
        assert len(result.output.split()) > 12

    @pytest.mark.parametrize(
        "arguments", [["no-such-command"], ["ask"], ["demo", "token", "--colour"], ["knowledge", "x"]]
    )
    def test_wrong_use_is_exit_code_2(self, arguments: list[str]) -> None:
        assert run(*arguments).exit_code == 2

    def test_it_runs_as_a_program(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "knowledge", "check"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("47 entries equal their sources")


class TestKnowledge:
    def test_check_proves_the_entries(self) -> None:
        known = load_knowledge()
        result = run("knowledge", "check")
        assert result.exit_code == 0
        assert result.output.startswith("47 entries equal their sources")
        assert f"{len(known.near_misses)} near misses" in result.output

    def test_check_says_when_the_questions_have_moved_from_the_judges_run(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("retrieval.drift.counts_of", lambda _: {"near_misses": 9_000_000})
        assert "double.yml: tuned on other questions (near_misses +" in run("knowledge", "check").output
        monkeypatch.setattr("retrieval.drift.FAR", 1e9)
        assert "tuned on other" not in run("knowledge", "check").output

    def test_list_is_readable_by_a_program(self) -> None:
        result = run("knowledge", "list", "--json")
        rows = [json.loads(line) for line in result.output.splitlines()]
        known = load_knowledge().entries
        assert [row["id"] for row in rows] == list(known)
        assert all((row["city"], row["question"]) == (known[row["id"]].city, known[row["id"]].question) for row in rows)

    def test_list_is_readable_by_people(self) -> None:
        lines = run("knowledge", "list").output.splitlines()
        assert len(lines) == 47
        assert lines[1].startswith("cq-02\tchongqing\t")


class TestAsk:
    def test_answer_is_the_published_one(self) -> None:
        entry = load_knowledge().entries["cq-10"]
        result = run("ask", "刷脸查不到孩子", "--city", "chongqing")
        assert result.exit_code == 0
        assert "cq-10" in result.output
        assert entry.answer in result.output
        assert "教育入学“一件事”第三批次“子女信息维护”常见问题解答" in result.output

    def test_answer_as_json(self) -> None:
        result = run("ask", "刷脸查不到孩子", "--city", "chongqing", "--json")
        found = json.loads(result.output)
        assert result.exit_code == 0
        assert (found["decision"], found["city"], found["entry"]["id"]) == ("answer", "chongqing", "cq-10")
        assert found["entry"]["answer"] == load_knowledge().entries["cq-10"].answer
        confidences = [candidate["confidence"] for candidate in found["candidates"]]
        assert confidences == sorted(confidences, reverse=True)
        assert all(0 <= confidence <= 1 for confidence in confidences)

    def test_other_city_answers_with_its_own_entry(self) -> None:
        found = json.loads(run("ask", "自动填的地址不对", "--city", "qingdao", "--json").output)
        assert {candidate["id"][:2] for candidate in found["candidates"]} == {"qd"}
        assert found["entry"]["id"] == "qd-b05"

    def test_no_answer_is_exit_code_1(self) -> None:
        result = run("ask", "明天下雨吗", "--json")
        found = json.loads(result.output)
        assert result.exit_code == 1
        assert found["decision"] == "none"
        assert "entry" not in found

    def test_unknown_city_is_refused(self) -> None:
        result = run("ask", "刷脸查不到孩子", "--city", "beijing")
        assert result.exit_code == 2
        assert "chongqing, qingdao" in result.output

    def test_missing_models_are_named(
        self, no_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("HELPDESK_VAR_DIR", str(tmp_path / "empty"))
        assert run_main(monkeypatch, "ask", "刷脸查不到孩子") == 2
        assert (
            capsys.readouterr().err
            == f"helpdesk: no usable index at {tmp_path}/empty/retrieval: run `helpdesk train`\n"
        )


class TestErrors:
    def test_wrong_setting_stops_the_start_by_name(
        self, no_settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        no_settings.write_text("HELPDESK_PORT=eighty\n", encoding="utf-8")
        assert run_main(monkeypatch, "ask", "刷脸") == 2
        assert capsys.readouterr().err.startswith("helpdesk: HELPDESK_PORT: ")

    def test_serve_without_a_model_says_which_command_makes_it(
        self, no_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("HELPDESK_VAR_DIR", str(tmp_path / "empty"))
        assert run_main(monkeypatch, "serve") == 2
        assert "run `helpdesk train`" in capsys.readouterr().err


def read(token: str) -> Identity:
    current = read_settings()
    return asyncio.run(read_token(current, TokenKeys(current), token))


class TestDemoToken:
    @pytest.fixture(autouse=True)
    def key(self, no_settings: Path, tmp_path: Path) -> Path:
        no_settings.write_text(f"HELPDESK_DEMO_KEY_FILE={tmp_path}/demo-key.pem\n", encoding="utf-8")
        return tmp_path / "demo-key.pem"

    @pytest.mark.parametrize(
        ("guardian", "city"),
        [("cq-zhang", "chongqing"), ("cq-liu", "chongqing"), ("qd-wang", "qingdao"), ("qd-sun-mother", "qingdao")],
    )
    def test_family_token_is_accepted(self, guardian: str, city: str) -> None:
        result = run("demo", "token", "--guardian", guardian)
        assert result.exit_code == 0
        identity = read(result.output.strip())
        assert (identity.guardian, identity.city) == (guardian, city)

    def test_without_the_reference_backend_there_are_no_messages(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run_main(monkeypatch, "demo", "messages") == 2
        assert "HELPDESK_REFERENCE_BACKEND" in capsys.readouterr().err

    def test_a_backend_that_does_not_run_is_told_in_one_line(
        self, no_settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name, value in (("REFERENCE_BACKEND", "true"), ("ENROLLMENT_URL", "http://127.0.0.1:9")):
            monkeypatch.setenv(f"HELPDESK_{name}", value)
        assert run_main(monkeypatch, "demo", "messages") == 2
        assert capsys.readouterr().err == "helpdesk: the reference backend's messages can't be read (ConnectError)\n"

    def test_each_token_is_another_one(self) -> None:
        tokens = {run("demo", "token", "--guardian", "nobody").output.strip() for _ in range(2)}
        assert len({read(token).jti for token in tokens}) == 2

    def test_key_is_its_owners_only(self, key: Path) -> None:
        run("demo", "token", "--guardian", "cq-zhang")
        assert key.stat().st_mode & 0o077 == 0
        assert [path.name for path in key.parent.glob("demo-key*")] == ["demo-key.pem"]

    def test_staff_token_is_accepted(self) -> None:
        result = run("demo", "token", "--staff", "school", "--scope", "chongqing/渝北区/龙溪小学")
        staff = read_staff_token(read_settings(), result.output.strip())
        assert (staff.role, str(staff.scope)) == ("school", "chongqing/渝北区/龙溪小学")

    def test_unknown_role_is_refused(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        assert run_main(monkeypatch, "demo", "token", "--staff", "king") == 2
        assert "no such role: 'king'" in capsys.readouterr().err

    @pytest.mark.parametrize("arguments", [[], ["--guardian", "cq-zhang", "--staff", "agent"]])
    def test_exactly_one_of_family_and_staff(self, arguments: list[str]) -> None:
        result = run("demo", "token", *arguments)
        assert result.exit_code == 2
        assert "--guardian" in result.output

    def test_without_the_demo_key_there_are_no_tokens(
        self, no_settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        no_settings.unlink()
        assert run_main(monkeypatch, "demo", "token", "--guardian", "cq-zhang") == 2
        streams = capsys.readouterr()
        assert "HELPDESK_DEMO_KEY_FILE is not set" in streams.err
        assert streams.out == ""


class TestExplain:
    def test_page_tells_everything_that_led_to_the_answer(self) -> None:
        result = run("explain", "刷脸查不到孩子,户口本也填好了", "--city", "chongqing", "--no-rasa")
        assert result.exit_code == 0, result.output
        for part in (
            "normal form",
            "nearest known question",
            "cq-10",
            "log_p_characters",
            "decision:",
            "answered from",
        ):
            assert part in result.output
        assert "qingdao" not in result.output

    def test_two_questions_in_one_message_are_shown_as_answered_both(self) -> None:
        asked = "刷脸查不到孩子怎么办,另外购房合同传哪几页"
        result = run("explain", asked, "--city", "chongqing", "--no-rasa")
        assert "decision: answer both" in result.output

    def test_intent_comes_from_the_trained_rasa(self) -> None:
        result = run("explain", "注册不了怎么办", "--city", "qingdao")
        assert "registration_trouble" in result.output

    def test_message_before_is_counted_in(self) -> None:
        before = "房子是我自己的,选房产查询对吧"
        result = run("explain", "那奶奶名下的呢", "--before", before, "--city", "chongqing", "--no-rasa")
        assert "read with the message before" in result.output

    def test_numbers_that_identify_are_masked(self) -> None:
        result = run("explain", "我的身份证11010519491231002X被占用了", "--city", "qingdao", "--no-rasa")
        assert "11010519491231002" not in result.output

    def test_unknown_city_is_refused(self) -> None:
        assert run("explain", "注册不了", "--city", "beijing").exit_code != 0
