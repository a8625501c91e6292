"""News of one's own application: what the backend announces appears in the chats of its guardian, once.

A city's system posts signed changes, or is asked for them at intervals. What is shown is looked up anew for the
guardian, by the same check as when they ask. One family's look-up that fails keeps nobody else's news back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from math import inf

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from bot.actions.case import age_of, case_messages
from bot.actions.desk import Desk
from bot.actions.own_cases import disclose, look_up, viewer_of
from channels.patience import Patience
from conversations.news import AnnouncedChange, KeptNews
from conversations.reply import Message, TextMessage
from core import clock
from core.errors import MalformedRequestError, NotFoundError, SignatureRejectedError
from enrollment.errors import (
    BehindError,
    CrowdedError,
    EnrollmentError,
    OpenCircuitError,
    SignatureError,
    ThrottledError,
)
from enrollment.models import Application, Change
from enrollment.signing import NONCE_SECONDS, Signer

log = logging.getLogger(__name__)
ROUND = 1.0
"""Seconds between two rounds that look for something to tell; a posted change starts one at once."""
OPEN_FOR = timedelta(days=1)
"""A conversation counts as open for so long after its last message."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds until a look-up that failed is tried again: after its first failure, and at most."""
THROTTLED, LONGEST_THROTTLED = 10.0, 3600.0
"""Seconds for which nothing is looked up once the backend asked for fewer calls: if it named none, and at most."""
_TO_THE_DAY = timedelta(days=1)
_LONGEST = 10_000


