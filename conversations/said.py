"""The one place where messages become rows of what was said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, insert

from conversations.tables import SaidRow

_SAID = cast("Table", SaidRow.__table__)


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
