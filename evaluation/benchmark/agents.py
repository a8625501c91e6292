"""Measure suggestions while many hotline agents type at once, each letter by letter."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import NamedTuple
from urllib.parse import urlencode

from evaluation.benchmark.figures import Figure, quantile
from evaluation.benchmark.line import Line
from evaluation.questions import Question
from evaluation.run import ServiceError

AGENTS, SECONDS = 20, 10.0
RHYTHM = 0.08
"""Seconds between two letters of one agent; each letter asks for suggestions."""


class Typed(NamedTuple):
    """One request: milliseconds in the server, and seconds until the agent had the reply."""

    took_ms: float
    seconds: float


def typing(
    service: str, token: str, questions: Sequence[Question], agents: int = AGENTS, seconds: float = SECONDS
) -> list[Figure]:
    """Let `agents` type questions for `seconds`, none in step with another.

    Raises:
        ServiceError: a call is refused.
    """
    headers = {"Authorization": f"Bearer {token}"}
    began = time.perf_counter()
    with ThreadPoolExecutor(agents) as pool:
        runs = [
            pool.submit(_type, service, headers, questions[i::agents], began + i * RHYTHM / agents, began + seconds)
            for i in range(agents)
        ]
        typed = [one for run in runs for one in run.result()]
    took, waited = [one.took_ms for one in typed], [one.seconds * 1000 for one in typed]
    rate = len(typed) / seconds
    how = f"{agents} agents, a letter each {RHYTHM * 1000:.0f} ms, {rate:.0f} requests/s for {seconds:.0f} s"
    return [
        Figure("agents typing: in the server p50", quantile(took, 0.5), " ms", 5, "lower", how),
        Figure("agents typing: in the server p95", quantile(took, 0.95), " ms", 20, "lower", "same run"),
        Figure("agents typing: to the agent p50", quantile(waited, 0.5), " ms", 50, "lower", "same run"),
        Figure("agents typing: to the agent p95", quantile(waited, 0.95), " ms", 100, "lower", "same run"),
    ]


def prefixes(text: str) -> Iterator[str]:
    """Yield what stands in the box after each letter.

    >>> list(prefixes("报名吗"))
    ['报', '报名', '报名吗']
    """
    yield from (text[:end] for end in range(1, len(text) + 1))


def _type(
    service: str, headers: dict[str, str], questions: Sequence[Question], starts: float, ends: float
) -> list[Typed]:
    typed: list[Typed] = []
    letters = ((prefix, question.city) for question in cycle(questions) for prefix in prefixes(question.q))
    with Line(service) as line:
        for number, (prefix, city) in enumerate(letters):
            at = starts + number * RHYTHM
            if max(at, time.perf_counter()) >= ends:
                return typed
            time.sleep(max(0.0, at - time.perf_counter()))
            typed.append(_ask(line, prefix, city, headers))
    return typed


def _ask(line: Line, text: str, city: str | None, headers: dict[str, str]) -> Typed:
    asked = {"q": text} | ({"city": city} if city else {})
    reply = line.get(f"/api/v1/suggestions?{urlencode(asked)}", headers)
    if reply.status != 200:
        raise ServiceError(f"suggestions: HTTP {reply.status} {reply.body}")
    return Typed(reply.body["took_ms"], reply.seconds)
