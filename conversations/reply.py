"""What a turn says: the messages with the shapes of the HTTP API, and what offered options stand for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.outcomes import Outcome
from core.scope import City


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SourceCard(_Shape):
    """Where an answer was published."""

    document: str
    publisher: str
    official: bool
    year: int | None
    batch: str | None
    number: str


class EntryCard(_Shape):
    """An entry as it is shown: always the whole published answer."""

    id: str
    city: City
    question: str
    answer: str
    source: SourceCard


class Applies(_Shape):
    """The branch of the answer that fits; `text` is a verbatim part of the answer."""

    branch: str
    text: str


class AnswerMessage(_Shape):
    """An official answer. `confidence` is in [0, 1]; `note` must be shown with it."""

    type: Literal["answer"] = "answer"
    confidence: float = Field(ge=0, le=1)
    applies: Applies | None = None
    note: str | None = None
    entry: EntryCard


class TextMessage(_Shape):
    """The desk's own words."""

    type: Literal["text"] = "text"
    text: str


class Choice(_Shape):
    """What an option stands for; kept by the server, never sent.

    `question`: the parent's words for which it was offered, masked; whatever was said since does not change it.
    `purpose`: what the city was asked for.
    """

    do: Literal[
        "answer", "city", "branch", "solved", "not_it", "none", "person", "child", "case", "tell_later",
        "ticket", "ticket_field", "ticket_edit", "ticket_send", "ticket_cancel", "ticket_resume",
        "ticket_add", "ticket_solved", "ticket_unsolved",
    ]  # fmt: skip
    entry_id: str | None = None
    branch: str | None = None
    city: City | None = None
    application_id: str | None = None
    ticket_id: str | None = None
    field: str | None = None
    value: str | None = None
    question: str | None = None
    purpose: Literal["answer", "person"] | None = None


class Option(_Shape):
    """A button. `payload` is given when the reply is stored; `choice` is stripped then."""

    label: str
    payload: str = ""
    entry_id: str | None = None
    city: City | None = None
    choice: Choice | None = Field(None, exclude=True)


class OptionsMessage(_Shape):
    """A question with buttons."""

    type: Literal["options"] = "options"
    text: str
    purpose: Literal["which", "city", "branch", "feedback", "person", "child", "start", "later", "ticket"]
    options: list[Option]


class ProblemCard(_Shape):
    """One thing that is wrong with an application."""

    item: str
    reason: str


class QuoteCard(_Shape):
    """A verbatim part of an official answer; `note` must be shown with it."""

    entry_id: str
    text: str
    source: SourceCard | None = None
    note: str | None = None


class ReachedCard(_Shape):
    """A state that an application reached, and when."""

    state: str
    since: datetime


class ApplicationCard(_Shape):
    """An application as its guardian sees it; names are masked, times are ISO 8601 with offset.

    `order` (老大, 老二 …) is set where the guardian has several children; `timeline` stands oldest first.
    """

    id: str
    city: City
    child: str
    order: str | None = None
    state: str
    since: datetime
    timeline: list[ReachedCard] = []
    school: str | None
    problems: list[ProblemCard]
    window_open: bool
    window_closes: datetime | None = None
    meaning: str
    next: str
    then: str | None = None
    official_quote: QuoteCard | None = None
    as_of: datetime


class CaseMessage(_Shape):
    """One application of the signed-in guardian; `brief`: one of several, which a page may show in one line."""

    type: Literal["case"] = "case"
    brief: bool = False
    application: ApplicationCard


class FileCard(_Shape):
    """A file on a ticket; `type` is its media type, `size` in bytes."""

    id: str
    name: str
    type: str
    size: int


class TicketCard(_Shape):
    """What happened to a parent's ticket, in the names that parents read.

    Args:
        happened: the step, named as the tickets' rules name it.
        state, team: where it stands after the step, and with whom.
        due_at: until when an answer is expected; None while none of ours is.
        text: what people wrote to the parent with the step.
        files: what people sent the parent with the step.
        takes_files: whether the parent could add files to the ticket after the step.
    """

    id: str
    number: str
    happened: Literal[
        "dispatch", "climb", "inform", "reply", "ask_parent", "transfer", "resolve", "close", "reopen", "add",
    ]  # fmt: skip
    state: str
    team: str
    due_at: datetime | None = None
    text: str | None = None
    files: list[FileCard] = []
    takes_files: bool = False


