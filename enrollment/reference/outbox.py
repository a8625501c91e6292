"""Send each step to the help desk: at least once, in order, however often either side restarts.

A step leaves a row in `outgoing_changes` in its own transaction; this task sends the oldest and deletes its row once
the help desk said 204. Until then nothing newer is sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential, wait_random

from core.errors import SettingsError
from enrollment.models import Change
from enrollment.reference.changes import change
from enrollment.reference.tables import OutgoingChange
from enrollment.signing import SignedRequests, Signer

T = TypeVar("T")
TAKEN = 204
TIMEOUT = 5.0  # seconds for one call
logger = logging.getLogger(__name__)


class NotTakenError(Exception):
    """The help desk answered, but not that it took the change."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.refused = 400 <= status < 500


@dataclass(frozen=True)
class Receiver:
    """Where changes go, and how patiently; pauses in seconds.

    Args:
        url: address that takes a change as JSON by POST.
        signer: what signs each call.
        first: pause after a first failure; it doubles with each, and a random part is added.
        longest: longest of these pauses.
        refused: pause after a 4xx, which only people can mend.
        idle: pause between looks at an empty outbox.

    Raises:
        SettingsError: the address can't be used.

    """

    url: str
    signer: Signer
    first: float = 0.5
    longest: float = 60.0
    refused: float = 60.0
    idle: float = 0.3

    def __post_init__(self) -> None:
        try:
            address = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise SettingsError("--notify-url is not an address") from error
        if address.scheme not in ("http", "https") or not address.host:
            raise SettingsError("--notify-url has to start with http:// or https:// and name a host")


class Outbox:
    """Sends what the outbox holds, until it is cancelled."""

    def __init__(self, sessions: sessionmaker[Session], receiver: Receiver) -> None:
        self._sessions, self._receiver = sessions, receiver
        self._growing = wait_exponential(receiver.first, receiver.longest) + wait_random(0, receiver.first)

    async def run(self) -> None:
        """Send for ever; a failure is logged by its kind, without content."""
        tries = AsyncRetrying(
            retry=retry_if_exception_type((NotTakenError, httpx.HTTPError, SQLAlchemyError)),
            wait=self._pause,
            before_sleep=_log,
        )
        auth = SignedRequests(self._receiver.signer)
        async with httpx.AsyncClient(auth=auth, timeout=TIMEOUT, trust_env=False) as client:
            while True:
                if not await tries(self._send_oldest, client):
                    await asyncio.sleep(self._receiver.idle)

    async def _send_oldest(self, client: httpx.AsyncClient) -> bool:
        oldest = await _in_thread(self._oldest)
        if oldest is None:
            return False
        headers = {"Content-Type": "application/json"}
        response = await client.post(self._receiver.url, content=oldest.model_dump_json(), headers=headers)
        if response.status_code != TAKEN:
            raise NotTakenError(response.status_code)
        await _in_thread(lambda: self._forget(oldest.id))
        return True

    def _oldest(self) -> Change | None:
        with self._sessions() as session:
            number = session.scalar(select(OutgoingChange.event_id).order_by(OutgoingChange.event_id).limit(1))
            return None if number is None else change(session, number)

    def _forget(self, number: int) -> None:
        with self._sessions.begin() as session:
            session.execute(delete(OutgoingChange).where(OutgoingChange.event_id == number))

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, NotTakenError) and error.refused:
            return self._receiver.refused
        return float(self._growing(state))


async def _in_thread(work: Callable[[], T]) -> T:
    """Work in a thread, and if cancelled wait for its end, so that no connection outlives the engine."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    finally:
        await asyncio.wait([working])


def _log(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    kind = str(error) if isinstance(error, NotTakenError) else type(error).__name__
    pause = state.next_action.sleep if state.next_action else 0.0
    logger.warning("a change was not taken: %s; sent again in %.1f s", kind, pause)
