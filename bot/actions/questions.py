"""Which questions a message holds: one, two in one, or half of one that needs the message before."""

from __future__ import annotations

import re

_ALSO = (
    "还有一个问题|还有个问题|还有个事|还想问|再问一下|再问|顺便问一下|顺便问|顺便|另外|"
    "还有就是|以及|还有|然后|再就是|同时"
)
_BREAK = re.compile(rf"[。!?;\n]+|[,、 ]*(?:{_ALSO})[,:]?|[,]")
_LEANS = re.compile(
    r"^(那|那么|如果|要是|假如|万一|可是|但是|但|不过|然后|换成|改成|它|他|她|这个|这种|这样|就是|只|也|反过来|不是)"
    r"|(呢|也行|一样)[吗么]?[?]*$"
)
_SHORTEST = 4
LONGEST_FOLLOW_UP = 26
NONE_ALONE = 0.9


def splits_of(text: str) -> list[tuple[str, str]]:
    """Return every way to cut a message (normal form) into a first and a second half that could be questions.

    >>> splits_of("刷脸查不到娃,另外购房合同传哪几页")
    [('刷脸查不到娃', '购房合同传哪几页')]
    """
    spans = [found.start() for found in _BREAK.finditer(text)]
    cuts = [(text[:at].strip(" ,;。!?"), _BREAK.sub("", text[at:], count=1).strip(" ,;。!?")) for at in spans]
    return [(a, b) for a, b in cuts if len(a) >= _SHORTEST and len(b) >= _SHORTEST]


def leans(text: str) -> bool:
    """Whether the form of a message (normal form) says that it goes on from the one before."""
    return len(text) <= LONGEST_FOLLOW_UP and bool(_LEANS.search(text))
