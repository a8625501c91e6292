"""Suggestions for staff: the official entries nearest to what a caller says, ready to be shown and read aloud.

What does not depend on the typed words (cards, spoken forms, texts to mark) is made once, at start.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Response
from pydantic_core import to_json

from bot.actions.cards import entry_card, note_of
from bot.actions.desk import Desk
from channels.access import Allowed
from channels.messages import Fit, Suggestions
from core.scope import CITIES, City, Scope
from hotline.marks import marks, words_of
from hotline.spoken import spoken_lines
from knowledge.entry import Document, Entry
from retrieval.judge import Candidate, Judgement, Thresholds
from retrieval.retriever import Retriever

_ENDS = " \t\n?？。.!！~～…"
"""What closes a sentence; the agent types it last, and nothing on the screen moves for it."""


@dataclass(frozen=True)
class Shelved:
    """An entry as far as it is known before anybody asks; `question` and `answer` are in lower case, for marks."""

    card: dict[str, Any]
    document: Document
    question: str
    answer: str
    spoken: list[str]
    branches: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """What was typed, in normal form, its words that may be marked, and the caller's district."""

    text: str
    words: tuple[str, ...]
    district: str | None


class Near(NamedTuple):
    """An entry that may be meant, and the judgement on its city's entries."""

    candidate: Candidate
    judgement: Judgement


class Shelf:
    """Makes suggestions of candidates."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._entries = {entry.id: _shelve(desk, entry) for entry in desk.knowledge.entries.values()}

    def suggest(self, q: str, cities: Sequence[City], district: str | None, limit: int) -> dict[str, Any]:
        """Return the nearest entries of the cities, best first, and whether any is good enough."""
        judgements = search(self._desk.retriever, q, cities)
        found = nearest(judgements)
        asked = Asked(judgements[0].text, words_of(judgements[0].text), district)
        return {
            "answerable": any(judgement.decision == "answer" for judgement in judgements),
            "suggestions": [self._one(one.candidate, one.judgement, asked) for one in found[:limit]],
        }

    def _one(self, candidate: Candidate, judgement: Judgement, asked: Asked) -> dict[str, Any]:
        shelved = self._entries[candidate.entry_id]
        fit = fit_of(candidate, judgement, self._desk.retriever.judge.thresholds)
        branch = self._desk.branches.decide(candidate.entry_id, asked.text) if fit != "unsure" else None
        return {
            "entry": shelved.card,
            "confidence": round(candidate.confidence, 4),
            "fit": fit,
            "applies": shelved.branches.get(branch or ""),
            "note": note_of(self._desk, shelved.document, Scope(shelved.document.city, asked.district)),
            "marks": {"question": marks(asked.words, shelved.question), "answer": marks(asked.words, shelved.answer)},
            "spoken": shelved.spoken,
        }


def search(retriever: Retriever, q: str, cities: Sequence[City]) -> list[Judgement]:
    """Return the judgement on each city's entries for what was typed."""
    words = q.rstrip(_ENDS) or q
    return [retriever.search(words, city) for city in cities]


def nearest(judgements: Sequence[Judgement]) -> list[Near]:
    """Return the entries in the order in which they are suggested."""
    found = [Near(candidate, judgement) for judgement in judgements for candidate in judgement.candidates]
    return sorted(found, key=lambda one: -one.candidate.confidence)


def fit_of(candidate: Candidate, judgement: Judgement, thresholds: Thresholds) -> Fit:
    """Return in a word how well an entry fits, by the thresholds by which the chat answers and asks back.

    `match` (吻合): the chat would answer, and this entry is as sure as that takes. `likely` (可能): it is sure
    enough to be asked back with. `unsure` (不确定): neither.
    """
    if judgement.decision == "answer" and candidate.confidence >= thresholds.answer:
        return "match"
    return "likely" if judgement.decision != "none" and candidate.confidence >= thresholds.clarify else "unsure"


def make_router(desk: Desk) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/api/v1", tags=["staff"])
    shelf = Shelf(desk)

    @router.get("/suggestions", response_model=Suggestions)
    async def suggest(
        _: Allowed,
        q: Annotated[str, Query(max_length=500)],
        city: City | None = None,
        district: Annotated[str | None, Query(max_length=40)] = None,
        limit: Annotated[int, Query(ge=1, le=10)] = 3,
    ) -> Response:
        """Return the nearest entries, best first, of one city or of both."""
        start = time.perf_counter()
        found = shelf.suggest(q, (city,) if city else CITIES, desk.entities.district(district), limit)
        took = (time.perf_counter() - start) * 1000
        # Made by our own shapes at start; validated once more it would cost as much as the search.
        return Response(to_json({**found, "took_ms": round(took, 3)}), media_type="application/json")

    return router


def _shelve(desk: Desk, entry: Entry) -> Shelved:
    parts = {b.id: {"branch": b.label, "text": b.text, "spoken": spoken_lines(b.text)} for b in entry.branches}
    return Shelved(
        card=entry_card(desk.knowledge, entry).model_dump(mode="json"),
        document=desk.knowledge.document_of(entry),
        question=entry.question.lower(),
        answer=entry.answer.lower(),
        spoken=spoken_lines(entry.answer),
        branches=parts,
    )
