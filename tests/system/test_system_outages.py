"""A part is down, or the whole is stopped: parents are told the truth, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest
from desk_running import Service, desk_environment, family, is_running, running_desk, settings_of, wait_for
from parent_client import Parent

from bot.actions.words import Words
from cli.serve import running
from core.errors import HelpdeskError
from core.settings import ROOT

pytestmark = pytest.mark.system
DEGRADED = Words().say("degraded")
ALL_PARTS = {"database": True, "retrieval": True, "rasa": True, "enrollment": True, "identity": True}
Serve = Callable[..., tuple[subprocess.Popen[bytes], str, Path]]


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a product of which the tests below kill one part after the other."""
    folder = tmp_path_factory.mktemp("failing")
    with running_desk(folder, HELPDESK_RASA_TIMEOUT="3", HELPDESK_ENROLLMENT_CIRCUIT_SECONDS="3") as service:
        yield service


def parts(service: Service) -> dict[str, bool]:
    response = httpx.get(f"{service.base}/readyz", timeout=10, trust_env=False)
    found: dict[str, bool] = response.json()["parts"]
    return found


def kill(service: Service, name: str) -> None:
    service.child(name).process.kill()
    service.child(name).process.wait(10)


def test_1_everything_runs(failing: Service) -> None:
    assert parts(failing) == ALL_PARTS


def test_2_rasa_is_stuck_then_the_question_is_still_answered_once(failing: Service) -> None:
    with closing(Parent(failing.base, city="chongqing")) as parent:
        stuck = psutil.Process(failing.child("Rasa").process.pid)
        stuck.suspend()
        started = time.monotonic()
        turn = parent.say("刷脸查不到孩子")
        waited = time.monotonic() - started
        stuck.resume()
        assert turn.entries == ["cq-10"]
        assert DEGRADED in turn.words
        assert waited < 5
        assert "rasa" in parts(failing)
        time.sleep(1.5)  # Rasa takes the late message up now; its reply comes to nothing
        said = parent.transcript()["messages"]
        assert len([one for one in said if one["message"]["type"] == "answer"]) == 1
        later = parent.say("注册不了怎么办")
        assert later.entries == ["cq-02"]
        assert DEGRADED not in later.words


def test_3_the_backend_hangs_then_a_parent_hears_of_it_within_three_seconds_and_soon_at_once(failing: Service) -> None:
    hung = psutil.Process(failing.child("reference backend").process.pid)
    waited = []
    with closing(Parent(failing.base, token=failing.token("cq-demo-7"))) as parent:
        hung.suspend()
        try:
            for _ in range(failing.settings.enrollment_circuit_failures + 1):
                started = time.monotonic()
                assert parent.say("我的报名进度").outcome == "case_unavailable"
                waited.append(time.monotonic() - started)
        finally:
            hung.resume()
        assert max(waited) < 3
        assert waited[-1] < min(waited[:-1]) / 2  # the circuit is open: nobody waits for the backend any more
        ends = time.monotonic() + failing.settings.enrollment_circuit_seconds + 10
        while not (turn := parent.say("我的报名进度")).cases and time.monotonic() < ends:
            time.sleep(1)
        assert [case["state"] for case in turn.cases] == ["审核通过"]


def test_4_the_backend_is_down_then_the_truth_is_told_and_questions_are_answered(failing: Service) -> None:
    with closing(Parent(failing.base, token=failing.token("cq-zhang"))) as parent:
        assert [case["state"] for case in parent.say("我的报名进度").cases] == ["待审核"]
        kill(failing, "reference backend")
        assert "暂时没有回应" in parent.say("我的报名进度").words
        assert parent.say("刷脸查不到孩子").entries == ["cq-10"]
    assert parts(failing) == ALL_PARTS | {"enrollment": False}
    with closing(Parent(failing.base, token=failing.token("cq-chen"))) as parent:
        turn = parent.say("我的报名进度")
        assert (turn.kind, turn.outcome, turn.cases) == ("case", "case_unavailable", [])
        assert Words().say("case_unavailable") in turn.words
    with closing(Parent(failing.base, token=failing.token("qd-wang"))) as parent:
        assert parent.say("我的报名进度").entries == ["qd-c01"]


def test_5_rasa_is_down_then_the_qa_answers_alone_and_says_so(failing: Service) -> None:
    kill(failing, "Rasa")
    with closing(Parent(failing.base, city="qingdao")) as parent:
        turn = parent.say("自动填的地址不对")
        assert (turn.kind, turn.entries) == ("answer", ["qd-b05"])
        assert DEGRADED in turn.words
        parent.press("不是我要问的")
        weather = parent.say("明天下雨吗")
        assert (weather.kind, weather.answers) == ("no_answer", [])
        own = parent.say("我的报名进度")
        assert own.cases == []
        assert DEGRADED in own.words
    with closing(Parent(failing.base)) as parent:
        assert parent.say("刷脸查不到孩子").asks("city")
        assert parent.press("重庆").entries == ["cq-10"]
    assert parts(failing)["rasa"] is False
    assert httpx.get(f"{failing.base}/readyz", timeout=10, trust_env=False).json()["status"] == "degraded"


