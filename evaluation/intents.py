"""How well Rasa understands: its intents on the development sets, by `POST /model/parse` of a running Rasa.

As a program: `python -m evaluation.intents RASA_URL [SETS]`, with a Rasa that runs with `--enable-api`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import httpx

from core.errors import HelpdeskError
from core.settings import settings
from evaluation.pictures import draw_confusion
from evaluation.questions import SETS, Question, load_questions
from evaluation.run import ServiceError
from knowledge.loader import Knowledge, load_knowledge

OFF_TOPIC = "out_of_scope"
QUESTION = "question"
_TURN_OF = {"case_status": "case_status", "ask_human": "human_handoff", OFF_TOPIC: OFF_TOPIC} | dict.fromkeys(
    ("greet", "thank", "goodbye", "bot_challenge", "complain", "acknowledge", "affirm", "deny", "inform_scope", "more"),
    "chitchat",
)
_AT_ONCE = 2


class Parsed(NamedTuple):
    """A question, the intents that are right for it, and what Rasa took it for with a confidence in [0, 1]."""

    question: Question
    topics: frozenset[str]
    intent: str
    confidence: float


@dataclass(frozen=True)
class IntentResult:
    """Shares in [0, 1]: kind of turn right, of all; topic right, of the questions that an entry answers."""

    turn_right: float
    topic_right: float
    turn_right_by_kind: dict[str, float]
    misses: list[Parsed]
    pairs: list[tuple[str, str]]

    def __str__(self) -> str:
        kinds = [f"  {kind:<18}{share:.1%}" for kind, share in self.turn_right_by_kind.items()]
        missed = [f"  {_expected_name(p)} → {p.intent} ({p.confidence:.2f})  {p.question.q}" for p in self.misses]
        head = [f"kind of turn right: {self.turn_right:.1%}; topic right: {self.topic_right:.1%}", *kinds]
        return "\n".join([*head, f"misses: {len(missed)}", *missed])

    def draw(self, path: Path) -> None:
        """Draw the confusion matrix of intents."""
        draw_confusion(self.pairs, path, "Rasa's intents")


def turn_of(intent: str) -> str:
    """Return the kind of turn that an intent leads to: question, case_status, human_handoff, chitchat, out_of_scope."""
    return _TURN_OF.get(intent, QUESTION)


def expected_turns(question: Question) -> frozenset[str]:
    """Return the kinds of turn that are right; an unanswerable question may also be taken for off-topic."""
    if question.intent:
        return frozenset({question.intent})
    return frozenset({QUESTION}) if question.expect else frozenset({QUESTION, OFF_TOPIC})


def parse_all(
    questions: Sequence[Question], rasa_url: str, knowledge: Knowledge, timeout: float = 10.0
) -> list[Parsed]:
    """Ask Rasa for the intent of each question, its context left out.

    Raises:
        ServiceError: Rasa is not there, or runs without `--enable-api`.
    """
    with (
        httpx.Client(base_url=rasa_url, timeout=timeout, trust_env=False) as client,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        return list(pool.map(_parser(client, knowledge), questions))


def sum_up(parsed: Sequence[Parsed]) -> IntentResult:
    """Return the figures of the parsed questions."""
    of_kind: Counter[str] = Counter(p.question.label for p in parsed)
    good = Counter(p.question.label for p in parsed if _turn_right(p))
    topical = [p for p in parsed if p.topics]
    return IntentResult(
        turn_right=_share(sum(good.values()), len(parsed)),
        topic_right=_share(sum(p.intent in p.topics for p in topical), len(topical)),
        turn_right_by_kind={kind: _share(good[kind], count) for kind, count in sorted(of_kind.items())},
        misses=[p for p in parsed if not _turn_right(p) or (p.topics and p.intent not in p.topics)],
        pairs=[(_expected_name(p), p.intent) for p in parsed],
    )


def topics_of(question: Question, knowledge: Knowledge) -> frozenset[str]:
    """Return the topics of the expected entries: each is a right intent."""
    return frozenset(knowledge.entries[i].topic for i in question.expect if i in knowledge.entries)


def _parser(client: httpx.Client, knowledge: Knowledge) -> Callable[[Question], Parsed]:
    def parse(question: Question) -> Parsed:
        try:
            response = client.post("/model/parse", json={"text": question.q})
            response.raise_for_status()
            intent = response.json()["intent"]
        except (httpx.HTTPError, KeyError) as error:
            raise ServiceError(f"{client.base_url}/model/parse: {error}; is Rasa up, with --enable-api?") from error
        return Parsed(question, topics_of(question, knowledge), str(intent["name"]), float(intent["confidence"]))

    return parse


def _turn_right(parsed: Parsed) -> bool:
    return turn_of(parsed.intent) in expected_turns(parsed.question)


def _expected_name(parsed: Parsed) -> str:
    names: Iterable[str] = parsed.topics
    if parsed.intent in parsed.topics:
        return parsed.intent
    return min(names, default=parsed.question.intent or parsed.question.label)


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def main(arguments: Sequence[str]) -> int:
    """Print the figures and misses, and draw `var/evaluation/intents.png`; 2 if that cannot be done."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m evaluation.intents RASA_URL [SETS]\n")
        return 2
    try:
        knowledge = load_knowledge()
        questions = load_questions(Path(arguments[1]) if arguments[1:] else SETS, knowledge.entries)
        result = sum_up(parse_all(questions, arguments[0], knowledge))
    except HelpdeskError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    result.draw(settings().var_dir / "evaluation" / "intents.png")
    sys.stdout.write(f"{result}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
