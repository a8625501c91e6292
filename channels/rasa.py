"""The one way to Rasa: its REST channel over HTTP, on loopback or the internal network."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import aiohttp

from core.errors import RasaUnavailableError
from core.settings import Settings

_CONNECT_SECONDS = 1.0
_READY_SECONDS = 2.0
_CONNECTIONS = 64
# Shorter than Rasa's own 5 s, so that a connection is never used while Rasa closes it.
_KEEP_ALIVE_SECONDS = 3.0


class RasaClient:
    """Sends a parent's words to Rasa, which runs the action that leaves the reply."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.rasa.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=settings.rasa_timeout, sock_connect=_CONNECT_SECONDS)
        self._opened: aiohttp.ClientSession | None = None

    async def send(self, conversation_id: str, turn_id: str, text: str) -> None:
        """Run one turn; `text` is masked and is always words, never a command.

        Raises:
            RasaUnavailableError: no answer in time, or no action finished (Rasa reports that as an empty list).
        """
        body = {
            "sender": conversation_id,
            "message": text.lstrip("/ "),
            "metadata": {"conversation_id": conversation_id, "turn_id": turn_id},
        }
        try:
            if not await self._post("/webhooks/rest/webhook", body):
                raise RasaUnavailableError("Rasa's action failed")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise RasaUnavailableError(f"Rasa: {type(error).__name__}") from error

    async def ready(self) -> bool:
        """Whether Rasa answers; it listens only once its model is loaded."""
        timeout = aiohttp.ClientTimeout(total=_READY_SECONDS)
        try:
            async with self._session.get(f"{self._base}/webhooks/rest/", timeout=timeout) as response:
                return response.status == HTTPStatus.OK
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def aclose(self) -> None:
        """Close the connections."""
        if self._opened:
            await self._opened.close()

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        async with self._session.post(self._base + path, json=body) as response:
            response.raise_for_status()
            return await response.json()

    @property
    def _session(self) -> aiohttp.ClientSession:
        """The connections; opened at the first call, since they belong to the running event loop."""
        if self._opened is None:
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS)
            self._opened = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        return self._opened
