"""What only retrieval in this process can tell: the candidates behind a miss, and what normalising helps and harms.

Normalising (`retrieval/normalise.py`) is the only correction of what parents type: slips are learnt from, not
corrected. What it damages is measured here on plainly written questions, beside what it and the view by sounds gain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from core.scope import CITIES, City
from evaluation.metrics import Shares
from evaluation.questions import Group, Question
from retrieval.normalise import normalise
from retrieval.ranking import FEATURES, Ranked

if TYPE_CHECKING:
    from retrieval.retriever import Retriever

SLIPS = ("typo", "traditional")
_SHOWN = 3
_MAIN = ("log_p_characters", "log_p_sounds", "log_none_characters", "cosine_mean", "cosine_none_mean", "rare_novelty")
_BY_SOUNDS = {"log_p_sounds": "log_p_characters", "log_none_sounds": "log_none_characters"}
_BY_SOUNDS |= {"margin_sounds": "margin_characters"}


def candidates_of(question: Question, retriever: Retriever) -> list[str]:
    """Return, a line a candidate, what the judge saw of a question: the first three of each city that it may mean."""
    lines = []
    for city in [question.city] if question.city else CITIES:
        found = retriever.search(question.q, city)
        if question.context:
            found = retriever.search_in_context(found, question.context, city)
        for one in found.candidates[:_SHOWN]:
            seen = ", ".join(f"{name} {one.features[name]:.2f}" for name in _MAIN)
            lines.append(f"{one.entry_id} {one.confidence:.3f} ({seen})")
    return lines


def reading_figures(questions: Iterable[Question], retriever: Retriever) -> dict[str, Shares]:
    """Return what normalising changes in plainly written questions, and what it and sounds gain in those with slips.

    `normalising`: the shares of plainly written questions that it changes, that then get another answer (or
    none), and that lose the right one (false corrections). `slips`: the shares of the others that are answered
    right, right only as normalised, and right only because of the view by sounds.
    """
    asked = [(q, q.city) for q in questions if q.group is Group.ANSWERABLE and q.city]
    plain = [one for one in asked if one[0].label not in SLIPS]
    changed = [_read(q, city, retriever) for q, city in plain if normalise(q.q) != q.q]
    slipped = [_read(q, city, retriever) for q, city in asked if q.label in SLIPS]
    right = [one for one in slipped if one.answered in one.right]
    return {
        "normalising": _shares(
            len(plain),
            changed=changed,
            other_answer=[one for one in changed if one.answered != one.as_typed],
            false_corrections=[one for one in changed if one.as_typed in one.right and one.answered not in one.right],
        ),
        "slips": _shares(
            len(slipped),
            right=right,
            by_normalising=[one for one in right if one.as_typed not in one.right],
            by_sounds=[one for one in right if one.without_sounds not in one.right],
        ),
    }


class _Read(NamedTuple):
    """What a question is answered with: as it is read, as typed, and where the sounds only repeat the characters."""

    right: tuple[str, ...]
    answered: str | None
    as_typed: str | None
    without_sounds: str | None


def _read(question: Question, city: City, retriever: Retriever) -> _Read:
    texts = [normalise(question.q), question.q]
    ranker = retriever.rankers[city]
    read, typed = ranker.rank(texts, retriever.encoder.encode(texts))
    features = read.features.copy()
    for sound, character in _BY_SOUNDS.items():
        features[:, FEATURES.index(sound)] = features[:, FEATURES.index(character)]
    found = [retriever.judge.judge(ranked) for ranked in (read, typed, Ranked(read.entry_ids, features))]
    return _Read(question.expect, *(one.best if one.decision == "answer" else None for one in found))


def _shares(total: int, **found: Sequence[_Read]) -> Shares:
    return {"questions": total, **{name: round(len(part) / max(1, total), 4) for name, part in found.items()}}
