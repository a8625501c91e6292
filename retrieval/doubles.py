"""Two questions in one message.

Many a story has a clause that looks like another question, and many a double question has neither comma nor 「还有」.
So a message counts as two questions only if, as a whole, it is no unanswerable one, comes near to two entries and to
no third, and falls into two halves of which each comes near to one of the two. How near is judged by a logistic
function of a few features; its weights and threshold are data beside the judge's.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jieba
from pydantic import Field

from retrieval.judge import Candidate, Judgement
from retrieval.logistic import Logistic

jieba.setLogLevel(logging.WARNING)

DOUBLE_FILE = Path(__file__).parent / "double.yml"
FEATURES = (
    "second_over_third",
    "nearness_of_first",
    "nearness_of_second",
    "surer_half",
    "unsurer_half",
    "separation",
    "shorter_half",
    "mark",
    "confidence_of_whole",
)
LEAST_GAP = 1.5
_ALSO = (
    "还有一个问题|还有个问题|还有个事|还想问|再问一下|再问|顺便问一下|顺便问|顺便|另外|"
    "还有就是|以及|还有|然后|再就是|同时"
)
_MARK = re.compile(rf"[。!?;\n]+|[,、 ]*(?:{_ALSO})[,:]?|[, ]")
_EDGE = " ,;。!?、:"
_SHORTEST = 4
_LONGEST = 120
_FEWEST = 3  # candidates: two to answer with, one to be far from
_SearchAll = Callable[[Sequence[str]], list[Judgement]]


class DoubleConfig(Logistic):
    """What `helpdesk tune` wrote: weights and run; a message is two questions from `threshold` on, in [0, 1]."""

    run: dict[str, str | int | float]
    threshold: float = Field(ge=0, le=1)


@dataclass(frozen=True, slots=True)
class Split:
    """A message cut in two, with what each half comes to; `features` are those of `FEATURES`."""

    halves: tuple[Judgement, Judgement]
    features: tuple[float, ...]

    def fits(self, whole: Judgement) -> bool:
        """Whether both halves can be answered; they must be beyond doubt where the whole message is not."""
        decisions = {half.decision for half in self.halves}
        return decisions == {"answer"} if whole.decision != "answer" else "none" not in decisions


def load_double(path: Path = DOUBLE_FILE) -> DoubleConfig:
    """Load the weights that were tuned last.

    Raises:
        ModelMissingError: they were made for other features.
    """
    return DoubleConfig.load(path, FEATURES)


def best_split(whole: Judgement, search_all: _SearchAll, config: DoubleConfig) -> Split | None:
    """Return the likeliest way to cut a message into two questions, or None if it can't be two.

    Args:
        whole: what the whole message came to; its `text` is in normal form.
        search_all: judges several texts of the same city.
        config: says which of several ways is the likeliest.
    """
    near = sorted(whole.candidates, key=_nearness, reverse=True)
    if whole.decision == "none" or len(near) < _FEWEST or len(whole.text) > _LONGEST:
        return None
    if _nearness(near[1]) - _nearness(near[2]) < LEAST_GAP:
        return None
    for cut, mark in ((splits_of, 1.0), (cuts_of, 0.0)):
        halves = [half for pair in cut(whole.text) for half in pair]
        judged = search_all(halves) if halves else []
        pairs = zip(judged[::2], judged[1::2], strict=True)
        nearest = {candidate.entry_id for candidate in near[:2]}
        found = [_split(whole, near, a, b, mark) for a, b in pairs if {a.best, b.best} == nearest]
        if found:
            return max(found, key=lambda split: config.chance(split.features))
    return None


def splits_of(text: str) -> list[tuple[str, str]]:
    """Return every way to cut a message (normal form) at a mark or a joining word.

    >>> splits_of("刷脸查不到娃,另外购房合同传哪几页")
    [('刷脸查不到娃', '购房合同传哪几页')]
    """
    found = _MARK.finditer(text)
    return _long_enough((text[: mark.start()], text[mark.end() :]) for mark in found)


def cuts_of(text: str) -> list[tuple[str, str]]:
    """Return every way to cut a message (normal form) between two words."""
    ends = [end for _, _, end in jieba.tokenize(text)]
    return _long_enough((text[:end], text[end:]) for end in ends)


def _long_enough(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    trimmed = ((a.strip(_EDGE), b.strip(_EDGE)) for a, b in pairs)
    return [(a, b) for a, b in trimmed if len(a) >= _SHORTEST and len(b) >= _SHORTEST]


def _split(whole: Judgement, near: list[Candidate], first: Judgement, second: Judgement, mark: float) -> Split:
    halves = (first, second) if first.best == near[0].entry_id else (second, first)
    confidences = sorted(half.confidence for half in halves)
    lengths = [len(half.text) for half in halves]
    return Split(
        halves,
        (
            min(_nearness(near[1]) - _nearness(near[2]), 8.0),
            _nearness(near[0]),
            _nearness(near[1]),
            confidences[1],
            confidences[0],
            min(_separation(half) for half in halves),
            min(*lengths, 12) / 12,
            mark,
            whole.confidence,
        ),
    )


def _separation(half: Judgement) -> float:
    """How much nearer a half is to its own entry than to any other; at most 8."""
    own = next(_nearness(c) for c in half.candidates if c.entry_id == half.best)
    others = [_nearness(c) for c in half.candidates if c.entry_id != half.best]
    return min(own - max(others, default=own), 8.0)


def _nearness(candidate: Candidate) -> float:
    return candidate.features["log_p_characters"] + candidate.features["log_p_sounds"]
