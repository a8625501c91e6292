"""The whole turn as a list of steps. A step returns a finished turn, which ends it, or None to go on."""

from __future__ import annotations

import asyncio
import logging
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.actions import arbitration
from bot.actions.answering import answer_question, search_ahead
from bot.actions.choosing import choose
from bot.actions.courtesies import without_courtesies
from bot.actions.desk import Desk, Found, OpenTurn, Work, finish
from channels.rasa import RasaClient
from conversations.reply import Message, Reply, TextMessage
from conversations.storage import Conversation, FinishedTurn, Turn
from core.case_numbers import mask_case_numbers
from core.errors import BusyError, RasaUnavailableError
from core.outcomes import Outcome
from core.privacy import mask_personal_data
from retrieval.normalise import normalise, strip_invisible

log = logging.getLogger(__name__)
_BUSY_TRIES = 40
_BUSY_PAUSE = 0.1
_UNTIL_SENT = 3  # rounds of the event loop that let the request go out before the search holds the loop


@dataclass
class Incoming:
    """A message on its way through the steps."""

    desk: Desk
    rasa: RasaClient
    conversation_id: str
    text: str | None = None
    payload: str | None = None
    open: OpenTurn | None = None
    step: str = field(default="", repr=False)

    @property
    def opened(self) -> tuple[Turn, Conversation]:
        """The turn and conversation, once `open_turn` has run."""
        if self.open is None:
            raise RuntimeError("the turn is not open yet")
        return self.open.turn, self.open.conversation


Step = Callable[[Incoming], Awaitable[FinishedTurn | None]]


async def run_turn(incoming: Incoming) -> FinishedTurn:
    """Take a message through all steps; whatever happens, an opened turn ends."""
    try:
        for step in STEPS:
            incoming.step = step.__name__
            finished = await step(incoming)
            if finished:
                return finished
    except Exception:
        if incoming.open is None:
            raise
        log.exception("turn failed", extra={"turn_id": incoming.open.turn.id, "step": incoming.step})
    finally:
        if incoming.open:
            incoming.desk.open_turns.pop(incoming.open.turn.id, None)
    return await _end(incoming, Outcome.FAILED, "failed")


async def receive(incoming: Incoming) -> FinishedTurn | None:
    """Clean and mask the words."""
    if incoming.payload is None:
        incoming.text = mask_personal_data(strip_invisible(incoming.text or ""))
    return None


async def open_turn(incoming: Incoming) -> FinishedTurn | None:
    """Open the turn and keep what was said; one turn per conversation runs at a time, the next waits."""
    store = incoming.desk.store
    shown = (incoming.text or "")[: incoming.desk.settings.message_max_chars]
    for attempt in range(_BUSY_TRIES):
        try:
            turn, conversation = await store.call(store.begin_turn, incoming.conversation_id, shown, incoming.payload)
            incoming.open = incoming.desk.open_turns[turn.id] = OpenTurn(turn, conversation)
            return None
        except BusyError:
            if attempt == _BUSY_TRIES - 1:
                raise
            await asyncio.sleep(_BUSY_PAUSE)
    return None


async def leave_to_person(incoming: Incoming) -> FinishedTurn | None:
    """Say nothing while a person owns the conversation."""
    _, conversation = incoming.opened
    return await _end(incoming, Outcome.PERSON_OWNS, None) if conversation.owner == "person" else None


async def refuse(incoming: Incoming) -> FinishedTurn | None:
    """Refuse what is empty or too long, and say why."""
    if incoming.payload is not None:
        return None
    limit = incoming.desk.settings.message_max_chars
    if len(incoming.text or "") > limit:
        return await _end(incoming, Outcome.REFUSED_TOO_LONG, "refused_too_long", limit=limit)
    if not any(c.isalnum() for c in incoming.text or ""):
        # A lone picture is a nod; nothing at all is nothing.
        if any(unicodedata.category(c) == "So" for c in incoming.text or ""):
            return await _end(incoming, Outcome.ACKNOWLEDGED, "acknowledge")
        return await _end(incoming, Outcome.REFUSED_EMPTY, "refused_empty")
    return None


async def do_choice(incoming: Incoming) -> FinishedTurn | None:
    """Do what a button stands for; Rasa is not needed for it."""
    turn, _ = incoming.opened
    if turn.choice is None:
        return None
    await finish(_work(incoming), choose)
    return await _finished(incoming)


async def understand(incoming: Incoming) -> FinishedTurn | None:
    """Let Rasa choose the action, which leaves its reply."""
    turn, _ = incoming.opened
    words = without_courtesies(normalise(mask_case_numbers(turn.text)))
    sending = asyncio.create_task(incoming.rasa.send(incoming.conversation_id, turn.id, words))
    try:
        try:
            for _ in range(_UNTIL_SENT):
                await asyncio.sleep(0)
            search_ahead(_work(incoming))
        finally:
            await sending
    except RasaUnavailableError as error:
        log.warning("%s", error, extra={"turn_id": turn.id})
    return await _finished(incoming)


async def answer_alone(incoming: Incoming) -> FinishedTurn | None:
    """Without Rasa: answer from the Q&A alone, and say what doesn't work."""
    work = _work(incoming)
    work.named, work.degraded = incoming.desk.entities.read(work.text), True
    await finish(work, arbitration.decide(work, answer_question))
    return await _finished(incoming)


STEPS: tuple[Step, ...] = (receive, open_turn, leave_to_person, refuse, do_choice, understand, answer_alone)


def _work(incoming: Incoming) -> Work:
    turn, conversation = incoming.opened
    return Work(incoming.desk, turn, conversation, found=incoming.open.found if incoming.open else Found())


async def _finished(incoming: Incoming) -> FinishedTurn | None:
    """Return how the turn ended; an action that another process ran left it in the store only."""
    if incoming.open and incoming.open.finished:
        return incoming.open.finished
    turn, _ = incoming.opened
    return await incoming.desk.store.call(incoming.desk.store.finished, turn.id)


async def _end(incoming: Incoming, outcome: Outcome, words: str | None, **values: object) -> FinishedTurn:
    """End the turn here, with one of the desk's own sentences or with none."""
    turn, conversation = incoming.opened
    messages: list[Message] = [TextMessage(text=incoming.desk.words.say(words, **values))] if words else []
    reply = Reply(outcome=outcome, messages=messages)
    store = incoming.desk.store
    left = await store.call(store.leave_reply, turn, reply, scope=conversation.scope, memory=conversation.memory)
    finished = left or await store.call(store.finished, turn.id)
    if finished is None:
        raise RuntimeError("a turn that was ended has no end")
    return finished
