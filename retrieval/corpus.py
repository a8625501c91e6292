"""The training questions of one city, and in which fold each is held out when the judge is tuned."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from core.scope import City
from knowledge.loader import Knowledge
from retrieval.lexical import NONE
from retrieval.noise import homophones, with_slips
from retrieval.normalise import normalise

NLU = Path(__file__).resolve().parent.parent / "bot/data/nlu"
CONVERSATION = (
    "out_of_scope",
    "case_status",
    "ask_human",
    "greet",
    "thank",
    "goodbye",
    "bot_challenge",
    "complain",
    "affirm",
    "deny",
    "more",
)
FOLDS = 3
NOISY = 0.4
_FOLD_OF_VOICE = {
    "phone": 0,
    "everyday": 0,
    "contrast": 0,
    "elders": 1,
    "story": 1,
    "facets": 2,
    "indirect": 2,
    "process": 1,
    "plainfolk": 2,
}


@dataclass(frozen=True, slots=True)
class Example:
    """A line in normal form.

    `entry` is "none" where the city's Q&A has no answer; `fold` -1 is never held out; `asks` is false for small talk,
    own cases and off-topic lines, which no one would take for a question to the Q&A.
    """

    text: str
    entry: str
    near: str | None
    fold: int
    asks: bool = True


def examples_of(knowledge: Knowledge, city: City) -> list[Example]:
    """Return the city's titles, similar questions, near misses, and what is no question to the Q&A at all."""
    found: list[Example] = []
    for entry in knowledge.of_city(city):
        found.append(Example(normalise(entry.question), entry.id, None, -1))
        for voice, questions in entry.similar.voices.items():
            fold = _FOLD_OF_VOICE.get(voice, len(voice) % FOLDS)
            found += [Example(normalise(question), entry.id, None, fold) for question in questions]
        more = [q for questions in entry.similar.branches.values() for q in questions] + [*entry.similar.undecided]
        found += [Example(normalise(question), entry.id, None, i % FOLDS) for i, question in enumerate(more)]
    own = {entry.id for entry in knowledge.of_city(city)}
    for i, miss in enumerate(knowledge.near_misses):
        if miss.city in (city, None):
            near = next((n for n in miss.near if n in own), None)
            found.append(Example(normalise(miss.q), NONE, near, i * FOLDS // len(knowledge.near_misses)))
    found += [
        Example(normalise(text), NONE, None, i % FOLDS, asks=False) for i, text in enumerate(conversation_lines())
    ]
    return _distinct(found)


def with_noise(examples: Sequence[Example], *, seed: int = 7) -> list[Example]:
    """Return the examples and, for a share of them, a second copy with typing slips."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    same_sound = homophones(example.text for example in examples)
    noisy = [
        replace(example, text=with_slips(example.text, same_sound, dice))
        for example in examples
        if dice.random() < NOISY
    ]
    return _distinct([*noisy, *examples])


def conversation_lines(folder: Path = NLU) -> list[str]:
    """Return what Rasa learns of own cases, small talk and off-topic matters: the Q&A answers none of it."""
    lines: list[str] = []
    for intent in CONVERSATION:
        content = yaml.safe_load((folder / f"{intent}.yml").read_text(encoding="utf-8"))
        lines += [line[2:] for line in content["nlu"][0]["examples"].splitlines() if line.startswith("- ")]
    return lines


def _distinct(examples: Iterable[Example]) -> list[Example]:
    return list({example.text: example for example in examples if example.text}.values())