@pytest.mark.parametrize("setting", ["HELPDESK_PORT", "HELPDESK_RASA_PORT", "HELPDESK_REFERENCE_PORT"])
def test_a_port_that_is_taken_is_named_with_its_setting(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = desk_environment(tmp_path, **{setting: str(port)})
        with (
            pytest.raises(HelpdeskError, match=rf"port {port} is taken.*{setting} "),
            running(settings_of(environment), environment),
        ):
            pass


def test_a_model_that_is_missing_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    environment = desk_environment(tmp_path, HELPDESK_VAR_DIR=str(tmp_path / "empty"))
    with pytest.raises(HelpdeskError, match="helpdesk train"), running(settings_of(environment), environment):
        pass


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Give a function that runs a real `helpdesk serve` until it answers."""
    begun: list[subprocess.Popen[bytes]] = []

    def start(**overrides: str) -> tuple[subprocess.Popen[bytes], str, Path]:
        environment = desk_environment(tmp_path, **overrides)
        out = tmp_path / "serve.out"
        with out.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "serve"],
                cwd=ROOT,
                env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        begun.append(process)
        return process, f"http://127.0.0.1:{environment['HELPDESK_PORT']}", out

    yield start
    for process in begun:
        for one in family(process.pid):
            one.kill()
        process.wait(10)


def rasa_that_only_listens(folder: Path) -> Path:
    """Return a stand-in for Rasa's Python that answers every address, for tests of what watches over the parts."""
    server = folder / "rasa_that_only_listens.py"
    server.write_text(
        "import sys\n"
        "from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer\n"
        "class Handler(BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.end_headers()\n"
        "port = int(sys.argv[sys.argv.index('-p') + 1])\n"
        "ThreadingHTTPServer(('127.0.0.1', port), Handler).serve_forever()\n"
    )
    script = folder / "rasa-python"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{server}" "$@"\n')
    script.chmod(0o755)
    return script


def wait_for_words(words: str, process: subprocess.Popen[bytes], out: Path) -> None:
    ends = time.monotonic() + 120
    while words not in out.read_text():
        assert process.poll() is None, out.read_text()
        assert time.monotonic() < ends, out.read_text()
        time.sleep(0.05)


def test_ctrl_c_on_a_real_serve_ends_it_well_and_leaves_no_process(serve: Serve) -> None:
    process, base, out = serve()
    wait_for_words("Ctrl-C stops everything", process, out)
    assert f"{base}/demo" in out.read_text()
    with closing(Parent(base, city="chongqing")) as parent:
        assert parent.say("刷脸查不到孩子").entries == ["cq-10"]
    started = family(process.pid)
    assert len(started) >= 4
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0, out.read_text()
    assert [one for one in started if is_running(one)] == []


def test_ctrl_c_while_starting_leaves_no_process(tmp_path: Path, serve: Serve) -> None:
    process, _, out = serve(HELPDESK_RASA_PYTHON=str(rasa_that_only_listens(tmp_path)))
    wait_for_words("starting app", process, out)
    started = family(process.pid)
    process.send_signal(signal.SIGINT)
    process.wait(20)
    assert "Traceback" not in out.read_text()
    assert [one for one in started if is_running(one)] == []


def test_a_part_that_dies_while_serving_ends_serve_with_its_name_and_leaves_no_process(
    tmp_path: Path, serve: Serve
) -> None:
    process, base, out = serve(HELPDESK_RASA_PYTHON=str(rasa_that_only_listens(tmp_path)))
    wait_for(f"{base}/healthz", process, out)
    started = family(process.pid)
    next(one for one in started if "enrollment.reference" in one.cmdline()).kill()
    assert process.wait(20) == 2
    assert "reference backend ended with code -9" in out.read_text()
    assert [one for one in started if is_running(one)] == []


def test_a_part_that_dies_while_starting_ends_serve_with_its_name(tmp_path: Path, serve: Serve) -> None:
    process, _, out = serve(HELPDESK_RASA_PYTHON=str(rasa_that_only_listens(tmp_path)))
    wait_for_words("starting app", process, out)
    ends = time.monotonic() + 20
    while not (apps := [one for one in family(process.pid) if "channels.main:create" in one.cmdline()]):
        assert time.monotonic() < ends
        time.sleep(0.05)
    started = family(process.pid)
    apps[0].kill()
    assert process.wait(20) == 2
    assert "app ended with code -9" in out.read_text()
    assert [one for one in started if is_running(one)] == []


def test_sixteen_parents_at_once_are_all_answered(service: Service) -> None:
    def ask(number: int) -> list[str]:
        with closing(Parent(service.base, city="chongqing" if number % 2 else "qingdao")) as parent:
            return parent.say("刷脸查不到孩子" if number % 2 else "自动填的地址不对").entries

    with ThreadPoolExecutor(16) as pool:
        answered = list(pool.map(ask, range(16)))
    assert answered == [["cq-10"] if number % 2 else ["qd-b05"] for number in range(16)]


def test_the_app_and_the_backend_share_a_key_for_changes_that_rasa_never_sees(service: Service) -> None:
    names = ("app", "reference backend", "Rasa")
    app, backend, rasa = (psutil.Process(service.child(name).process.pid) for name in names)
    key = app.environ()["HELPDESK_ENROLLMENT_WEBHOOK_KEY"]
    assert len(key) >= 24
    assert backend.environ()["HELPDESK_ENROLLMENT_WEBHOOK_KEY"] == key
    assert key not in rasa.environ().values()
    command = backend.cmdline()
    assert command[command.index("--notify-url") + 1] == f"{service.base}/api/v1/enrollment/changes"
