"""The one way to Rasa: its REST channel over HTTP, on loopback or the internal network."""

from __future__ import annotations

import httpx

from core.errors import RasaUnavailableError
from core.settings import Settings


class RasaClient:
    """Sends a parent's words to Rasa, which runs the action that leaves the reply."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(
            base_url=settings.rasa,
            timeout=httpx.Timeout(settings.rasa_timeout, connect=1.0),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=32),
            transport=transport,
            trust_env=False,
        )

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
            response = await self._client.post("/webhooks/rest/webhook", json=body)
            response.raise_for_status()
            if not response.json():
                raise RasaUnavailableError("Rasa's action failed")
        except (httpx.HTTPError, ValueError) as error:
            raise RasaUnavailableError(f"Rasa: {type(error).__name__}") from error

    async def ready(self) -> bool:
        """Whether Rasa answers; it listens only once its model is loaded."""
        try:
            response = await self._client.get("/webhooks/rest/", timeout=2.0)
        except httpx.HTTPError:
            return False
        return response.status_code == httpx.codes.OK

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
