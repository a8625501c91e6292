"""The reference service as a process: starts with a key, refuses without, ends cleanly, logs nothing of a case."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio
import httpx
import pytest
from enrollment_fault_server import fault_server, raw
from pydantic import SecretStr

from core.settings import ROOT
from enrollment.signing import SignedRequests, Signer
from enrollment.states import states

KEY = "process-key-0815"
SIGNING_KEY = "process-signing-key-4711"


@contextmanager
def process(
    database_url: str, port: int, key: str | None, *options: str, **more: str
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "enrollment.reference", "--port", str(port), "--database", database_url, *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HELPDESK_ENROLLMENT_")}
    environment |= more | ({} if key is None else {"HELPDESK_ENROLLMENT_KEY": key})
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
    with process(f"sqlite:///{tmp_path / 'x.db'}", free_port(), key) as running:
        _, errors = running.communicate(timeout=30)
    assert running.returncode == 2
    assert "HELPDESK_ENROLLMENT_KEY is empty" in errors
    assert "Traceback" not in errors


def test_a_taken_port_ends_it_with_a_reason(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        process(f"sqlite:///{tmp_path / 'x.db'}", listener.getsockname()[1], KEY) as running,
    ):
        _, errors = running.communicate(timeout=30)
    assert running.returncode not in (0, None)
    assert "address already in use" in errors


@pytest.mark.parametrize(
    ("options", "more", "message"),
    [
        (["--notify-url", "http://127.0.0.1:1/x"], {}, "HELPDESK_ENROLLMENT_WEBHOOK_KEY is empty"),
        (["--notify-url", "http://127.0.0.1:1/x"], {"WEBHOOK_KEY": "short"}, "HELPDESK_ENROLLMENT_WEBHOOK_KEY"),
        (["--notify-url", "desk"], {"WEBHOOK_KEY": SIGNING_KEY}, "--notify-url has to start with"),
        ([], {"SIGNING": "hmac-sm3"}, "HELPDESK_ENROLLMENT_SIGNING_KEY"),
        ([], {"SIGNING": "rot13"}, "HELPDESK_ENROLLMENT_SIGNING"),
    ],
)
def test_it_refuses_to_start_with_what_it_could_not_sign_or_check(
    tmp_path: Path, options: list[str], more: dict[str, str], message: str
) -> None:
    environment = {f"HELPDESK_ENROLLMENT_{name}": value for name, value in more.items()}
    with process(f"sqlite:///{tmp_path / 'x.db'}", free_port(), KEY, *options, **environment) as running:
        _, errors = running.communicate(timeout=30)
    assert running.returncode == 2
    assert message in errors
    assert "Traceback" not in errors


@pytest.mark.anyio
async def test_told_to_sign_and_to_notify_it_does_both_in_sm3_and_its_log_tells_no_key(database_url: str) -> None:
    port, key = free_port(), SecretStr(SIGNING_KEY)
    url = f"http://127.0.0.1:{port}"
    asked, told = Signer("hmac-sm3", key, "desk-1"), Signer("hmac-sm3", key, "city-1")
    environment = {
        "HELPDESK_ENROLLMENT_SIGNING": "hmac-sm3",
        "HELPDESK_ENROLLMENT_SIGNING_KEY": SIGNING_KEY,
        "HELPDESK_ENROLLMENT_SIGNING_KEY_ID": "desk-1",
        "HELPDESK_ENROLLMENT_WEBHOOK_SIGNING": "hmac-sm3",
        "HELPDESK_ENROLLMENT_WEBHOOK_KEY": SIGNING_KEY,
        "HELPDESK_ENROLLMENT_WEBHOOK_KEY_ID": "city-1",
    }
    async with fault_server(raw(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")) as desk:
        with process(database_url, port, KEY, "--notify-url", f"{desk.url}/changes", **environment) as running:
            await asyncio.to_thread(wait_until_healthy, url, running)
            headers = {"Authorization": f"Bearer {KEY}"}
            async with httpx.AsyncClient(base_url=url, headers=headers, auth=SignedRequests(asked)) as caller:
                step = "/v1/applications/CQ2026-0415-0108/steps"
                assert (await caller.post(step, json={"to": "审核"})).status_code == 200
                assert (await caller.post(step, json={"to": "审核"}, auth=httpx.Auth())).status_code == 401
            with anyio.fail_after(20):
                while not desk.requests:
                    await anyio.sleep(0.02)
            running.send_signal(signal.SIGTERM)
            _, errors = await asyncio.to_thread(running.communicate, timeout=30)
    assert running.returncode == 0
    head, _, body = desk.requests[0].partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert told.check("POST", "/changes", body, lines, datetime.now(UTC))
    assert SIGNING_KEY not in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_ends_cleanly_and_its_log_tells_nothing_of_a_case(database_url: str, number: signal.Signals) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with process(database_url, port, KEY) as running:
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
