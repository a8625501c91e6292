"""Which questions a message holds: one, two in one, or half of one that needs the message before."""

from __future__ import annotations

import re

_BREAK = re.compile(
    r"[。!?;\n]+|[,,、 ]*(?:还有一个问题|还有个问题|还有个事|还想问|再问一下|再问|顺便问一下|顺便问|顺便|另外|还有就是|以及|还有|然后|再就是|同时)[,,:]?|[,,]"
)
_LEANS = re.compile(
    r"^(那|那么|如果|要是|假如|万一|可是|但是|但|不过|然后|还有|所以|因为|就是|比如|换成|改成|也|这个|这种|这样|它|他|她|要|能|会|可以|必须|一定)"
    r"|(呢|的呢|也行吗|也可以吗|也一样吗|行不行|可以不|得行不|中不中)$"
)
_SHORTEST = 4
_LONGEST_FOLLOW_UP = 26


def parts_of(text: str) -> list[str]:
    """Return the pieces of a message (normal form) that might each be a question; one piece means no split.

    >>> parts_of("刷脸查不到娃,另外购房合同传哪几页")
    ['刷脸查不到娃', '购房合同传哪几页']
    """
    return [piece for piece in (p.strip() for p in _BREAK.split(text)) if len(piece) >= _SHORTEST]


def splits_of(text: str) -> list[tuple[str, str]]:
    """Return every way to cut the message into a first and a second half between its pieces."""
    spans: list[int] = []
    for found in _BREAK.finditer(text):
        spans.append(found.start())
    cuts = [(text[:at].strip(" ,;。!?"), _BREAK.sub("", text[at:], count=1).strip(" ,;。!?")) for at in spans]
    return [(a, b) for a, b in cuts if len(a) >= _SHORTEST and len(b) >= _SHORTEST]


def may_lean(text: str) -> bool:
    """Whether a message (normal form) could be half of a question that began with the message before."""
    return len(text) <= _LONGEST_FOLLOW_UP


def leans(text: str) -> bool:
    """Whether its form says that it goes on from the message before."""
    return len(text) <= _LONGEST_FOLLOW_UP and bool(_LEANS.search(text))
