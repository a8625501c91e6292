"""How far the open pages of conversations have read, in the memory of this process."""

from __future__ import annotations

from collections import OrderedDict

_MOST = 20_000
"""Conversations that are remembered; those that read longest ago are forgotten."""


class Reading:
    """What was sent to the pages of each conversation, or asked for past, by its number."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._read: OrderedDict[str, int] = OrderedDict()

    def note(self, conversation_id: str, seq: int) -> None:
        """Note that a page has everything up to a number."""
        self._read[conversation_id] = max(seq, self._read.get(conversation_id, 0))
        self._read.move_to_end(conversation_id)
        if len(self._read) > self._most:
            self._read.popitem(last=False)

    def has_read(self, conversation_id: str, seq: int) -> bool:
        """Whether a page is known to have everything up to a number."""
        return self._read.get(conversation_id, 0) >= seq
