"""`helpdesk serve`: start every part, watch them, and stop them all together."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from channels.webhook import PATH as WEBHOOK
from cli.train import RASA_MODEL
from core.errors import HelpdeskError
from core.settings import ROOT, Settings, read_settings, settings

CHANGES = "/api/v1/enrollment/changes"  # where the app takes what the backend tells
START_SECONDS = 90.0
STOP_SECONDS = 10.0
# One question's arithmetic is too small to share out; idle helper threads would spin on the other parts' processors.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass
class Child:
    """A part that runs as a process of its own."""

    name: str
    process: subprocess.Popen[bytes]
    ready_at: str
    log: Path


def serve() -> None:
    """Start the service with all its parts; Ctrl-C stops them."""
    current = settings()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with running(current, stopping=stopping) as children:
        base = f"http://{current.host}:{current.port}"
        pages = f"\n  demo page   {base}/demo" if current.demo_key_file else ""
        pages += f"\n  for staff   {base}/staff/sign-in"
        if not stopping.is_set():
            print(
                f"ready:\n  API         {base}/docs{pages}\n  health      {base}/readyz\nCtrl-C stops everything.",
                flush=True,
            )
        while not stopping.wait(0.5):
            for child in children:
                _check_alive(child)
        print("stopping …", file=sys.stderr)


@contextmanager
def running(
    current: Settings, environment: Mapping[str, str] | None = None, stopping: threading.Event | None = None
) -> Iterator[list[Child]]:
    """Start all parts and wait until they answer, or `stopping` is set; stop them on leaving.

    Raises:
        HelpdeskError: a port is taken, a model is missing, or a part died; the message says what to do.
    """
    model = current.var_dir / RASA_MODEL
    if not model.exists():
        raise HelpdeskError(f"no Rasa model at {model}: run `helpdesk train`")
    ports = {"HELPDESK_PORT": current.port, "HELPDESK_RASA_PORT": current.rasa_port}
    if current.reference_backend:
        ports["HELPDESK_REFERENCE_PORT"] = current.reference_port
    for name, port in ports.items():
        _refuse_taken(name, port, current.host if name == "HELPDESK_PORT" else "127.0.0.1")
    children: list[Child] = []
    try:
        for part in _parts(current, {**os.environ, **(environment or {})}):
            children.append(_start(current, *part))
        _wait_ready(children, stopping)
        yield children
    finally:
        _stop(children)


@contextmanager
def running_service(**overrides: str) -> Iterator[str]:
    """Start the whole product on free ports with databases of its own, and yield its address."""
    with TemporaryDirectory(prefix="helpdesk-") as folder:
        ports = free_ports(3)
        environment = {
            "HELPDESK_PORT": str(ports[0]),
            "HELPDESK_RASA_PORT": str(ports[1]),
            "HELPDESK_REFERENCE_PORT": str(ports[2]),
            "HELPDESK_REFERENCE_BACKEND": "true",
            "HELPDESK_ENROLLMENT_KEY": secrets.token_urlsafe(16),
            "HELPDESK_DATABASE_URL": f"sqlite:///{folder}/helpdesk.db",
            "HELPDESK_AUDIT_KEY_FILE": f"{folder}/audit.key",
            "HELPDESK_AUDIT_HEAD_FILE": f"{folder}/audit.heads",
            "HELPDESK_DEMO_KEY_FILE": str(settings().demo_key_file or Path(folder) / "demo-key.pem"),
            "HELPDESK_LOG_DIR": folder,
            **overrides,
        }
        with changed_environment(environment):
            current = read_settings()
        with running(current, environment):
            yield f"http://{current.host}:{current.port}"


@contextmanager
def changed_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def free_ports(count: int) -> list[int]:
    """Return loopback ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _parts(current: Settings, base: dict[str, str]) -> Iterator[tuple[str, list[str], dict[str, str], str]]:
    """Yield name, command, environment and readiness address of each part."""
    secret = current.action_secret.get_secret_value() or secrets.token_urlsafe(24)
    host = "127.0.0.1" if current.host == "0.0.0.0" else current.host  # noqa: S104
    base |= {"HELPDESK_ACTION_SECRET": secret, "PYTHONPATH": str(ROOT), "RASA_TELEMETRY_ENABLED": "false", **ONE_THREAD}
    rasa_environment = {
        **base,
        "HELPDESK_ACTION_URL": f"http://{host}:{current.port}{WEBHOOK}",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "SANIC_WORKERS": "1",
    }
    rasa = [str(current.rasa_python), "-m", "rasa", "run", "-i", "127.0.0.1", "-p", str(current.rasa_port)]
    rasa += [
        "--model",
        str(current.var_dir / RASA_MODEL),
        "--endpoints",
        "endpoints.yml",
        "--credentials",
        "credentials.yml",
    ]
    yield "Rasa", rasa, rasa_environment, f"http://127.0.0.1:{current.rasa_port}/webhooks/rest/"
    if current.reference_backend:
        database = f"sqlite:///{current.log_folder / 'enrollment.db'}"
        reference = [sys.executable, "-m", "enrollment.reference", "--port", str(current.reference_port)]
        reference += ["--database", database]
        if not current.enrollment_poll_seconds:  # else the app asks for changes
            webhook_key = current.enrollment_webhook_key.get_secret_value() or secrets.token_urlsafe(24)
            base = {**base, "HELPDESK_ENROLLMENT_WEBHOOK_KEY": webhook_key}
            reference += ["--notify-url", f"http://{host}:{current.port}{CHANGES}"]
        ready_at = f"http://127.0.0.1:{current.reference_port}/health"
        yield "reference backend", reference, {**base, **_shared_with_the_backend(current)}, ready_at
    app = [sys.executable, "-m", "uvicorn", "channels.main:create", "--factory", "--host", current.host]
    app += ["--port", str(current.port), "--no-access-log", "--log-level", "warning", "--no-server-header"]
    yield "app", app, base, f"http://{host}:{current.port}/healthz"


