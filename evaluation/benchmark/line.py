"""One kept connection to a service; the standard library's client, since a heavier one would be measured with it."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from evaluation.run import CONVERSATIONS, ServiceError

_TIMEOUT = 30.0


class Timed(NamedTuple):
    """A reply's status and JSON body, and the seconds from the request to the last byte."""

    status: int
    body: Any
    seconds: float


class Line:
    """A connection for one thread.

    Raises:
        ServiceError: (every call) the service is not there.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = url
        self._connection = HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=_TIMEOUT)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._connection.close()

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Timed:
        """Send JSON, read JSON."""
        content = json.dumps(body).encode()
        return self._call("POST", path, content, {"Content-Type": "application/json", **(headers or {})})

    def get(self, path: str, headers: dict[str, str] | None = None) -> Timed:
        """Read JSON."""
        return self._call("GET", path, None, headers or {})

    def _call(self, method: str, path: str, content: bytes | None, headers: dict[str, str]) -> Timed:
        began = time.perf_counter()
        try:
            self._connection.request(method, path, content, headers)
            response = self._connection.getresponse()
            raw = response.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise ServiceError(f"{self._url}{path}: {type(error).__name__} {error}; is it up?") from error
        seconds = time.perf_counter() - began
        return Timed(response.status, json.loads(raw) if raw[:1] in (b"{", b"[") else None, seconds)


class Talk:
    """A conversation over a line; `turns` counts what was said in it."""

    def __init__(self, line: Line, city: str | None, token: str | None = None) -> None:
        self.turns = 0
        known = {"city": city, "token": token}
        opened = line.post(CONVERSATIONS, {name: value for name, value in known.items() if value})
        if opened.status != 201:
            raise ServiceError(f"opening a conversation: HTTP {opened.status} {opened.body}")
        self._line = line
        self.id = str(opened.body["conversation_id"])
        self._address = f"{CONVERSATIONS}/{self.id}/messages"
        self._headers = {"Authorization": f"Bearer {opened.body['secret']}"}

    def say(self, text: str) -> Timed:
        """Send one message."""
        self.turns += 1
        return self._line.post(self._address, {"text": text}, self._headers)


class Talks:
    """One conversation per city over a line; each gives way to a new one after `turns` turns."""

    def __init__(self, line: Line, turns: int) -> None:
        self._line, self._turns = line, turns
        self._open: dict[str | None, Talk] = {}

    def of(self, city: str | None) -> Talk:
        """Return the city's conversation, a new one if the last has had its turns."""
        talk = self._open.get(city)
        if talk is None or talk.turns >= self._turns:
            talk = self._open[city] = Talk(self._line, city)
        return talk
