"""Half a question: a message that needs the one before.

「那奶奶名下的呢」 says nothing alone, and 「怎么注册」 nothing more with what came before. A message is read with the
one before only if that makes the answer surer, and it says by its form that it goes on, or is too short to say
anything else, or leads to the same entry both ways without being clear by itself. One that looks like the known
unanswerable questions stays unanswered, whatever came before. A logistic function of the same scores, fitted to 420
follow-ups, was worse on another 128 (100 right, the rule 121). Training on 562 pairs of messages as one text led fewer
follow-ups wrong (3.5 to 2.7 %), but cost two questions in one 2.8 % and single questions 0.8 %: not kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from retrieval.judge import Judgement

LONGEST = 26
_SHORT = 8
_NONE_ALONE = 0.955
_SURE = 0.85
_LEANS = re.compile(
    r"^(那|那么|如果|要是|假如|万一|可是|可|但是|但|不过|然后|换成|改成|它|他|她|这个|这种|这样|就是|只|也|反过来|不是"
    r"|还|后面|我的|我这)"
    r"|(呢|也行|一样|咋办|咋弄)[吗么]?[?]*$"
)


def leans(text: str) -> bool:
    """Whether the form of a message (normal form) says that it goes on from the one before."""
    return len(text) <= LONGEST and bool(_LEANS.search(text))


def in_context(alone: Judgement, before: str, search: Callable[[str], Judgement]) -> Judgement:
    """Return what a message comes to: by itself or, only if it can't stand alone, with the message before.

    Args:
        alone: what the message comes to by itself.
        before: the message before.
        search: judges a text in the same city.
    """
    goes_on = len(alone.text) <= _SHORT or leans(alone.text)
    sure = alone.decision == "answer" and (alone.confidence >= _SURE or not goes_on)
    if sure or len(alone.text) > LONGEST:
        return alone
    together = search(f"{before} {alone.text}")
    same = alone.best == together.best and alone.decision == "clarify"
    needed = same or (goes_on and alone.none <= _NONE_ALONE)
    return together if needed and together.confidence > alone.confidence else alone
