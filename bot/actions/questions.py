"""Whether a message is only half a question, which needs the message before."""

from __future__ import annotations

import re

_LEANS = re.compile(
    r"^(那|那么|如果|要是|假如|万一|可是|但是|但|不过|然后|换成|改成|它|他|她|这个|这种|这样|就是|只|也|反过来|不是)"
    r"|(呢|也行|一样)[吗么]?[?]*$"
)
LONGEST_FOLLOW_UP = 26
NONE_ALONE = 0.9


def leans(text: str) -> bool:
    """Whether the form of a message (normal form) says that it goes on from the one before."""
    return len(text) <= LONGEST_FOLLOW_UP and bool(_LEANS.search(text))
