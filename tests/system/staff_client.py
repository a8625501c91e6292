"""A member of staff who takes a conversation over, as the HTTP API sees them."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

API = "/api/v1/conversations"
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Adviser:
    """Calls with a staff token; remembers the fence of the last takeover that succeeded."""

    def __init__(self, base: str, token: str, conversation_id: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=base, headers=headers, timeout=30, trust_env=False, verify=_NO_CERTIFICATES)
        self.address = f"{API}/{conversation_id}"
        self.fence = 0

    def take_over(self, from_fence: int | None = None) -> httpx.Response:
        """Take over, from the bot or from who is known to own the conversation."""
        body = None if from_fence is None else {"from_fence": from_fence}
        response = self.http.post(f"{self.address}/takeover", json=body)
        self.fence = response.json()["fence"] if response.is_success else self.fence
        return response

    def say(self, text: str, key: str | None = None, fence: int | None = None) -> httpx.Response:
        """Say something to the parent."""
        body: dict[str, Any] = {"fence": self.fence if fence is None else fence, "text": text}
        return self.http.post(f"{self.address}/staff-messages", json=body | ({"key": key} if key else {}))

    def read(self, after: int = 0) -> httpx.Response:
        """Read what was said."""
        return self.http.get(f"{self.address}/staff-messages", params={"fence": self.fence, "after": after})

    def hand_back(self, fence: int | None = None) -> httpx.Response:
        """Give the conversation back to the bot."""
        return self.http.post(f"{self.address}/handback", json={"fence": self.fence if fence is None else fence})

    def close(self) -> None:
        """Close the connections."""
        self.http.close()
