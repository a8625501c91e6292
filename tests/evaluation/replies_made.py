"""Replies and questions made by hand, in the API's shapes."""

from __future__ import annotations

from typing import Any

from evaluation.questions import Question
from evaluation.replies import Reply, read_reply


def question(q: str = "刷脸查不到孩子", city: str | None = "chongqing", **fields: Any) -> Question:
    return Question.model_validate({"q": q, "city": city, "expect": [], **fields})


def answer(entry_id: str, branch: str | None = None) -> dict[str, Any]:
    applies = {"branch": branch, "text": "…"} if branch else None
    return {"type": "answer", "confidence": 0.9, "applies": applies, "entry": {"id": entry_id}}


def options(purpose: str = "which", *offered: dict[str, Any]) -> dict[str, Any]:
    return {"type": "options", "text": "您是想问哪一个?", "purpose": purpose, "options": list(offered)}


def offer(entry_id: str | None = None, city: str | None = None) -> dict[str, Any]:
    return {"label": "…", "payload": "p", "entry_id": entry_id, "city": city}


def reply(kind: str, *messages: dict[str, Any], confidence: float = 0.9, outcome: str = "") -> Reply:
    body = {"turn": 1, "kind": kind, "outcome": outcome, "intent": None, "confidence": confidence}
    return read_reply({**body, "messages": list(messages)})
