"""Suggestions for staff: the official entries nearest to what a caller says."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request

from bot.actions.cards import entry_card
from channels.access import Allowed
from channels.messages import Suggestion, Suggestions
from channels.services import services
from core.scope import CITIES, City

router = APIRouter(prefix="/api/v1", tags=["staff"])


@router.get("/suggestions")
async def suggest(
    request: Request,
    _: Allowed,
    q: Annotated[str, Query(max_length=500)],
    city: City | None = None,
    limit: Annotated[int, Query(ge=1, le=10)] = 3,
) -> Suggestions:
    """Return the nearest entries, best first, of one city or of both."""
    start = time.perf_counter()
    desk = services(request).desk
    judgements = [desk.retriever.search(q, c) for c in ((city,) if city else CITIES)]
    candidates = sorted((c for j in judgements for c in j.candidates), key=lambda c: -c.confidence)[:limit]
    suggestions = [
        Suggestion(
            entry=entry_card(desk.knowledge, desk.knowledge.entries[c.entry_id]), confidence=round(c.confidence, 4)
        )
        for c in candidates
    ]
    answerable = any(j.decision == "answer" for j in judgements)
    took = (time.perf_counter() - start) * 1000
    return Suggestions(answerable=answerable, suggestions=suggestions, took_ms=round(took, 3))