class TicketMessage(_Shape):
    """A step of a ticket of this conversation."""

    type: Literal["ticket"] = "ticket"
    ticket: TicketCard


class FileMessage(_Shape):
    """A file that the parent has added to a ticket of this conversation; `number` is the ticket's."""

    type: Literal["file"] = "file"
    ticket_id: str
    number: str
    file: FileCard


Message = Annotated[
    AnswerMessage | TextMessage | OptionsMessage | CaseMessage | TicketMessage | FileMessage,
    Field(discriminator="type"),
]


class Intent(_Shape):
    """What Rasa took the message for; `confidence` is in [0, 1]."""

    name: str
    confidence: float


class Pending(_Shape):
    """What the bot has asked and waits for: at most one thing.

    `ticket`: the next field of the form, or its summary's approval; `ticket_change`: which field to change;
    `ticket_words`: words for the ticket `ticket_id`.
    """

    ask: Literal["city", "which", "person", "branch", "child", "ticket", "ticket_change", "ticket_words"]
    question: str | None = None
    purpose: Literal["answer", "person", "case"] = "answer"
    entry_ids: list[str] = []
    ticket_id: str | None = None


FormField = Literal["child", "city", "district", "school", "question", "entry"]


class FormChild(_Shape):
    """What a form takes from an application: `order` is the child's among the family's, the rest as in `TicketForm`."""

    order: int
    application_id: str
    city: City
    district: str
    school: str
    child: str
    closes_at: datetime | None


class TicketForm(_Shape):
    """A ticket that the parent is filling in; it lasts until it is sent or cancelled.

    Args:
        key: made when the form was begun; sending it twice makes one ticket.
        to_ask: the fields still to be asked, the next one first; none: the whole is to be approved.
        children: the signed-in guardian's applications; the ticket may be about one of them.
        place_words: what was typed for the district, if we know no such district.
        question: what the parent needs, in their words, masked, at most 4000 characters.
        entry, branch: the official answer that was not enough, as far as known.
        child: the masked name of the child whose application it is about.
        application_id: that application's id, as the backend calls it.
        closes_at: when that application's batch closes.
    """

    key: str
    to_ask: list[FormField] = []
    children: list[FormChild] = []
    city: City | None = None
    district: str | None = None
    school: str | None = None
    place_words: str | None = None
    question: str = ""
    entry: str | None = None
    branch: str | None = None
    child: str | None = None
    application_id: str | None = None
    closes_at: datetime | None = None


class Memory(_Shape):
    """What a conversation remembers from turn to turn, beside its scope.

    `case_shown`: whether the own case was shown last, but for courtesies; `last_branch`: of the first of
    `last_entries`; `unanswered`: how often in a row there was no answer; `notice`: which text of which incident was
    told last; `had_form`: whether a ticket's form was ever begun, of which tickets come.
    """

    last_question: str | None = None
    last_entries: list[str] = []
    last_branch: str | None = None
    unanswered: int = 0
    shown: list[str] = []
    candidates: list[str] = []
    pending: Pending | None = None
    city_is_fixed: bool = False
    clarified_last: bool = False
    child: int | None = None
    case_shown: bool = False
    form: TicketForm | None = None
    had_form: bool = False
    notice: str | None = None


class Reply(_Shape):
    """The finished result of a turn."""

    outcome: Outcome
    messages: list[Message]
    confidence: float = Field(0.0, ge=0, le=1)
    intent: Intent | None = None
    details: dict[str, Any] = {}


class Said(_Shape):
    """One thing said in a conversation; `seq` counts from 1 without gaps."""

    seq: int
    turn: int
    author: Literal["parent", "bot", "person"]
    at: datetime
    message: Message
