"""The reference service, run in a thread on a free port."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from pydantic import SecretStr

from enrollment.reference.outbox import Receiver
from enrollment.reference.service import create_service
from enrollment.signing import Signer

KEY = SecretStr("test-key-4711")


@contextmanager
def running_service(database_url: str, signer: Signer | None = None, receiver: Receiver | None = None) -> Iterator[str]:
    """Serve from `database_url`; give the base address."""
    listener = socket.create_server(("127.0.0.1", 0))
    service = create_service(database_url, KEY, signer, receiver)
    config = uvicorn.Config(service, log_config=None, access_log=False, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        _wait_for(server)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def _wait_for(server: uvicorn.Server) -> None:
    ends = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < ends, "the reference service did not start"
        time.sleep(0.01)
