"""The desk: what every action needs, and the work of one turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from cachetools import TTLCache

from bot.actions.entities import EntityReader, Named
from bot.actions.words import Words
from conversations.audit import AuditLog
from conversations.news import NewsStore
from conversations.reply import AnswerMessage, Intent, Memory, Message, Reply, TextMessage
from conversations.storage import Conversation, ConversationStore, FinishedTurn, Turn
from core.outcomes import Kind, Outcome
from core.scope import City, Scope
from core.settings import Settings
from enrollment.backend import EnrollmentBackend
from enrollment.models import Application
from escalation.desk import TicketDesk
from escalation.incidents import Incident, Matter, nearest
from escalation.rules import Place
from knowledge.loader import Knowledge
from retrieval.branches import BranchJudge
from retrieval.judge import Judgement
from retrieval.normalise import normalise
from retrieval.retriever import Retriever

SEEN_LATELY = 10 * 60
"""Seconds for which what the backend said of a case may be shown, with its time, while the backend is silent."""
_FAMILIES_KEPT = 10_000
_NOT_ANSWERED = (Outcome.NO_OFFICIAL_ANSWER, Outcome.NOT_SURE, Outcome.NO_MORE_CANDIDATES)
_SHOWS_CASE = (Outcome.CASE_SHOWN, Outcome.CASE_LISTED)
_SETTLES = (Kind.ANSWER, Kind.CASE)
"""What ends a row of messages that had no answer."""


@dataclass
class Found:
    """What was searched for one turn.

    `judged`: message before (None: alone), question and city → judgement. `doubles`: question and city → what two
    halves come to, None if it is one question.
    """

    judged: dict[tuple[str | None, str, City], Judgement] = field(default_factory=dict)
    doubles: dict[tuple[str, City], tuple[Judgement, Judgement] | None] = field(default_factory=dict)


@dataclass
class OpenTurn:
    """A turn that this process has opened and not yet reported; what is here needs not be read again."""

    turn: Turn
    conversation: Conversation
    finished: FinishedTurn | None = None
    found: Found = field(default_factory=Found)


@dataclass(frozen=True)
class Desk:
    """Everything that actions use; built once, at start."""

    settings: Settings
    knowledge: Knowledge
    retriever: Retriever
    branches: BranchJudge
    store: ConversationStore
    news: NewsStore
    tickets: TicketDesk
    audit: AuditLog
    backend: EnrollmentBackend
    words: Words
    entities: EntityReader
    open_turns: dict[str, OpenTurn] = field(default_factory=dict)
    seen_lately: TTLCache[tuple[str, City], tuple[Application, ...]] = field(
        default_factory=lambda: TTLCache(_FAMILIES_KEPT, SEEN_LATELY)
    )


@dataclass
class Work:
    """One turn in hand: what was said, what was understood, what was searched, and what the next must know.

    `own_case`: how much Rasa takes the message for a question about the parent's own application, in [0, 1].
    `keeps_pending`: the reply is an aside, so what was asked before is still asked.
    """

    desk: Desk
    turn: Turn
    conversation: Conversation
    named: Named = field(default_factory=Named)
    intent: Intent | None = None
    own_case: float = 0.0
    keeps_pending: bool = False
    degraded: bool = False
    text: str = ""
    scope: Scope = field(default_factory=Scope)
    memory: Memory = field(default_factory=Memory)
    found: Found = field(default_factory=Found)

    def __post_init__(self) -> None:
        self.text = self.text or normalise(self.turn.text)
        self.scope = self.conversation.scope
        self.memory = self.conversation.memory.model_copy()

    def say(self, name: str, **values: object) -> TextMessage:
        """Return one of the desk's own sentences as a message."""
        return TextMessage(text=self.desk.words.say(name, **values))

    def reply(self, outcome: Outcome, messages: list[Message], confidence: float = 0.0, **details: Any) -> Reply:
        """Return the finished reply of this turn."""
        if self.degraded:
            messages = [*messages, self.say("degraded")]
        return Reply(
            outcome=outcome, messages=messages, confidence=round(confidence, 4), intent=self.intent, details=details
        )


Act = Callable[[Work], Awaitable[Reply]]


async def finish(work: Work, act: Act) -> Outcome:
    """Do one action and leave its reply, which is dropped if a person has taken over; returns the recorded outcome.

    What was pending is forgotten unless the action asks anew, or is an aside.
    """
    before = work.memory.pending
    work.memory.clarified_last = bool(before and before.ask == "which")
    reply = _noticed(work, await act(work))
    if work.memory.pending is before and not work.keeps_pending:
        work.memory.pending = None
    if reply.outcome in _NOT_ANSWERED:
        work.memory.unanswered += 1
    elif reply.outcome.kind in _SETTLES or reply.outcome is Outcome.TICKET_MADE:
        work.memory.unanswered = 0
    if reply.outcome.kind is not Kind.SMALL_TALK:
        work.memory.case_shown = reply.outcome in _SHOWS_CASE
    store = work.desk.store
    finished = await store.call(store.leave_reply, work.turn, reply, scope=work.scope, memory=work.memory)
    waiting = work.desk.open_turns.get(work.turn.id)
    if waiting:
        waiting.finished = finished
    return finished.outcome if finished else reply.outcome


def _noticed(work: Work, reply: Reply) -> Reply:
    """Return the reply with an office's notice, if it is about what an open incident covers; each text once.

    The notice follows the answers, or leads a ticket's form; it asks no database.
    """
    answers = [n for n, one in enumerate(reply.messages) if isinstance(one, AnswerMessage)]
    ids = [one.entry.id for one in reply.messages if isinstance(one, AnswerMessage)]
    if reply.outcome is Outcome.TICKET_FORM and work.memory.form and work.memory.form.entry:
        ids = [work.memory.form.entry]
    incident = next(filter(None, (_incident_of(work, entry_id) for entry_id in ids)), None)
    if incident is None or work.memory.notice == f"{incident.id}:{incident.version}":
        return reply
    work.memory.notice = f"{incident.id}:{incident.version}"
    levels, place = work.desk.tickets.book.levels, Place(incident.matter.city, incident.matter.district)
    office = levels.team("district" if place.district else levels.of(place.city)[-1], place)
    told = work.say("incident_notice", place=place.district or "", office=office, text=incident.text)
    after = answers[-1] + 1 if answers else 0
    return reply.model_copy(update={"messages": [*reply.messages[:after], told, *reply.messages[after:]]})


def _incident_of(work: Work, entry_id: str) -> Incident | None:
    """Return the open incident of the conversation's place that covers an answer, or None."""
    known, entry = work.desk.tickets.incidents.open_now, work.desk.knowledge.entries.get(entry_id)
    if not known or entry is None:
        return None
    district = work.scope.district if work.scope.city == entry.city else None
    return nearest(known, Matter(entry.city, district, entry.topic, entry.id))
