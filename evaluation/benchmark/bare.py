"""A bare turn to compare with: the same Rasa model, with an action server that does nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from core.settings import ROOT, Settings
from evaluation.run import ServiceError

_DONE = b'{"events": [], "responses": []}'
_START_SECONDS = 120.0
_STOP_SECONDS = 15.0


async def do_nothing(scope: Any, receive: Any, send: Any) -> None:
    """Answer every action with no event and no response (ASGI)."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_DONE)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _DONE})


@contextmanager
def idle_actions() -> Iterator[str]:
    """Serve `do_nothing` on a free loopback port; give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(do_nothing, log_config=None, access_log=False, ws="none", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(timeout=_STOP_SECONDS)


@contextmanager
def bare_rasa(settings: Settings, log: Path) -> Iterator[str]:
    """Run a second Rasa on a free loopback port with the idle action server; give its address.

    Args:
        settings: where Rasa's Python and the model are.
        log: file for what Rasa prints.

    Raises:
        ServiceError: it does not start; the message names the log.
    """
    port = _free_port()
    log.parent.mkdir(parents=True, exist_ok=True)
    with idle_actions() as actions, log.open("wb") as output:
        environment = {**os.environ, "HELPDESK_ACTION_URL": actions, "HELPDESK_ACTION_SECRET": "none"}
        environment |= {"RASA_TELEMETRY_ENABLED": "false", "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment |= {"CUDA_VISIBLE_DEVICES": "", "SANIC_WORKERS": "1"}
        command = _command(settings, port)
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)  # noqa: S603
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(process, url, log)
            yield url
        finally:
            _stop(process)


def _command(settings: Settings, port: int) -> list[str]:
    model = settings.var_dir / "rasa" / "helpdesk.tar.gz"
    files = ["--endpoints", "endpoints.yml", "--credentials", "credentials.yml"]
    return [
        str(settings.rasa_python),
        "-m",
        "rasa",
        "run",
        "-m",
        str(model),
        *files,
        "-i",
        "127.0.0.1",
        "-p",
        str(port),
    ]


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return once Rasa answers, which it does only with its model loaded."""
    ends = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            if httpx.get(url, timeout=2.0, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            time.sleep(0.3)
    state = f"ended with {process.returncode}" if process.poll() is not None else f"took over {_START_SECONDS:.0f} s"
    raise ServiceError(f"the second Rasa {state}; see {log}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_SECONDS)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
