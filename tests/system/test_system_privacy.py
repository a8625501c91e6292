"""What a family's case holds, and what a parent types of a person, stays where it belongs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from desk_running import Service, free_ports, running_desk
from parent_client import Parent
from recording_proxy import Recording, recording

from core.settings import settings

pytestmark = pytest.mark.system
MOBILE = "13800004321"
IDENTITY = "110101199003071239"
"""Invented; its check digit is wrong."""
OLD_IDENTITY = "110101900307123"
SPOKEN = "幺三八零零零零四三二一"
LANDLINE = "0532-85004321"
PERMIT = "H01234321"
CASE = {
    "child": "刘*",
    "school": "示范第二小学",
    "application id": "CQ2026-0415-0108",
    "reason": "看不清产权人和坐落",
    "guardian": "cq-liu",
}


@dataclass
class Afternoon:
    """A family's whole conversation, and all that can be searched after it."""

    service: Service
    parent: Parent
    token: str
    to_rasa: Recording
    to_actions: Recording


@pytest.fixture(scope="module")
def afternoon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Afternoon]:
    """Hold the conversation with a proxy before Rasa and another before the action webhook."""
    folder = tmp_path_factory.mktemp("privacy")
    app_port, rasa_port = free_ports(2)
    with recording(rasa_port) as to_rasa, recording(app_port) as to_actions:
        overrides = {
            "HELPDESK_PORT": str(app_port),
            "HELPDESK_RASA_PORT": str(rasa_port),
            "HELPDESK_RASA_URL": f"http://127.0.0.1:{to_rasa.port}",
            "HELPDESK_RASA_PYTHON": str(rasa_by_proxy(folder, to_actions.port)),
            "HELPDESK_LOG_LEVEL": "DEBUG",
        }
        with running_desk(folder, **overrides) as service:
            token = service.token("cq-liu")
            parent = Parent(service.base, token=token)
            hold_conversation(parent)
            yield Afternoon(service, parent, token, to_rasa, to_actions)
            parent.close()


def rasa_by_proxy(folder: Path, port: int) -> Path:
    """Return a stand-in for Rasa's Python that sends Rasa's calls through the proxy."""
    script = folder / "rasa-python"
    address = f"http://127.0.0.1:{port}/internal/actions"
    script.write_text(f'#!/bin/sh\nHELPDESK_ACTION_URL={address} exec "{settings().rasa_python}" "$@"\n')
    script.chmod(0o755)
    return script


def hold_conversation(parent: Parent) -> None:
    assert [case["state"] for case in parent.say("我的报名进度").cases] == ["补正"]
    parent.say("刷脸查不到孩子")
    for words in (
        f"我的手机是{MOBILE}，收不到验证码",
        f"电话 {MOBILE[:3]} {MOBILE[3:7]}-{MOBILE[7:]}，注册不了",
        "手机１３８００００４３２１，注册不了",
        f"身份证{IDENTITY}认证不过",
        f"老身份证{OLD_IDENTITY}认证不过",
        f"{IDENTITY[:6]} {IDENTITY[6:14]} {IDENTITY[14:]}刷脸查不到孩子",
        f"我手机{SPOKEN}，收不到验证码",
        f"{CASE['application id']}到哪一步了",
        f"座机{LANDLINE}，回乡证{PERMIT}，注册不了",
    ):
        parent.say(words)
    assert parent.say("那我的报名审核到哪一步了").cases


def searched(text: str) -> list[str]:
    """Return the forms in which words may stand in a log or on a wire."""
    return [text, json.dumps(text)[1:-1]]


@pytest.mark.parametrize("what", CASE)
def test_no_log_holds_anything_of_the_case(afternoon: Afternoon, what: str) -> None:
    for log in sorted(afternoon.service.folder.glob("*.log")):
        written = log.read_text(encoding="utf-8", errors="replace")
        assert not [form for form in searched(CASE[what]) if form in written], log.name


@pytest.mark.parametrize("what", CASE)
@pytest.mark.parametrize("way", ["to_rasa", "to_actions"])
def test_rasa_and_its_tracker_never_see_anything_of_the_case(afternoon: Afternoon, way: str, what: str) -> None:
    passed = getattr(afternoon, way).passed.decode("utf-8", errors="replace")
    assert "刷脸查不到孩子" in passed or json.dumps("刷脸查不到孩子")[1:-1] in passed, "the proxy saw no traffic"
    assert not [form for form in searched(CASE[what]) if form in passed]


def test_rasa_gets_nothing_back_but_turn_and_outcome(afternoon: Afternoon) -> None:
    passed = afternoon.to_actions.passed.decode("utf-8", errors="replace")
    assert "case_shown" in passed
    assert "待审核" not in passed
    for official in ("系统后台调取", "重庆市卫生健康委"):
        assert not [form for form in searched(official) if form in passed]


@pytest.mark.parametrize("number", [MOBILE, IDENTITY, OLD_IDENTITY, "１３８００００４３２１", SPOKEN, LANDLINE, PERMIT])
def test_a_typed_number_of_a_person_is_kept_nowhere(afternoon: Afternoon, number: str) -> None:
    kept = {
        log.name: log.read_text(encoding="utf-8", errors="replace") for log in afternoon.service.folder.glob("*.log")
    }
    kept["database"] = everything_in(afternoon.service.folder / "helpdesk.db")
    kept["to Rasa"] = afternoon.to_rasa.passed.decode("utf-8", errors="replace")
    kept["to the actions"] = afternoon.to_actions.passed.decode("utf-8", errors="replace")
    found = [name for name, text in kept.items() if number in text or number in text.replace(" ", "").replace("-", "")]
    assert found == []
    assert "[手机号]" in kept["database"]
    assert "[身份证号]" in kept["database"]
    assert "[办件编号]到哪一步了" in kept["database"]
    assert f"{CASE['application id']}到哪一步了" not in kept["database"]
    assert "座机[电话号码]，回乡证[证件号]" in kept["database"]


def test_secret_and_token_are_kept_nowhere_in_the_clear(afternoon: Afternoon) -> None:
    places = [everything_in(afternoon.service.folder / "helpdesk.db")]
    places += [log.read_text(encoding="utf-8", errors="replace") for log in afternoon.service.folder.glob("*.log")]
    places += [afternoon.to_rasa.passed.decode("utf-8", errors="replace")]
    for place in places:
        assert afternoon.parent.secret not in place
        assert afternoon.token not in place


def test_the_log_of_a_turn_names_no_words_of_the_parent(afternoon: Afternoon) -> None:
    log = (afternoon.service.folder / "app.log").read_text(encoding="utf-8")
    assert not [form for form in searched("刷脸查不到") if form in log]


def everything_in(database: Path) -> str:
    """Return every value of every table, as one text."""
    values: list[str] = []
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert {"turns", "said"} <= set(tables)
        for table in tables:
            values += [str(value) for row in connection.execute(f'SELECT * FROM "{table}"') for value in row]  # noqa: S608
    connection.close()
    return "\n".join(values)
