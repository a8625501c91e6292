"""Tell guardians whose page is closed that there is news of their ticket, by the host app's notifier.

What is sent names the guardian and the ticket's number, nothing of the case: the news itself stands in the chat. Each
call is signed by HMAC-SHA256 as `enrollment.signing` says, and carries an id that stays the same at each try.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from datetime import datetime, timedelta

import httpx
from sqlalchemy.exc import SQLAlchemyError

from channels.metrics import Metrics
from channels.reading import Reading
from conversations.storage import ConversationStore
from core import clock
from core.errors import SettingsError
from core.settings import Settings
from enrollment.signing import SignedRequests, Signer
from escalation.notifications import KEPT_TRYING, Notification, Notifications, Notified

log = logging.getLogger(__name__)
ROUND = 1.0
"""Seconds between two rounds; several processes may run them at once."""
TIMEOUT = 5.0
"""Seconds in all for one call."""
KEY_ID = "helpdesk"
_AT_ONCE = 8


class Notifier:
    """Sends what was not seen in the chat; `run` is its one background task.

    Args:
        settings: with the notifier's address and key.
        store: the conversations.
        reading: how far open pages have read.
        metrics: where outcomes are counted.

    Raises:
        SettingsError: the key can't be used.
    """

    def __init__(self, settings: Settings, store: ConversationStore, reading: Reading, metrics: Metrics) -> None:
        self._url, self._store, self._reading, self._metrics = str(settings.notifier_url), store, reading, metrics
        self.notifications = Notifications(store.engine, timedelta(seconds=settings.notifier_after_seconds))
        try:
            self._signer = Signer("hmac-sha256", settings.notifier_key, KEY_ID)
        except ValueError as error:
            raise SettingsError(f"HELPDESK_NOTIFIER_KEY: {error} (value: hidden)") from error

    async def run(self, seconds: float = ROUND) -> None:
        """Send, round by round, until cancelled; a fault costs a round, not the task."""
        auth = SignedRequests(self._signer)
        async with httpx.AsyncClient(auth=auth, timeout=TIMEOUT, trust_env=False) as client:
            while True:
                left = 0
                try:
                    left = await self._round(client)
                except SQLAlchemyError as error:
                    log.warning("notifications: %s", type(error).__name__)
                await asyncio.sleep(0 if left else seconds)

    async def _round(self, client: httpx.AsyncClient) -> int:
        """Settle what was seen, and send some of what is due; return how much of it is left."""
        now, due = clock.now(), []
        for one in await self._store.call(self.notifications.waiting):
            if self._reading.has_read(one.conversation_id, one.seq):
                await self._settle(one, Notified.SEEN)
            elif one.next_at <= now:
                due.append(one)
        tried = await asyncio.gather(*(self._try(client, one, now) for one in due[:_AT_ONCE]), return_exceptions=True)
        if broken := next((one for one in tried if isinstance(one, BaseException)), None):
            raise broken  # after all have ended: what could not be noted has the same id at its next try
        for kind, times in Counter(tried).items():
            if kind:
                log.warning("notifier: %s, %d times; tried again later", kind, times)
        return len(due[_AT_ONCE:])

    async def _try(self, client: httpx.AsyncClient, one: Notification, now: datetime) -> str:
        """Send one, or give it up; return the kind of failure, empty if there was none."""
        if one.at < now - KEPT_TRYING:
            await self._settle(one, Notified.GIVEN_UP)
            return ""
        if not await self._store.call(self.notifications.begin_try, one, now):
            return ""  # another process sends it
        failure = await self._send(client, one)
        if failure:
            self._metrics.count_notification(Notified.FAILED)
        else:
            await self._settle(one, Notified.TAKEN)
        return failure

    async def _send(self, client: httpx.AsyncClient, one: Notification) -> str:
        body = {"id": one.id, "guardian": one.guardian, "city": one.city, "kind": "ticket_news", "number": one.number}
        content, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        try:
            async with asyncio.timeout(TIMEOUT):
                async with client.stream("POST", self._url, content=content, headers=headers) as response:
                    return "" if response.is_success else f"status {response.status_code}"
        except (httpx.HTTPError, TimeoutError) as error:
            return type(error).__name__

    async def _settle(self, one: Notification, outcome: Notified) -> None:
        if await self._store.call(self.notifications.settle, one, outcome):
            self._metrics.count_notification(outcome)
