"""Measure turns about one's own case: against questions, and how questions fare beside a slow backend."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import uvicorn

from evaluation.benchmark.figures import Figure, quantile
from evaluation.benchmark.line import Line, Talk, Talks
from evaluation.benchmark.turns import TURNS_A_TALK
from evaluation.questions import Question
from evaluation.run import ServiceError

ASKED = "我的报名进度"
ROUNDS, WARM_ROUNDS = 100, 10
FAMILIES, EVERY, SECONDS, DELAY = 50, 4.0, 20.0, 2.0  # an idle connection is kept for five seconds
_NONE = json.dumps({"applications": []}).encode()


@dataclass
class SlowBackend:
    """An enrolment backend in which nobody has an application, and which says so after `delay` seconds (ASGI)."""

    delay: float = 0.0
    asked: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one call."""
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        self.asked += 1
        await asyncio.sleep(self.delay)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_NONE)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _NONE})


@contextmanager
def slow_backend() -> Iterator[tuple[str, SlowBackend]]:
    """Serve a `SlowBackend` on a free loopback port; give its address and the backend, whose delay may be changed."""
    backend = SlowBackend()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(backend, log_config=None, access_log=False, ws="none", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", backend
        finally:
            server.should_exit = True
            thread.join(timeout=15)


def against_questions(service: str, token: Callable[[], str], questions: Sequence[Question]) -> Figure:
    """Time turns that show a family's case and turns that answer a question by turns, in one run, one client.

    Args:
        service: address of the service.
        token: gives a fresh token of a family with an application.
        questions: what is asked between.
    """
    cases, answers = [], []
    with Line(service) as line:
        talks = Talks(line, TURNS_A_TALK)
        for i, question in enumerate(islice(cycle(questions), ROUNDS + WARM_ROUNDS)):
            if i % TURNS_A_TALK == 0:
                family = Talk(line, None, token())
            answers.append(talks.of(question.city).say(question.q).seconds)
            shown = family.say(ASKED)
            if shown.status != 200 or shown.body["kind"] != "case":
                raise ServiceError(f"a family's case is not shown: HTTP {shown.status} {shown.body.get('kind')}")
            cases.append(shown.seconds)
    case, answer = (quantile(seconds[WARM_ROUNDS:], 0.5) for seconds in (cases, answers))
    how = f"{ROUNDS} turns each, interleaved, one client: {case * 1000:.1f} ms against {answer * 1000:.1f} ms"
    return Figure("case turn p50, in question turns", case / answer, " ×", 2.0, "lower", how)


def beside_slow_backend(
    service: str, backend: SlowBackend, token: Callable[[], str], questions: Sequence[Question]
) -> list[Figure]:
    """Compare questions while families ask a slow backend with questions while they ask a quick one, equally often."""
    found = {}
    for delay in (0.0, DELAY):
        backend.delay = delay
        found[delay] = _questions_beside_families(service, token, questions)
    (quick, _), (slow, waited) = found[0.0], found[DELAY]
    usual, beside = quantile(quick, 0.95), quantile(slow, 0.95)
    how = (
        f"{FAMILIES} families ask every {EVERY:.0f} s for {SECONDS:.0f} s, the backend takes {DELAY:.0f} s: "
        f"{beside * 1000:.0f} ms ({len(slow)} turns) against {usual * 1000:.0f} ms with a quick backend"
    )
    return [
        Figure("questions' p95 beside a slow backend", beside / usual, " × usual", 1.5, "lower", how),
        Figure("families' longest wait for it", max(waited), " s", 3.0, "lower", f"same run, {len(waited)} turns"),
    ]


def _questions_beside_families(
    service: str, token: Callable[[], str], questions: Sequence[Question]
) -> tuple[list[float], list[float]]:
    """Return the seconds of one client's question turns and of the families' case turns."""
    ends = time.perf_counter() + SECONDS
    with ThreadPoolExecutor(FAMILIES) as pool:
        families = [pool.submit(_family, service, token(), i * EVERY / FAMILIES, ends) for i in range(FAMILIES)]
        seconds = []
        with Line(service) as line:
            talks = Talks(line, TURNS_A_TALK)
            for question in cycle(questions):
                if time.perf_counter() >= ends:
                    break
                seconds.append(talks.of(question.city).say(question.q).seconds)
        return seconds[WARM_ROUNDS:], [one for family in families for one in family.result()]


def _family(service: str, token: str, first: float, ends: float) -> list[float]:
    """Ask for one's case at even intervals."""
    seconds = []
    with Line(service) as line:
        talk = Talk(line, None, token)
        due = time.perf_counter() + first
        while due < ends:
            time.sleep(max(0.0, due - time.perf_counter()))
            turn = talk.say(ASKED)
            if turn.status != 200 or turn.body["kind"] != "case":
                raise ServiceError(f"a family's turn ended otherwise: HTTP {turn.status} {turn.body.get('kind')}")
            seconds.append(turn.seconds)
            due += EVERY
    return seconds
