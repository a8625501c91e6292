"""A tiny help desk on a real socket: it echoes what it was told, and can be told to refuse, limit or fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class TinyDesk(ThreadingHTTPServer):
    """Records every message as (conversation, text); `limits` answers 429 that often, `broken` fails every message."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), TinyHandler)
        self.opened: list[dict[str, Any]] = []
        self.said: list[tuple[str, str]] = []
        self.limits = 0
        self.broken = False
        self.closed = False
        self.busy = self.busiest = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class TinyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: TinyDesk

    def do_GET(self) -> None:
        suggestion = {"answerable": True, "suggestions": [], "took_ms": 0.1}
        known = {"/readyz": {"status": "ok"}, "/api/v1/suggestions": suggestion}
        found = known.get(urlsplit(self.path).path)
        allowed = "suggestions" not in self.path or self.headers["Authorization"] == "Bearer staff"
        self._send(200 if found and allowed else 401, found or {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        parts = self.path.strip("/").split("/")
        if parts[-1] == "parse":
            name = "greet" if body["text"] == "你好" else "face_scan_no_child"
            self._send(200, {"intent": {"name": name, "confidence": 0.8}})
        elif parts[-1] == "webhook":
            self._send(200, [])
        elif parts[-1] == "conversations":
            self._open(body)
        else:
            self._say(parts[3], body["text"])

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _open(self, body: dict[str, Any]) -> None:
        if self.server.closed:
            self._send(503, {"error": {"code": "closed"}})
            return
        with self.server.lock:
            self.server.opened.append(body)
            number = len(self.server.opened)
        self._send(201, {"conversation_id": f"c{number}", "secret": f"s{number}"})

    def _say(self, conversation: str, text: str) -> None:
        if self.headers["Authorization"] != f"Bearer s{conversation[1:]}":
            self._send(401, {})
            return
        with self.server.lock:
            limited = self.server.limits > 0
            self.server.limits -= limited
            self.server.busy += 1
            self.server.busiest = max(self.server.busiest, self.server.busy)
        time.sleep(0.01)
        with self.server.lock:
            self.server.busy -= 1
            if not limited:
                self.server.said.append((conversation, text))
        if limited:
            self._send(429, {}, {"Retry-After": "7"})
        elif self.server.broken:
            self._send(500, {"error": {"code": "internal_error"}})
        else:
            entry = {"type": "answer", "confidence": 0.8, "applies": None, "entry": {"id": "cq-10", "question": text}}
            kind = "small_talk" if text == "你好" else "answer"
            intent = {"name": "x", "confidence": 1.0}
            self._send(200, {"turn": 1, "kind": kind, "intent": intent, "confidence": 0.8, "messages": [entry]})

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def tiny_desk() -> Iterator[TinyDesk]:
    with TinyDesk() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(timeout=10)
