"""A caller's look-up while the backend hangs, is gone, offers none, or the audit log can't be written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from desk_running import Service, running_app, wait_for
from hotline_agent import PHONES, Agent, last_code, messages, steps
from sqlalchemy import text

from cli.serve import free_ports
from conversations.storage import open_engine
from core.settings import ROOT
from enrollment.mapping import MAPPING_FILE

pytestmark = pytest.mark.system
AnAgent = Callable[..., Agent]
KEY = "outages-key-0815"
NUMBER = "CQ2026-0417-0031"


class Backend:
    """The reference backend as a process that can be stopped, ended and begun again."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port, self.process = folder, port, None
        self.begin()

    def begin(self) -> None:
        command = [sys.executable, "-m", "enrollment.reference", "--port", str(self.port)]
        log = self.folder / "backend.log"
        with log.open("ab") as file:
            self.process: Any = subprocess.Popen(
                [*command, "--database", f"sqlite:///{self.folder / 'enrollment.db'}"],
                cwd=ROOT,
                env={**os.environ, "HELPDESK_ENROLLMENT_KEY": KEY, "PYTHONPATH": str(ROOT)},
                stdout=file,
                stderr=file,
            )
        wait_for(f"http://127.0.0.1:{self.port}/health", self.process, log)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(15)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    @contextmanager
    def gone(self) -> Iterator[None]:
        self.end()
        try:
            yield
        finally:
            self.begin()


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    (port,) = free_ports(1)
    running = Backend(tmp_path_factory.mktemp("backend"), port)
    yield running
    running.end()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Iterator[Service]:
    """Give the HTTP service with the backend's address."""
    more = {
        "URL": f"http://127.0.0.1:{backend.port}",
        "KEY": KEY,
        "TIMEOUT": "1",
        "CIRCUIT_FAILURES": "3",
        "CIRCUIT_SECONDS": "1",
    }
    environment = {f"HELPDESK_ENROLLMENT_{name}": value for name, value in more.items()}
    with running_app(tmp_path_factory.mktemp("app"), HELPDESK_HOTLINE_CODES_PER_HOUR="6", **environment) as running:
        yield running


@pytest.fixture
def agent(service: Service) -> Iterator[AnAgent]:
    """Give `agent(scope)`: each scope is an agent of its own."""
    came: list[Agent] = []

    def take_call(scope: str = "") -> Agent:
        came.append(Agent(service, scope))
        return came[-1]

    yield take_call
    for one in came:
        one.http.close()


def told(response: Any) -> tuple[int, str, str]:
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"]


def log_of(service: Service) -> str:
    return (service.folder / "app.log").read_text(encoding="utf-8")


@contextmanager
def audit_log_that_takes_nothing(service: Service) -> Iterator[None]:
    engine = open_engine(service.settings.database)
    refuse = "CREATE TRIGGER refuse BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
    with engine.begin() as connection:
        connection.execute(text(refuse))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TRIGGER refuse"))
        engine.dispose()


@pytest.mark.parametrize("fault", ["hanging", "gone"])
def test_a_code_that_could_not_be_sent_does_not_count_and_the_agent_is_told_what_to_do(
    agent: AnAgent, backend: Backend, fault: str
) -> None:
    caller = agent(f"chongqing/{fault}")
    with getattr(backend, fault)():
        for _ in range(2):
            status, code, message = told(caller.send("CQ2026-8888-0001"))
            assert (status, code) == (503, "enrollment_unavailable")
            assert "重新发送" in message
    assert caller.send("CQ2026-8888-0001").status_code == 202
    assert caller.check("000000").json()["tries_left"] == 2


@pytest.mark.parametrize(("fault", "scope"), [("hanging", "chongqing"), ("gone", "chongqing/渝北区")])
def test_a_code_that_could_not_be_checked_costs_no_try_and_is_right_afterwards(
    service: Service, agent: AnAgent, backend: Backend, fault: str, scope: str
) -> None:
    caller = agent(scope)
    assert caller.send(NUMBER).status_code == 202
    code = last_code(service, PHONES[NUMBER])
    with getattr(backend, fault)():
        for _ in range(2):
            status, name, message = told(caller.check(code))
            assert (status, name) == (503, "enrollment_unavailable")
            assert "没有计入次数" in message
    assert caller.check(code).json() == {"verified": True, "tries_left": 3, "locked": False}
    with getattr(backend, fault)():
        assert told(caller.case())[:2] == (503, "enrollment_unavailable")
    assert caller.case().json()["application"]["id"] == NUMBER
    silent = ["unavailable"] * 2
    assert steps(service, caller.call) == ["code_sent", *silent, "code_right", "unavailable", "card"]


def test_a_call_is_handed_over_without_the_case_while_the_backend_is_silent(
    service: Service, agent: AnAgent, backend: Backend
) -> None:
    caller = agent("qingdao")
    assert caller.verify("QD2026-0508-0001").json()["verified"] is True
    caller.http.patch(f"/api/v1/calls/{caller.call}", json={"city": "qingdao"})
    with backend.gone():
        ticket = caller.http.post(f"/api/v1/calls/{caller.call}/escalate").json()["ticket"]
    assert (ticket["city"], ticket["school"]) == ("qingdao", None)
    assert steps(service, caller.call) == ["code_sent", "code_right", "unavailable"]


