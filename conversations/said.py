"""The one place where messages become rows of what was said, and their options rows of what was offered."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, Update, insert, update

from conversations.reply import Message, OptionsMessage
from conversations.tables import ConversationRow, OfferedRow, SaidRow
from core.errors import NotFoundError

_SAID, _OFFERED = (cast("Table", row.__table__) for row in (SaidRow, OfferedRow))
_CONVERSATIONS = cast("Table", ConversationRow.__table__)


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


def hold(connection: Connection, conversation_id: str) -> None:
    """Keep the conversation's row from others until the transaction ends; a ticket's row is held after it, not before.

    Raises:
        NotFoundError: there is no such conversation.
    """
    if not connection.execute(_more(conversation_id, 0)).rowcount:
        raise NotFoundError("没有这个会话，请重新开始。")


def say_aside(connection: Connection, conversation_id: str, author: str, message: Message, *, at: datetime) -> None:
    """Keep something that was said outside of any turn, in a conversation that the transaction holds."""
    counted = _more(conversation_id, 1).returning(_CONVERSATIONS.c.last_seq)
    last = int(connection.execute(counted).scalar_one())
    keep_said(connection, conversation_id, author, last, [message.model_dump(mode="json")], at=at)


def _more(conversation_id: str, count: int) -> Update:
    mine = update(_CONVERSATIONS).where(_CONVERSATIONS.c.id == conversation_id)
    return mine.values(last_seq=_CONVERSATIONS.c.last_seq + count)


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
