"""Where Rasa's intent and retrieval disagree: which of the two is believed.

Rasa tells what kind of turn a message is; retrieval whether an official entry answers it. A message that retrieval
answers with certainty is a question, whatever it looked like; a message about one's own case stays one unless Rasa
itself is in doubt.
"""

from __future__ import annotations

from bot.actions.answering import answer_question, narrow_scope
from bot.actions.case import show_case
from bot.actions.desk import Act, Work
from bot.actions.person import offer_person
from bot.actions.questions import leans
from bot.actions.talking import confirm, decline, explain_again, note_scope, small_talk
from core.scope import CITIES

SURE_INTENT = 0.8
LIKELY_INTENT = 0.25
_OWN = ("case_status", "progress_general")
_YIELDING: tuple[Act, ...] = (decline, small_talk, confirm, explain_again, note_scope)


def decide(work: Work, act: Act) -> Act:
    """Return the act to do: the one that Rasa's rule chose, or answering."""
    if _asks_for_child(work):
        return show_case
    if act is answer_question:
        return act
    sure = bool(work.intent and work.intent.confidence >= SURE_INTENT)
    likely = bool(work.intent and work.intent.confidence >= LIKELY_INTENT)
    if (act in (*_YIELDING, offer_person) and not likely) or (act is note_scope and not work.named.tells_scope):
        return answer_question
    if act in _YIELDING and act is not note_scope and work.memory.last_question and leans(work.text) and not sure:
        return answer_question
    if (act in _YIELDING or not sure) and _is_answered(work):
        return answer_question
    return act


def _asks_for_child(work: Work) -> bool:
    """Whether a signed-in guardian names one of the children whose cases were listed, or asks for that child's case."""
    if work.conversation.guardian is None or work.named.child is None:
        return False
    pending = work.memory.pending
    return bool(pending and pending.ask == "child") or bool(work.intent and work.intent.name in _OWN)


def _is_answered(work: Work) -> bool:
    """Whether some entry in scope answers the message."""
    before = work.scope
    narrow_scope(work)
    cities = (work.scope.city,) if work.scope.city else CITIES
    work.scope = before
    return any(work.desk.retriever.search(work.text, city).decision == "answer" for city in cities)