def test_while_the_circuit_is_open_nobody_waits_and_afterwards_it_goes_on(agent: AnAgent, backend: Backend) -> None:
    caller = agent("chongqing/circuit")
    with backend.gone():
        for _ in range(3):
            caller.send("CQ2026-8888-0001")
        began = time.monotonic()
        status, _, message = told(caller.send("CQ2026-8888-0001"))
        assert time.monotonic() - began < 1.0
        assert status == 503
        assert "过一会儿再试" in message
    time.sleep(1.1)
    assert caller.send("CQ2026-8888-0001").status_code == 202


def test_the_log_names_each_fault_and_nothing_of_a_case(service: Service) -> None:
    log = log_of(service)
    for name in ("TooSlowError", "UnavailableError", "OpenCircuitError"):
        assert name in log
    assert "2026-" not in "".join(json.loads(line)["message"] for line in log.splitlines() if line.startswith("{"))
    for value in (NUMBER, "CQ2026-8888-0001", "待审核", "张*", PHONES[NUMBER]):
        assert value not in log


def test_what_the_audit_log_does_not_take_is_not_shown_and_its_error_tells_nothing(
    service: Service, agent: AnAgent
) -> None:
    caller = agent("chongqing/渝北区/示范第一小学")
    caller.send(NUMBER)
    code = last_code(service, PHONES[NUMBER])
    with audit_log_that_takes_nothing(service):
        answers = [caller.check(code), caller.case()]
        assert [answer.status_code for answer in answers] == [503, 503]
    assert caller.check(code).json() == {"verified": True, "tries_left": 2, "locked": False}
    with audit_log_that_takes_nothing(service):
        shown = caller.case()
        caller.half_a_minute_later()
        answers += [shown, caller.send("CQ2026-8888-0002")]
    assert [answer.status_code for answer in answers[2:]] == [503, 503]
    assert caller.case().status_code == 200
    assert {told(answer)[1] for answer in answers} == {"audit_unavailable"}
    log = log_of(service)
    assert "audit log: IntegrityError; nothing is shown" in log
    for value in (NUMBER, "CQ2026-8888-0002", "待审核", "张*", PHONES[NUMBER], code):
        assert value not in log
        assert not [answer for answer in answers if value in answer.text]


def test_an_agent_has_so_many_codes_sent_within_an_hour_over_all_calls(service: Service, agent: AnAgent) -> None:
    before = len(messages(service))
    for number in (*["CQ2026-0415-0108", "CQ2026-8888-0003"] * 3,):
        assert agent("chongqing/北碚区").send(number).status_code == 202
    refused = [agent("chongqing/北碚区").send(number) for number in ("CQ2026-0415-0108", "CQ2026-8888-0003")]
    assert {told(response)[:2] for response in refused} == {(429, "too_many_requests")}
    assert len({response.content for response in refused}) == 1
    assert agent("chongqing/忠县").send("CQ2026-8888-0003").status_code == 202
    assert len(messages(service)) - before == 3


def test_where_the_backend_verifies_nobody_the_agent_is_told_so(tmp_path: Path, backend: Backend) -> None:
    mapping = yaml.safe_load(MAPPING_FILE.read_text(encoding="utf-8"))
    file = tmp_path / "mapping.yml"
    file.write_text(yaml.safe_dump({**mapping, "verification": None}, allow_unicode=True), encoding="utf-8")
    address = {"HELPDESK_ENROLLMENT_URL": f"http://127.0.0.1:{backend.port}", "HELPDESK_ENROLLMENT_KEY": KEY}
    with running_app(tmp_path, HELPDESK_ENROLLMENT_MAPPING=str(file), **address) as service:
        caller = Agent(service)
        for number in (NUMBER, "CQ2026-8888-0001"):
            status, code, message = told(caller.send(number))
            assert (status, code) == (501, "verification_not_offered")
            assert "登录报名平台自己查询" in message
        caller.http.close()


def test_the_demo_prints_the_messages_that_were_sent_with_the_number_masked(service: Service, agent: AnAgent) -> None:
    assert agent("").send(NUMBER).status_code == 202
    code = last_code(service, PHONES[NUMBER])
    environment = {
        "HELPDESK_REFERENCE_BACKEND": "true",
        "HELPDESK_ENROLLMENT_URL": service.settings.enrollment,
        "HELPDESK_ENROLLMENT_KEY": KEY,
        "HELPDESK_DEMO_KEY_FILE": str(service.settings.demo_key_file),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "cli.main", "demo", "messages"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    assert f"{PHONES[NUMBER][:3]}****{PHONES[NUMBER][-4:]}  【入学咨询热线】" in done.stdout
    assert code in done.stdout.splitlines()[-1]
    assert PHONES[NUMBER] not in done.stdout
    following = subprocess.Popen(
        [*command, "--follow"], cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    with following as process:
        assert process.stdout
        for _ in done.stdout.splitlines():
            process.stdout.readline()
        assert agent("").send(NUMBER).status_code == 202
        assert last_code(service, PHONES[NUMBER]) in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0
