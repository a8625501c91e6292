"""How often the hotline's page suggests the right entry, by the code that serves it, without HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from channels.suggestions import nearest, search
from core.scope import CITIES
from evaluation.metrics import Shares
from evaluation.questions import Group, Question

if TYPE_CHECKING:
    from retrieval.retriever import Retriever

_SHOWN = 3
"""As many as the page shows."""


def suggestion_figures(questions: Iterable[Question], retriever: Retriever) -> Shares:
    """Return the shares of single questions with an entry for which a right one stands first, and among those shown.

    A question without a city is asked of both, as an agent does who has not chosen one.
    """
    places = [_place(one, retriever) for one in questions if one.group is Group.ANSWERABLE]
    total = max(1, len(places))
    shown = [place for place in places if place is not None and place < _SHOWN]
    return {
        "questions": len(places),
        "first": round(shown.count(0) / total, 4),
        "among_three": round(len(shown) / total, 4),
    }


def _place(question: Question, retriever: Retriever) -> int | None:
    """Return the place of the first right entry, from 0, or None if it is not suggested."""
    found = nearest(search(retriever, question.q, [question.city] if question.city else CITIES))
    return next((place for place, one in enumerate(found) if one.candidate.entry_id in question.expect), None)
