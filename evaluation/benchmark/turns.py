"""Measure turns: one client against a bare turn, many clients, and a conversation that grows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from statistics import median

from evaluation.benchmark.figures import Figure, quantile
from evaluation.benchmark.line import Line, Talk, Talks, Timed
from evaluation.questions import Question

ROUNDS, WARM_ROUNDS, TURNS_A_TALK = 200, 30, 5
CLIENTS, SECONDS = 16, 10.0
GROWN_TALKS, LAST_TURN = 3, 204
_EARLY, _LATE = slice(2, 7), slice(195, 204)


@dataclass
class Load:
    """What many clients saw: seconds of each turn, failed turns, turns answered without Rasa."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    without_rasa: int = 0

    def add(self, turn: Timed) -> None:
        """Count one turn."""
        kind = turn.body.get("kind", "error") if isinstance(turn.body, dict) else "error"
        self.failed += turn.status != 200 or kind == "error"
        self.without_rasa += kind != "error" and not turn.body.get("intent")
        self.seconds.append(turn.seconds)


def against_bare(service: str, rasa: str, questions: Sequence[Question], rounds: int = ROUNDS) -> list[Figure]:
    """Time whole and bare turns by turns, in one run, the order changing each round; warm rounds are left out."""
    whole, bare = [], []
    with Line(service) as desk, Line(rasa) as plain:
        talks = Talks(desk, TURNS_A_TALK)
        for i, question in enumerate(islice(cycle(questions), rounds + WARM_ROUNDS)):
            talk = talks.of(question.city)
            if i % 2:
                whole.append(talk.say(question.q).seconds)
            bare.append(_bare_turn(plain, talk.id, question.q))
            if not i % 2:
                whole.append(talk.say(question.q).seconds)
    whole, bare = whole[WARM_ROUNDS:], bare[WARM_ROUNDS:]
    base, half, most = quantile(bare, 0.5), quantile(whole, 0.5), quantile(whole, 0.95)
    times = f"p50 {half * 1000:.1f} ms, p95 {most * 1000:.1f} ms; bare p50 {base * 1000:.1f} ms"
    how = f"{rounds} turns each, interleaved, one client, {TURNS_A_TALK} turns a conversation: {times}"
    return [
        Figure("whole turn p50, in bare turns", half / base, " ×", 1.6, "lower", how),
        Figure("whole turn p95, in its p50", most / half, " ×", 2.0, "lower", "same run"),
    ]


def sustained(
    service: str, questions: Sequence[Question], clients: int = CLIENTS, seconds: float = SECONDS
) -> list[Figure]:
    """Let `clients` talk without pause for `seconds`."""
    ends = time.perf_counter() + seconds
    with ThreadPoolExecutor(clients) as pool:
        began = time.perf_counter()
        loads = list(pool.map(lambda i: _client(service, questions[i::clients], ends), range(clients)))
        took = time.perf_counter() - began
    turns = [value for load in loads for value in load.seconds]
    failed, alone = sum(load.failed for load in loads), sum(load.without_rasa for load in loads)
    how = f"{clients} clients, {took:.1f} s, {len(turns)} turns, new conversation every {TURNS_A_TALK}"
    return [
        Figure("sustained, 16 clients", (len(turns) - failed) / took, " turns/s", 60, "higher", how),
        Figure("sustained: turns with an error", float(failed), "", 0, "lower", f"{alone} more without an intent"),
        Figure("sustained: p95", quantile(turns, 0.95), " s", 0.5, "lower", "same run"),
    ]


def growth(service: str, questions: Sequence[Question], talks: int = GROWN_TALKS) -> Figure:
    """Compare late turns of a conversation with early ones: medians of turns 196–204 and 3–7 over all conversations."""
    early, late = [], []
    with Line(service) as line:
        for start in range(talks):
            city = questions[start].city
            talk = Talk(line, city)
            # The same five texts late as early: what their words cost must not count as growth.
            texts = [q.q for q in questions[start:] if q.city == city][:TURNS_A_TALK]
            seconds = [talk.say(text).seconds for text in islice(cycle(texts), LAST_TURN)]
            early += seconds[_EARLY]
            late += seconds[_LATE]
    how = f"{talks} conversations: {median(late) * 1000:.1f} ms against {median(early) * 1000:.1f} ms"
    return Figure("turn 200 against turn 5", median(late) / median(early), " ×", 1.2, "lower", how)


def first_answer(service: str, question: Question) -> None:
    """Return once the service has answered a question."""
    with Line(service) as line:
        Talk(line, question.city).say(question.q)


def _bare_turn(line: Line, sender: str, text: str) -> float:
    body = {"sender": sender, "message": text, "metadata": {"conversation_id": sender, "turn_id": sender}}
    return line.post("/webhooks/rest/webhook", body).seconds


def _client(service: str, questions: Sequence[Question], ends: float) -> Load:
    load = Load()
    with Line(service) as line:
        talks = Talks(line, TURNS_A_TALK)
        for question in cycle(questions):
            if time.perf_counter() >= ends:
                break
            load.add(talks.of(question.city).say(question.q))
    return load
