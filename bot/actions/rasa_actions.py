"""The actions as rasa-sdk knows them: each reads its turn, does one act, and returns only turn and outcome to Rasa."""

from __future__ import annotations

from typing import Any, ClassVar

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import ActionExecutionRejection

from bot.actions import arbitration, desk
from bot.actions.answering import answer_question
from bot.actions.case import show_case
from bot.actions.desk import Act, Desk, Found, Work
from bot.actions.person import offer_person
from bot.actions.talking import confirm, decline, explain_again, note_scope, small_talk
from conversations.reply import Intent
from retrieval.normalise import normalise

_desk: list[Desk] = []


def install(current: Desk) -> None:
    """Give the actions their desk; rasa-sdk builds them without arguments."""
    _desk[:] = [current]


class DeskAction(Action):  # type: ignore[misc]
    """An action that does one act; `action` and `act` are set by its subclasses."""

    action: ClassVar[str]
    act: ClassVar[Act]

    def name(self) -> str:
        """Return the name that the domain uses."""
        return self.action

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        """Do the act for the turn that the message's metadata names."""
        message = tracker.latest_message
        turn_id = (message.get("metadata") or {}).get("turn_id")
        if not turn_id or not _desk:
            raise ActionExecutionRejection(self.action, "no turn_id in the message's metadata, or the desk is not open")
        work = await _open(_desk[0], str(turn_id), message)
        outcome = await desk.finish(work, arbitration.decide(work, type(self).act))
        dispatcher.utter_message(json_message={"turn_id": turn_id, "outcome": outcome.value})
        return []


async def _open(current: Desk, turn_id: str, message: dict[str, Any]) -> Work:
    mine = current.open_turns.get(turn_id)
    if mine:
        turn, conversation, found = mine.turn, mine.conversation, mine.found
    else:  # another process opened it
        turn, conversation = await current.store.call(current.store.turn, turn_id)
        found = Found()
    understood = message.get("intent") or {}
    intent = Intent(
        name=understood.get("name") or "nlu_fallback", confidence=round(understood.get("confidence") or 0, 4)
    )
    named = current.entities.from_rasa(message.get("entities") or [], normalise(turn.text))
    ranking = message.get("intent_ranking") or []
    own_case = next((one["confidence"] for one in ranking if one["name"] == "case_status"), 0.0)
    return Work(current, turn, conversation, named=named, intent=intent, own_case=own_case, found=found)


class AnswerQuestion(DeskAction):
    """Topic intents, and whatever the rules don't know."""

    action, act = "action_answer_question", answer_question


class ShowCase(DeskAction):
    """The parent's own application."""

    action, act = "action_show_case", show_case


class OfferPerson(DeskAction):
    """The parent wants a person."""

    action, act = "action_offer_person", offer_person


class SmallTalk(DeskAction):
    """Courtesies."""

    action, act = "action_small_talk", small_talk


class Confirm(DeskAction):
    """Yes and no."""

    action, act = "action_confirm", confirm


class NoteScope(DeskAction):
    """City, district or stage told."""

    action, act = "action_note_scope", note_scope


class Decline(DeskAction):
    """Not our subject."""

    action, act = "action_decline", decline


class ExplainAgain(DeskAction):
    """The parent wants more of the last answer."""

    action, act = "action_explain_again", explain_again


ACTIONS: tuple[type[DeskAction], ...] = (
    AnswerQuestion,
    ShowCase,
    OfferPerson,
    SmallTalk,
    Confirm,
    NoteScope,
    Decline,
    ExplainAgain,
)
