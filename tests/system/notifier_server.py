"""A host app's notifier on a real socket, which answers as a test wants, or not at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import SecretStr

from core import clock
from enrollment.errors import SignatureError
from enrollment.signing import Signer

KEY = "a-key-of-the-notifier"
PATH = "/news?from=helpdesk"


@dataclass
class NotifierServer:
    """What it answers, and what it got: `taken` are the bodies that it has said yes to, in their order."""

    status: int = 204
    port: int = 0
    answers: threading.Event = field(default_factory=threading.Event)
    got: list[dict[str, Any]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    def hear(self, target: str, headers: dict[str, str], body: bytes) -> None:
        """Check the signature as a host app does, and keep what was sent."""
        try:
            Signer("hmac-sha256", SecretStr(KEY), "helpdesk").check("POST", target, body, headers, clock.now())
        except SignatureError as error:
            self.faults.append(repr(error))
        self.raw.append(body)
        self.got.append(json.loads(body))


@contextmanager
def notifier_up(server: NotifierServer) -> Iterator[NotifierServer]:
    """Listen; the second time at the same port. Clear `answers` to let every call hang."""
    server.answers.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.hear(self.path, dict(self.headers), body)
            server.answers.wait(30)
            try:
                self.send_response(server.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except ConnectionError:
                return  # who called has hung up
            if server.status < 300:
                server.taken.append(json.loads(body))

        def log_message(self, *_: Any) -> None:
            """Write nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", server.port), Handler)
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.answers.set()
        http.shutdown()
        http.server_close()
        thread.join()
