"""A conversation as a person reads it who works on its ticket: who owns it, what was said, and why the bot said it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from sqlalchemy import Table, select

from conversations import handover
from conversations.handover import Ownership
from conversations.reply import Said
from conversations.storage import ConversationStore
from conversations.tables import ConversationRow, TurnRow

_CONVERSATIONS, _TURNS = (cast("Table", row.__table__) for row in (ConversationRow, TurnRow))


@dataclass(frozen=True, slots=True)
class TurnFacts:
    """How a turn ended and what the bot took it for; confidences are in [0, 1], None if there was none."""

    outcome: str | None
    intent: str | None
    intent_confidence: float | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation; `staff` is the id of the person who owns it, `turns` the facts by a turn's number."""

    ownership: Ownership
    staff: str | None
    said: list[Said]
    turns: dict[int, TurnFacts]


def read_talk(store: ConversationStore, conversation_id: str) -> Talk:
    """Return the conversation as it is now. Blocks.

    Raises:
        NotFoundError: there is no such conversation.
    """
    ownership = handover.ownership(store.engine, conversation_id)
    c, t = _CONVERSATIONS.c, _TURNS.c
    with store.engine.connect() as connection:
        staff = connection.execute(select(c.owner_staff).where(c.id == conversation_id)).scalar()
        columns = (t.number, t.outcome, t.intent, t.confidence)
        rows = connection.execute(select(*columns).where(t.conversation_id == conversation_id)).all()
    turns = {row.number: _facts(row.outcome, row.intent, row.confidence) for row in rows}
    return Talk(ownership, staff, store.said_after(conversation_id, 0), turns)


def _facts(outcome: str | None, intent: dict[str, object] | None, confidence: float | None) -> TurnFacts:
    known = intent or {}
    name, sure = known.get("name"), known.get("confidence")
    return TurnFacts(outcome, cast("str | None", name), cast("float | None", sure), confidence)
