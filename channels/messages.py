"""The shapes of the HTTP API for parents."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conversations.reply import EntryCard, Intent, Message, Said
from core.outcomes import Kind, Outcome
from core.scope import City, Stage

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewConversation(_Body):
    """What the widget's host knows at the start."""

    city: City | None = None
    district: str | None = Field(None, max_length=40, pattern=PRINTABLE)
    stage: Stage | None = None
    token: str | None = Field(None, description="A token of the host app, of at most 8192 characters.")


class OpenedConversation(BaseModel):
    """A conversation and the secret that opens it; the secret is shown this once."""

    conversation_id: str
    secret: str
    city: City | None
    district: str | None
    stage: Stage | None
    signed_in: bool
    last_seq: int
    messages: list[Said]


class TokenBody(_Body):
    """A token of the host app, of at most 8192 characters."""

    token: str


class MessageBody(_Body):
    """Either words, or the payload of an option that was offered in this conversation."""

    text: str | None = Field(None, max_length=20_000)
    payload: str | None = Field(None, max_length=200)

    @model_validator(mode="after")
    def _one_of_them(self) -> MessageBody:
        if (self.text is None) == (self.payload is None):
            raise ValueError("give exactly one of text and payload")
        return self


class TurnResult(BaseModel):
    """How a turn ended; `confidence` is in [0, 1]."""

    turn: int
    kind: Kind
    outcome: Outcome
    intent: Intent | None
    confidence: float
    messages: list[Message]
    last_seq: int


class Transcript(BaseModel):
    """Everything said after a given number; `owner_role` is the role of the person who owns the conversation."""

    conversation_id: str
    city: City | None
    district: str | None
    stage: Stage | None
    signed_in: bool
    owner: str
    owner_role: str | None
    last_seq: int
    messages: list[Said]


Fit = Literal["match", "likely", "unsure"]
"""吻合, 可能, 不确定: how well an entry fits what was typed; `channels.suggestions.fit_of` says when which."""


class Part(BaseModel):
    """The part of an answer that applies: a verbatim piece of it, under the case's label, and its spoken form."""

    branch: str
    text: str
    spoken: list[str]


class Marks(BaseModel):
    """Where words of the typed text stand in question and answer: spans [start, end) in characters, in order."""

    question: list[tuple[int, int]]
    answer: list[tuple[int, int]]


class Suggestion(BaseModel):
    """An entry that may answer, with the probability in [0, 1] that it does.

    `applies`: the part for the case that the words name. `note`: must be shown with the answer. `spoken`: the answer's
    words in lines for reading aloud (`hotline.spoken`).
    """

    entry: EntryCard
    confidence: float
    fit: Fit
    applies: Part | None
    note: str | None
    marks: Marks
    spoken: list[str]


class Suggestions(BaseModel):
    """The nearest entries, best first; `took_ms` leaves authentication out."""

    answerable: bool
    suggestions: list[Suggestion]
    took_ms: float


class ErrorBody(BaseModel):
    """The one shape of errors."""

    error: dict[str, Any]
