"""What the service said last, reduced to what the metrics and the report need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

_SHOWN_CHARS = 160


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Answered(_Kept):
    """An entry that was answered; `branch` is what `applies` names, `confidence` is in [0, 1]."""

    entry_id: str
    confidence: float
    branch: str | None = None


class Offered(_Kept):
    """An option: where it leads, as far as the API says."""

    label: str
    entry_id: str | None = None
    city: str | None = None


class Reply(_Kept):
    """A turn's reply. `confidence` is in [0, 1], `seconds` is HTTP out to HTTP in, `failure` an HTTP error instead."""

    kind: str
    outcome: str = ""
    intent: str | None = None
    confidence: float = 0.0
    answers: tuple[Answered, ...] = ()
    options: tuple[Offered, ...] = ()
    asks_branch: bool = False
    said: str = ""
    seconds: float = 0.0
    failure: str | None = None

    @property
    def first_choice(self) -> str | None:
        """The entry answered first; when the service asked instead, the one offered first; None without either."""
        if self.kind == "answer" and self.answers:
            return self.answers[0].entry_id
        if self.kind == "clarify":
            return next((option.entry_id for option in self.options if option.entry_id), None)
        return None


def read_reply(body: Mapping[str, Any], seconds: float = 0.0) -> Reply:
    """Return the reply in a message call's body (design.md, HTTP); unknown fields are ignored."""
    messages = [message for message in body.get("messages", ()) if isinstance(message, dict)]
    intent = body.get("intent")
    return Reply(
        kind=str(body.get("kind", "")),
        outcome=str(body.get("outcome") or ""),
        intent=intent.get("name") if isinstance(intent, dict) else None,
        confidence=float(body.get("confidence") or 0.0),
        answers=tuple(_answered(messages)),
        options=tuple(_offered(messages)),
        asks_branch=any(m.get("type") == "options" and m.get("purpose") == "branch" for m in messages),
        said=" / ".join(str(m["text"]) for m in messages if m.get("text"))[:_SHOWN_CHARS],
        seconds=seconds,
    )


def _answered(messages: list[dict[str, Any]]) -> Iterator[Answered]:
    for message in messages:
        if message.get("type") == "answer":
            branch = (message.get("applies") or {}).get("branch")
            confidence = float(message.get("confidence") or 0.0)
            yield Answered(entry_id=str(message["entry"]["id"]), confidence=confidence, branch=branch)


def _offered(messages: list[dict[str, Any]]) -> Iterator[Offered]:
    for message in messages:
        for option in message.get("options", ()) if message.get("type") == "options" else ():
            label = str(option.get("label", ""))
            yield Offered(label=label, entry_id=option.get("entry_id"), city=option.get("city"))
