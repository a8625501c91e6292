"""Start the product, or its HTTP service alone, for a test."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import psutil

from channels.tokens import demo_staff_token, demo_token
from cli.serve import Child, changed_environment, free_ports, read_settings, running
from conversations.storage import open_engine
from core.settings import ROOT, Settings
from staff.roles import Role, StaffScope
from staff.tokens import StaffTokens


@dataclass(frozen=True)
class Service:
    """A running product: its address, settings and processes; logs and databases are in `folder`."""

    base: str
    settings: Settings
    children: list[Child]
    folder: Path

    def token(self, guardian: str) -> str:
        """Return a fresh token of a demo family."""
        return demo_token(self.settings, guardian)

    def staff_token(self, role: str = "agent") -> str:
        """Return a fresh token of a member of staff."""
        return demo_staff_token(self.settings, role)

    def own_token(self, role: Role, scope: str = "") -> str:
        """Return the token of a member of staff whom nobody else is; what they left open meets no other test."""
        engine = open_engine(self.settings.database)
        try:
            text, _ = StaffTokens(engine).add(f"某{role}", role, StaffScope.parse(scope), timedelta(hours=1))
        finally:
            engine.dispose()
        return text

    def child(self, name: str) -> Child:
        """Return the part of that name."""
        return next(child for child in self.children if child.name == name)


def desk_environment(folder: Path, **overrides: str) -> dict[str, str]:
    """Return settings with free ports, and with logs, databases and the demo key in `folder`."""
    port, rasa, reference = free_ports(3)
    return {
        "HELPDESK_HOST": "127.0.0.1",
        "HELPDESK_PORT": str(port),
        "HELPDESK_RASA_PORT": str(rasa),
        "HELPDESK_RASA_URL": "",
        "HELPDESK_REFERENCE_PORT": str(reference),
        "HELPDESK_REFERENCE_BACKEND": "true",
        "HELPDESK_ENROLLMENT_URL": "",
        "HELPDESK_ENROLLMENT_KEY": secrets.token_urlsafe(16),
        "HELPDESK_DATABASE_URL": f"sqlite:///{folder}/helpdesk.db",
        "HELPDESK_AUDIT_KEY_FILE": f"{folder}/audit.key",
        "HELPDESK_AUDIT_HEAD_FILE": f"{folder}/audit.heads",
        "HELPDESK_DEMO_KEY_FILE": str(folder / "demo-key.pem"),
        "HELPDESK_LOG_DIR": str(folder),
        **overrides,
    }


@contextmanager
def running_desk(folder: Path, **overrides: str) -> Iterator[Service]:
    """Run the whole product; no process of it may be left behind afterwards."""
    environment = desk_environment(folder, **overrides)
    settings = settings_of(environment)
    with running(settings, environment) as children:
        begun = [process for child in children for process in family(child.process.pid)]
        yield Service(f"http://127.0.0.1:{settings.port}", settings, children, folder)
    assert [process for process in begun if is_running(process)] == []


@contextmanager
def running_app(folder: Path, **overrides: str) -> Iterator[Service]:
    """Run the HTTP service alone: Rasa and the backend are not there, so it answers from the Q&A alone."""
    environment = desk_environment(folder, **overrides)
    settings = settings_of(environment)
    log = folder / "app.log"
    command = [sys.executable, "-m", "uvicorn", "channels.main:create", "--factory", "--no-access-log"]
    with log.open("ab") as file:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(settings.port)],
            cwd=ROOT,
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=file,
        )
    base = f"http://127.0.0.1:{settings.port}"
    try:
        wait_for(f"{base}/healthz", process, log)
        yield Service(base, settings, [Child("app", process, f"{base}/healthz", log)], folder)
    finally:
        process.terminate()
        process.wait(15)


def settings_of(environment: dict[str, str]) -> Settings:
    """Return the settings that an environment gives."""
    with changed_environment(environment):
        return read_settings()


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> None:
    """Wait until the address answers; fail with the log's end if the process ends before."""
    ends = time.monotonic() + seconds
    while not answers(address):
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-3000:]
        assert time.monotonic() < ends, f"{address} did not answer within {seconds} s"
        time.sleep(0.1)


def answers(address: str) -> bool:
    """Whether the address answers with success."""
    try:
        return httpx.get(address, timeout=2.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def family(pid: int) -> list[psutil.Process]:
    """Return a process with all that it has started."""
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def is_running(process: psutil.Process) -> bool:
    """Whether the process still does anything."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
