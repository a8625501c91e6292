"""The reference service as a process: starts with a key, refuses without, ends cleanly, logs nothing of a case."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from core.settings import ROOT
from enrollment.states import states

KEY = "process-key-0815"


@contextmanager
def process(database: Path, port: int, key: str | None) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "enrollment.reference", "--port", str(port), "--database", f"sqlite:///{database}"]
    environment = {name: value for name, value in os.environ.items() if name != "HELPDESK_ENROLLMENT_KEY"}
    if key is not None:
        environment["HELPDESK_ENROLLMENT_KEY"] = key
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                running.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until_healthy(url: str, running: subprocess.Popen[str]) -> None:
    ends = time.monotonic() + 30
    while time.monotonic() < ends and running.poll() is None:
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("the reference service did not start")


@pytest.mark.parametrize("key", [None, ""])
def test_it_refuses_to_start_without_a_key_and_says_so(tmp_path: Path, key: str | None) -> None:
    with process(tmp_path / "x.db", free_port(), key) as running:
        _, errors = running.communicate(timeout=30)
    assert running.returncode == 2
    assert "HELPDESK_ENROLLMENT_KEY is empty" in errors
    assert "Traceback" not in errors


def test_a_taken_port_ends_it_with_a_reason(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        process(tmp_path / "x.db", listener.getsockname()[1], KEY) as running,
    ):
        _, errors = running.communicate(timeout=30)
    assert running.returncode not in (0, None)
    assert "address already in use" in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_ends_cleanly_and_its_log_tells_nothing_of_a_case(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with process(tmp_path / "x.db", port, KEY) as running:
        wait_until_healthy(url, running)
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}) as caller:
            found = caller.post("/v1/applications/query", json={"guardian": "cq-liu", "city": "chongqing"}).json()
            caller.post("/v1/applications/CQ2026-0415-0108/steps", json={"to": "审核"})
            caller.post("/v1/applications/CQ2026-0415-0108/steps", json={"to": "未维护"})
        running.send_signal(number)
        _, errors = running.communicate(timeout=30)
    assert running.returncode == 0
    assert "Traceback" not in errors
    (shown,) = found["applications"]
    values = [shown["id"], shown["district"], shown["school"], "cq-liu", "刘某", "刘*", "房产证", KEY]
    for value in [*values, *states().cities["chongqing"].states]:
        assert value not in errors
        assert value.encode("unicode_escape").decode() not in errors
