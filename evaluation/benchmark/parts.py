"""Measure the parts: suggestions, retrieval alone, memory, training."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import psutil

from evaluation.benchmark.figures import Figure, quantile
from evaluation.benchmark.line import Line
from evaluation.questions import Question
from evaluation.run import ServiceError

if TYPE_CHECKING:
    from retrieval.retriever import Retriever

CALLS, WARM_CALLS = 300, 30
CLIENTS, SECONDS = 8, 5.0
SEARCHES = 1000


def suggestions(service: str, token: str, questions: Sequence[Question]) -> list[Figure]:
    """Time suggestions with one client, then count them with several.

    Raises:
        ServiceError: a call is refused.
    """
    headers = {"Authorization": f"Bearer {token}"}
    with Line(service) as line:
        timed = [_suggest(line, question, headers) for question in islice(cycle(questions), CALLS + WARM_CALLS)]
    half = quantile(timed[WARM_CALLS:], 0.5)
    ends = time.perf_counter() + SECONDS
    with ThreadPoolExecutor(CLIENTS) as pool:
        began = time.perf_counter()
        counts = list(pool.map(lambda i: _count(service, questions[i::CLIENTS], headers, ends), range(CLIENTS)))
        rate = sum(counts) / (time.perf_counter() - began)
    return [
        Figure(
            "suggestion p50", half * 1000, " ms", 5, "lower", f"{CALLS} calls with a city, one client, HTTP and all"
        ),
        Figure("suggestions", rate, "/s", 300, "higher", f"{CLIENTS} clients on the same machine, {SECONDS:.0f} s"),
    ]


def retrieval_alone(retriever: Retriever, questions: Sequence[Question]) -> Figure:
    """Time the search in this process: encode, index, lexical scores, judge, over all entries of the city."""
    seconds = []
    for question in islice(cycle(questions), SEARCHES + WARM_CALLS):
        began = time.perf_counter()
        retriever.search(question.q, question.city or "chongqing")
        seconds.append(time.perf_counter() - began)
    rows = sum(len(ranker.index.labels) for ranker in retriever.rankers.values())
    how = f"{SEARCHES} searches in-process, one thread, {rows} indexed questions"
    return Figure("retrieval alone p50", quantile(seconds[WARM_CALLS:], 0.5) * 1000, " ms", 1, "lower", how)


def service_processes() -> list[psutil.Process]:
    """Return the processes that this one has started, without the reference backend, which no installation has."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "enrollment.reference" not in " ".join(_command(child))]


def memory(processes: Sequence[psutil.Process]) -> Figure:
    """Sum up the resident memory, in GB of 10⁹ bytes; pages that processes share count in each."""
    sizes = [size for size in map(_resident, processes) if size]
    how = f"resident memory of {len(sizes)} processes after the load"
    return Figure("memory, Rasa and app", sum(sizes) / 1e9 if len(sizes) > 1 else None, " GB", 2.2, "lower", how)


def training(file: Path) -> Figure:
    """Read how long `helpdesk train` took the last time."""
    try:
        seconds = float(json.loads(file.read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return Figure("training", None, " s", 120, "lower", f"{file} is missing: `helpdesk train` writes it")
    return Figure("training", seconds, " s", 120, "lower", f"the last `helpdesk train`, from {file}")


def _suggest(line: Line, question: Question, headers: dict[str, str]) -> float:
    asked = {"q": question.q} | ({"city": question.city} if question.city else {})
    reply = line.get(f"/api/v1/suggestions?{urlencode(asked)}", headers)
    if reply.status != 200:
        raise ServiceError(f"suggestions: HTTP {reply.status} {reply.body}")
    return reply.seconds


def _count(service: str, questions: Sequence[Question], headers: dict[str, str], ends: float) -> int:
    with Line(service) as line:
        for done, question in enumerate(cycle(questions)):
            if time.perf_counter() >= ends:
                return done
            _suggest(line, question, headers)
    return 0


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0
