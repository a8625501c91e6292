"""The one place where messages become rows of what was said, and their options rows of what was offered."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, insert

from conversations.reply import Message, OptionsMessage
from conversations.tables import OfferedRow, SaidRow

_SAID, _OFFERED = (cast("Table", row.__table__) for row in (SaidRow, OfferedRow))


def keep_said(
    connection: Connection,
    conversation_id: str,
    author: str,
    last: int,
    shown: Sequence[dict[str, Any]],
    *,
    at: datetime,
    turn: int = 0,
) -> None:
    """Keep messages, whose last has the number `last`: the one that the conversation's row has just been given.

    Args:
        connection: the transaction that numbered them.
        conversation_id: where they were said.
        author: `parent`, `bot` or `person`.
        last: number of the last one in the conversation.
        shown: the messages as JSON; none is fine.
        at: when.
        turn: the turn to which they belong, 0 for none.
    """
    same = {"conversation_id": conversation_id, "turn": turn, "author": author, "at": at}
    first = last - len(shown) + 1
    rows = [{**same, "seq": seq, "message": message} for seq, message in enumerate(shown, start=first)]
    if rows:
        connection.execute(insert(_SAID), rows)


def offered_in(conversation_id: str, messages: Sequence[Message], turn: int = 0) -> list[dict[str, Any]]:
    """Give every option of the messages its payload, and return what the server must remember of each."""
    offered = []
    for message in messages:
        for option in message.options if isinstance(message, OptionsMessage) else []:
            option.payload = secrets.token_urlsafe(12)
            choice = option.choice.model_dump(exclude_none=True) if option.choice else {}
            same = {"conversation_id": conversation_id, "turn": turn}
            offered.append({**same, "payload": option.payload, "label": option.label, "choice": choice})
    return offered


def keep_offered(connection: Connection, offered: Sequence[dict[str, Any]]) -> None:
    """Keep what options stand for; none is fine."""
    if offered:
        connection.execute(insert(_OFFERED), list(offered))
