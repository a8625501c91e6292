"""Ask a running service: one new conversation per question, at most a few at a time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from core.errors import HelpdeskError
from evaluation.questions import Question
from evaluation.replies import Reply, read_reply

CONVERSATIONS = "/api/v1/conversations"
_EVERY = 50


class ServiceError(HelpdeskError):
    """The service cannot be asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How the service is asked.

    Args:
        at_once: questions in flight at the same time.
        tries: calls made at most for one message while the service answers 429.
        longest_wait: seconds waited at most for one `Retry-After`.
        timeout: seconds to wait for one reply.
    """

    at_once: int = 4
    tries: int = 5
    longest_wait: float = 30.0
    timeout: float = 30.0


@dataclass
class Asker:
    """Asks single questions over HTTP; safe to use from several threads."""

    client: httpx.Client
    manners: Manners
    sleep: Callable[[float], None] = time.sleep

    def ask(self, question: Question) -> Reply:
        """Open a conversation, send the context if there is one, then the question; return the last reply."""
        opened = self._post(CONVERSATIONS, {"city": question.city} if question.city else {}, {})
        if opened.status_code != httpx.codes.CREATED:
            raise ServiceError(f"opening a conversation: {_said(opened)}; is this the help desk's address?")
        body = opened.json()
        address = f"{CONVERSATIONS}/{body['conversation_id']}/messages"
        secret = {"Authorization": f"Bearer {body['secret']}"}
        reply = Reply(kind="error")
        for text in filter(None, (question.context, question.q)):
            reply = self._say(address, text, secret)
        return reply

    def _say(self, address: str, text: str, headers: dict[str, str]) -> Reply:
        began = time.perf_counter()
        response = self._post(address, {"text": text}, headers)
        if response.status_code != httpx.codes.OK:
            return Reply(kind="error", failure=_said(response), seconds=time.perf_counter() - began)
        return read_reply(response.json(), time.perf_counter() - began)

    def _post(self, address: str, body: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
        for left in range(self.manners.tries - 1, -1, -1):
            try:
                response = self.client.post(address, json=body, headers=headers)
            except httpx.HTTPError as error:
                reason = f"{type(error).__name__} {error}"
                raise ServiceError(f"{self.client.base_url}: {reason}; is the service up?") from error
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS or not left:
                return response
            self.sleep(min(_retry_after(response), self.manners.longest_wait))
        raise AssertionError("tries is at least 1")


def ask_all(
    questions: Sequence[Question],
    url: str,
    manners: Manners | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Reply]:
    """Ask all questions of the service at `url`; return the replies in the questions' order.

    Raises:
        ServiceError: the service is not there, or opens no conversation.
    """
    manners = manners or Manners()
    limits = httpx.Limits(max_connections=manners.at_once)
    with (
        httpx.Client(base_url=url, timeout=manners.timeout, limits=limits, trust_env=False) as client,
        ThreadPoolExecutor(manners.at_once) as pool,
    ):
        try:
            replies = pool.map(Asker(client, manners).ask, questions)
            return list(_counted(replies, len(questions), progress or show_progress))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def show_progress(done: int, total: int) -> None:
    """Write on standard error how far the run is, every 50 questions and at the end."""
    if done % _EVERY == 0 or done == total:
        sys.stderr.write(f"asked {done} of {total}\n")
        sys.stderr.flush()


def _counted(replies: Iterator[Reply], total: int, progress: Callable[[int, int], None]) -> Iterator[Reply]:
    for done, reply in enumerate(replies, start=1):
        yield reply
        progress(done, total)


def _retry_after(response: httpx.Response) -> float:
    """Return the seconds that the service asks to wait; 1 where it gives no number."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", "1")))
    except ValueError:
        return 1.0


def _said(response: httpx.Response) -> str:
    return f"HTTP {response.status_code} {response.text[:200]}"