class NewsDesk:
    """Receives the backend's announcements and tells them; `run` is its one background task.

    Args:
        desk: what looking up and saying needs.
        signer: checks the backend's posted changes; None: none are accepted.
        poll_seconds: how often the backend is asked for changes; 0: never.
    """

    def __init__(self, desk: Desk, signer: Signer | None, poll_seconds: float) -> None:
        self._desk, self._signer, self._poll_seconds = desk, signer, poll_seconds
        self._wake = asyncio.Event()
        self._patience = Patience(FIRST_PAUSE, LONGEST_PAUSE)
        self._asked_at = self._quiet_until = -inf
        self._begin: int | None = None

    def wake(self) -> None:
        """Look for something to tell at once."""
        self._wake.set()

    async def receive(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        """Take a posted change in; once it is kept, it is told, even if this process ends now.

        Raises:
            NotFoundError: posted changes are not configured.
            SignatureRejectedError: the signature is missing, wrong, too old, or was used before.
            MalformedRequestError: the body is no change.
        """
        if self._signer is None:
            raise NotFoundError("没有这个接口。")
        call, news, now = self._desk.store.call, self._desk.news, clock.now()
        try:
            nonce = self._signer.check(method, target, body, headers, now)
        except SignatureError as error:
            log.warning("posted change refused: %s", type(error).__name__)
            raise SignatureRejectedError("签名无效。") from error
        try:
            change = Change.model_validate_json(body)
        except ValidationError as error:
            raise MalformedRequestError("请求格式不对。") from error
        if not await call(news.use_nonce, nonce, now, timedelta(seconds=NONCE_SECONDS)):
            raise SignatureRejectedError("签名已经用过。")
        await self._take(change)
        self._wake.set()

    async def run(self) -> None:
        """Tell what is new, round by round, until cancelled; a fault costs a round, not the task."""
        while True:
            self._wake.clear()
            for step in (self._ask_backend, self._tell_changes, self._tell_waiting, self._tell_kept):
                if time.monotonic() < self._quiet_until:
                    break
                try:
                    await step()
                except ThrottledError as error:
                    pause = min(error.retry_after or THROTTLED, LONGEST_THROTTLED)
                    self._quiet_until = time.monotonic() + pause
                    log.warning("news: the backend asks for fewer calls; none for %g s", pause)
                except (EnrollmentError, SQLAlchemyError) as error:
                    log.warning("news: %s: %s", step.__name__, type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), ROUND)

    async def _ask_backend(self) -> None:
        if not self._poll_seconds or time.monotonic() < self._asked_at + self._poll_seconds:
            return
        self._asked_at = time.monotonic()
        call, news, backend = self._desk.store.call, self._desk.news, self._desk.backend
        last = await call(news.last_change)
        if last is None:
            self._begin = await backend.latest_change() if self._begin is None else self._begin
            last = self._begin
        for change in await backend.changes_after(last):
            await self._take(change)

    async def _take(self, change: Change) -> None:
        """Keep a change until it is told; what was seen of the guardian's applications before is known to be old."""
        self._desk.seen_lately.pop((change.guardian, change.city), None)
        await self._desk.store.call(self._desk.news.receive, _announced(change), clock.now())

    async def _tell_changes(self) -> None:
        call, news, since = self._desk.store.call, self._desk.news, clock.now() - OPEN_FOR
        known = {newest.id: (newest, passed) for newest, passed in _by_application(await call(news.untold))}
        tellings: dict[Hashable, Callable[[], Awaitable[None]]] = {}
        for number in self._patience.due(known):
            newest, passed = known[number]
            listening: list[str] = []
            if newest.at > since:
                listening = await call(news.conversations_of, newest.guardian, newest.city, since)
            if listening:
                tellings[number] = partial(self._tell_change, newest, passed, listening)
            else:
                await call(news.close, passed, clock.now())
        await self._tell_each(tellings)

    async def _tell_change(self, change: AnnouncedChange, passed: list[int], listening: list[str]) -> None:
        for conversation in listening:
            await self._tell_in(KeptNews(conversation, change.application_id, f"change:{change.id}"), change)
        await self._desk.store.call(self._desk.news.close, passed, clock.now())

    async def _tell_waiting(self) -> None:
        """Tell who waits for the backend; who is signed out, or with a person, is told later, however long that is."""
        waiting = await self._desk.store.call(self._desk.news.waiting)
        promised = [KeptNews(conversation, None, f"back:{since.isoformat()}") for conversation, since in waiting]
        await self._tell_each({one: partial(self._tell_promised, one) for one in promised})

    async def _tell_promised(self, one: KeptNews) -> None:
        await self._tell_in(one)
        await self._desk.store.call(self._desk.news.stop_waiting, one.conversation_id)

    async def _tell_kept(self) -> None:
        """Tell what was kept for a conversation that the bot has now, with its guardian signed in, as it stands now."""
        kept = await self._desk.store.call(self._desk.news.kept)
        await self._tell_each({one: partial(self._tell_one_kept, one) for one in kept})

    async def _tell_one_kept(self, one: KeptNews) -> None:
        if await self._tell_in(one):
            await self._desk.store.call(self._desk.news.drop_kept, one)

    async def _tell_each(self, tellings: Mapping[Hashable, Callable[[], Awaitable[None]]]) -> None:
        """Do each whose time has come, if the backend answers at all; what fails waits longer each time."""
        due = self._patience.due(tellings)
        if not due or not await self._desk.backend.ready():
            return
        for one in due:
            try:
                await tellings[one]()
            except (OpenCircuitError, CrowdedError, ThrottledError):
                raise  # nor can the others be looked up now
            except EnrollmentError as error:
                log.warning("news: tried again later: %s", type(error).__name__)
                self._patience.failed(one)
            else:
                self._patience.done(one)

    async def _tell_in(self, one: KeptNews, change: AnnouncedChange | None = None) -> bool:
        """Say in one conversation how its guardian's application stands, or all of them.

        Returns:
            False if nobody is signed in, or a person handles the conversation: then it is kept until that has ended.

        Raises:
            BehindError: the backend's reply does not know of the change yet; nothing was said.
            EnrollmentError: the backend gave no usable answer.
        """
        desk = self._desk
        conversation = await desk.store.call(desk.store.get, one.conversation_id)
        viewer = viewer_of(conversation)
        if viewer is None or conversation.owner == "person":
            await desk.store.call(desk.news.keep, one, clock.now())
            return False
        seen = await look_up(desk, viewer, "news", lately=False)
        chosen = [application for application in seen.applications if one.application_id in (None, application.id)]
        if change and not any(_reaches(application, change) for application in chosen):
            desk.seen_lately.pop((viewer.guardian, viewer.city), None)
            raise BehindError(f"enrolment backend: change {change.id} is not in its reply yet")
        if one.application_id and not chosen:
            return True
        cards = await disclose(desk, viewer, "news", seen, chosen)
        words = desk.words.say("case_news" if one.application_id else "case_back")
        messages: list[Message] = [TextMessage(text=words), *age_of(desk, seen)]
        messages += case_messages(desk, viewer.city, cards)
        if await desk.store.call(desk.news.announce, one.conversation_id, one.key, messages, clock.now()) is None:
            await desk.store.call(desk.news.keep, one, clock.now())  # taken over while it was looked up
            return False
        return True


def _announced(change: Change) -> AnnouncedChange:
    return AnnouncedChange(**{name: getattr(change, name) for name in AnnouncedChange.__slots__})


def _reaches(application: Application, change: AnnouncedChange) -> bool:
    """Whether the application has taken the announced step, or a later one; some systems tell the day of it only."""
    if application.since >= change.at:
        return True
    return application.state == change.state and application.since > change.at - _TO_THE_DAY


def _by_application(changes: Iterable[AnnouncedChange]) -> list[tuple[AnnouncedChange, list[int]]]:
    """Return the newest change of each application with the ids of all: what passed meanwhile is no news any more."""
    newest: dict[tuple[str, str], tuple[AnnouncedChange, list[int]]] = {}
    for change in changes:
        _, passed = newest.get((change.city, change.application_id), (change, []))
        newest[change.city, change.application_id] = (change, [*passed, change.id])
    return list(newest.values())


router = APIRouter(prefix="/api/v1/enrollment", tags=["enrollment"])


@router.post("/changes", status_code=204)
async def receive_change(request: Request) -> Response:
    """Take in a change of an application that the enrolment backend announces; signed."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST:
            raise MalformedRequestError("请求太长。")
    desk: NewsDesk = request.app.state.news
    target = request.scope["raw_path"].decode("ascii") + (f"?{request.url.query}" if request.url.query else "")
    await desk.receive(request.method, target, dict(request.headers), bytes(body))
    return Response(status_code=204)