def _shared_with_the_backend(current: Settings) -> dict[str, str]:
    """Return what the reference backend must know as the app does; its own process reads no settings file."""
    return {
        "HELPDESK_ENROLLMENT_KEY": current.enrollment_key.get_secret_value(),
        "HELPDESK_ENROLLMENT_SIGNING": current.enrollment_signing,
        "HELPDESK_ENROLLMENT_SIGNING_KEY": current.enrollment_signing_key.get_secret_value(),
        "HELPDESK_ENROLLMENT_SIGNING_KEY_ID": current.enrollment_signing_key_id,
        "HELPDESK_ENROLLMENT_WEBHOOK_SIGNING": current.enrollment_webhook_signing,
        "HELPDESK_ENROLLMENT_WEBHOOK_KEY_ID": current.enrollment_webhook_key_id,
    }


def _start(current: Settings, name: str, command: list[str], environment: dict[str, str], ready_at: str) -> Child:
    print(f"starting {name} …", file=sys.stderr, flush=True)
    log = current.log_folder / f"{name.replace(' ', '-').lower()}.log"
    with log.open("ab") as file:
        process = subprocess.Popen(  # noqa: S603
            [*_dies_with_parent(), *command], cwd=ROOT, env=environment, stdout=file, stderr=file, process_group=0
        )
    return Child(name, process, ready_at, log)


def _dies_with_parent() -> list[str]:
    """Return the prefix that has the kernel end a child when this process ends, however that happens."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _wait_ready(children: list[Child], stopping: threading.Event | None) -> None:
    deadline = time.monotonic() + START_SECONDS
    for child in children:
        while not _answers(child.ready_at):
            for one in children:
                _check_alive(one)
            if stopping and stopping.is_set():
                return
            if time.monotonic() > deadline:
                raise HelpdeskError(f"{child.name} did not answer within {START_SECONDS:.0f} s; its log is {child.log}")
            time.sleep(0.1)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _check_alive(child: Child) -> None:
    code = child.process.poll()
    if code is not None:
        tail = "\n".join(child.log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
        raise HelpdeskError(f"{child.name} ended with code {code}; the end of {child.log}:\n{tail}")


def _stop(children: list[Child]) -> None:
    for child in children:
        if child.process.poll() is None:
            child.process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        try:
            child.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()


def _refuse_taken(setting: str, port: int, host: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise HelpdeskError(f"port {port} is taken: stop what uses it, or set {setting} to another") from error
