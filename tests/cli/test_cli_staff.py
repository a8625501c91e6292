"""`helpdesk staff`: exit codes, words and JSON; no password and no token is kept or shown twice."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app, main
from conversations.storage import open_engine
from core.settings import ROOT, settings
from staff.accounts import StaffStore
from staff.tokens import StaffTokens

pytestmark = pytest.mark.usefixtures("own_settings")
PASSWORD = "correct-horse-9"
AGENT = ("--name", "李明", "--role", "agent", "--scope", "chongqing")


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["staff", *arguments], input=typed)


def listed(*arguments: str) -> list[dict[str, Any]]:
    result = run("list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def signs_in(login: str, password: str) -> bool:
    engine = open_engine(settings().database)
    staff = StaffStore(engine, settings()).check_password(login, password)[1]
    engine.dispose()
    return staff is not None


def speaks_for(token: str) -> str | None:
    engine = open_engine(settings().database)
    who = StaffTokens(engine).find(token)
    engine.dispose()
    return who and f"{who.role} {who.scope}".strip()


class TestAdd:
    def test_the_password_is_the_first_line_of_standard_input_and_nobody_sees_it(self, tmp_path: Path) -> None:
        result = run("add", "li.ming", *AGENT, typed=f"{PASSWORD}\nsomething else\n")
        assert (result.exit_code, result.output) == (0, "account li.ming: agent, chongqing\n")
        assert signs_in("li.ming", PASSWORD)
        assert PASSWORD.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())

    def test_at_a_terminal_it_is_asked_for_twice_and_not_echoed(self, tmp_path: Path) -> None:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "cli.main", "staff", "add", "li.ming", *AGENT]
        with subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ) as program:
            os.close(theirs)
            shown = b""
            for prompt in (b"Password: ", b"Once more: "):
                while not shown.endswith(prompt):
                    shown += os.read(ours, 1)
                os.write(ours, f"{PASSWORD}\n".encode())
            while b"account" not in shown or not shown.endswith(b"\n"):
                shown += os.read(ours, 1)
            assert program.wait(30) == 0
        os.close(ours)
        assert b"account li.ming: agent, chongqing" in shown
        assert PASSWORD.encode() not in shown
        assert signs_in("li.ming", PASSWORD)

    def test_json_tells_the_account(self) -> None:
        result = run("add", "li.ming", *AGENT, "--json", typed=PASSWORD)
        told = json.loads(result.output)
        assert {**told, "id": ""} == {
            "id": "", "login": "li.ming", "name": "李明", "role": "agent", "scope": "chongqing",
        }  # fmt: skip
        assert told["id"] == listed()[0]["id"]

    @pytest.mark.parametrize(
        ("arguments", "typed", "says"),
        [
            (("li.ming", *AGENT), "short", "a password has 10 to 128 characters"),
            (("li.ming", *AGENT), "", "no password"),
            (("Li Ming", *AGENT), PASSWORD, "a login has 2 to 64"),
            (("li.ming", *AGENT, "--oidc-subject", "s-1"), "", "HELPDESK_OIDC_ISSUER"),
        ],
    )
    def test_what_will_not_do_is_one_line_and_exit_code_2(
        self,
        *,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        arguments: tuple[str, ...],
        typed: str,
        says: str,
    ) -> None:
        file = tmp_path / "typed"
        file.write_text(typed, encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["helpdesk", "staff", "add", *arguments])
        with file.open(encoding="utf-8") as stdin, pytest.raises(SystemExit) as left:
            monkeypatch.setattr(sys, "stdin", stdin)
            main()
        error = capsys.readouterr().err
        assert (left.value.code, error.count("\n")) == (2, 1)
        assert says in error
        assert listed() == []

    @pytest.mark.parametrize(
        ("changed", "says"), [(("--role", "king"), "no such role"), (("--scope", "beijing"), "no such city")]
    )
    def test_unknown_role_or_scope_is_refused(self, changed: tuple[str, str], says: str) -> None:
        result = run("add", "li.ming", *AGENT, *changed, typed=PASSWORD)
        assert (result.exit_code, says in result.output) == (2, True)

    def test_the_password_is_no_option(self) -> None:
        assert run("add", "li.ming", *AGENT, "--password", PASSWORD).exit_code == 2

    def test_with_a_subject_no_password_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HELPDESK_OIDC_ISSUER", "https://id.example")
        monkeypatch.setenv("HELPDESK_OIDC_CLIENT_ID", "helpdesk")
        monkeypatch.setenv("HELPDESK_OIDC_CLIENT_SECRET", "x")
        settings.cache_clear()
        assert run("add", "li.ming", *AGENT, "--oidc-subject", "s-1").exit_code == 0
        assert listed()[0]["signs_in_by"] == "oidc"


class TestDisableAndList:
    def test_accounts_are_listed_with_their_state(self) -> None:
        run(
            "add",
            "wang.fang",
            "--name",
            "王芳",
            "--role",
            "school",
            "--scope",
            "qingdao/市北区/示例路小学",
            typed=PASSWORD,
        )
        run("add", "li.ming", *AGENT, typed=PASSWORD)
        assert run("disable", "li.ming").output == "account li.ming: disabled\n"
        assert [(row["login"], row["role"], row["scope"], row["signs_in_by"], row["state"]) for row in listed()] == [
            ("li.ming", "agent", "chongqing", "password", "disabled"),
            ("wang.fang", "school", "qingdao/市北区/示例路小学", "password", "active"),
        ]
        assert run("list").output.splitlines()[0].split("\t")[:6] == [
            "li.ming", "李明", "agent", "chongqing", "password", "disabled",
        ]  # fmt: skip
        assert not signs_in("li.ming", PASSWORD)

    def test_replacing_enables_again(self) -> None:
        run("add", "li.ming", *AGENT, typed=PASSWORD)
        run("disable", "li.ming")
        assert run("add", "li.ming", *AGENT, "--replace", typed="another-password").exit_code == 0
        assert signs_in("li.ming", "another-password")


class TestToken:
    def test_a_token_is_printed_once_alone_on_standard_output(self) -> None:
        result = run("token", "报表", "--role", "city", "--scope", "qingdao", "--days", "7")
        assert result.exit_code == 0
        text = result.stdout.strip()
        assert text.startswith("hdst_")
        assert speaks_for(text) == "city qingdao"
        row = listed("--tokens")[0]
        assert (row["name"], row["state"]) == ("报表", "valid")
        assert text not in run("list", "--tokens").output + json.dumps(row)

    def test_it_can_be_revoked(self) -> None:
        made = json.loads(run("token", "报表", "--role", "admin", "--json").output)
        assert speaks_for(made["token"]) == "admin"
        assert run("token", "--revoke", made["id"]).output == f"token {made['id']}: revoked\n"
        assert speaks_for(made["token"]) is None
        assert listed("--tokens")[0]["state"] == "revoked"

    @pytest.mark.parametrize(
        "arguments",
        [[], ["报表"], ["报表", "--role", "king"], ["报表", "--role", "agent", "--days", "0"], ["x", "--revoke", "y"]],
    )
    def test_wrong_use_is_exit_code_2(self, arguments: list[str]) -> None:
        assert run("token", *arguments).exit_code == 2
        assert listed("--tokens") == []
