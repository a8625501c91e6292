"""A parent with the chat open, as the HTTP API sees them, and what they are told in a turn."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

import httpx

API = "/api/v1/conversations"
Json = dict[str, Any]
# Tests speak plain HTTP; to read the machine's certificates for each parent would take longer than a turn.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True)
class Turn:
    """How a turn ended, with short ways to what is in it."""

    raw: Json

    @property
    def kind(self) -> str:
        return str(self.raw["kind"])

    @property
    def outcome(self) -> str:
        return str(self.raw["outcome"])

    @property
    def answers(self) -> list[Json]:
        return [m for m in self.raw["messages"] if m["type"] == "answer"]

    @property
    def entries(self) -> list[str]:
        return [m["entry"]["id"] for m in self.answers]

    @property
    def cases(self) -> list[Json]:
        return [m["application"] for m in self.raw["messages"] if m["type"] == "case"]

    @property
    def words(self) -> str:
        return "\n".join(m["text"] for m in self.raw["messages"] if m["type"] == "text")

    @property
    def options(self) -> list[Json]:
        return [option for m in self.raw["messages"] if m["type"] == "options" for option in m["options"]]

    @property
    def labels(self) -> list[str]:
        return [option["label"] for option in self.options]

    def asks(self, purpose: str) -> bool:
        return any(m["type"] == "options" and m["purpose"] == purpose for m in self.raw["messages"])

    def payload(self, label: str) -> str:
        """Return the payload of the button whose label begins so."""
        found = [option["payload"] for option in self.options if option["label"].startswith(label)]
        assert found, f"no button {label!r} among {self.labels}"
        return str(found[0])


class Parent:
    """Opens a conversation at once; `known` is what the host page knows: city, district, stage, token."""

    def __init__(self, base: str, **known: str) -> None:
        self.http = httpx.Client(base_url=base, timeout=30, trust_env=False, verify=_NO_CERTIFICATES)
        response = self.http.post(API, json=known)
        assert response.status_code == 201, response.text
        self.opening: Json = response.json()
        self.id = str(self.opening["conversation_id"])
        self.address = f"{API}/{self.id}"
        self.secret = str(self.opening["secret"])
        self.http.headers["Authorization"] = f"Bearer {self.secret}"
        self.last: Turn | None = None

    def post(self, body: Json, **headers: str) -> httpx.Response:
        """Send a message's raw body."""
        return self.http.post(f"{self.address}/messages", json=body, headers=headers)

    def say(self, text: str) -> Turn:
        """Type something."""
        return self._turn({"text": text})

    def press(self, label: str) -> Turn:
        """Press a button of the last turn."""
        assert self.last, "nothing was said yet"
        return self._turn({"payload": self.last.payload(label)})

    def sign_in(self, token: str) -> httpx.Response:
        """Hand a token of the host app in."""
        return self.http.put(f"{self.address}/token", json={"token": token})

    def transcript(self, after: int = 0) -> Json:
        """Read everything said after a number."""
        response = self.http.get(f"{self.address}/messages", params={"after": after})
        assert response.status_code == 200, response.text
        transcript: Json = response.json()
        return transcript

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def _turn(self, body: Json) -> Turn:
        response = self.post(body)
        assert response.status_code == 200, response.text
        self.last = Turn(response.json())
        return self.last
