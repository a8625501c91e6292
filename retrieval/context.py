"""Half a question: a message that needs the one before.

「那奶奶名下的呢」 says nothing alone, and 「怎么注册」 nothing more with what came before. A message may be read
with the one before only if it can't stand alone: it says by its form that it goes on, or is too short to say anything
else, or leads to the same entry both ways without being clear by itself. Whether an entry answers a message that goes
on is judged anew, since words that say little beside a clear message before would lead to that message's answer
whatever they ask: by a logistic function of what the message, the one before and both together come to. Its weights and
thresholds are data: `context.yml`, fitted to pairs of messages (`knowledge/follow_ups/`) that nothing else is trained
on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval.judge import Candidate, Judgement, Thresholds, is_bare_word
from retrieval.logistic import Logistic
from retrieval.normalise import normalise

CONTEXT_FILE = Path(__file__).parent / "context.yml"
FEATURES = (
    "alone",
    "together",
    "before",
    "best_together",
    "best_before",
    "surest_alone",
    "surest_before",
    "none_alone",
    "rival_alone",
    "rival_together",
    "leans",
    "again_length",
)
LONGEST = 26
_SHORT = 8
_SURE = 0.85
_BEYOND_DOUBT = 0.6
"""From which confidence a message that has a likeliest entry of its own is answered with another."""
_LEANS = re.compile(
    r"^(那|那么|如果|要是|假如|万一|可是|可|但是|但|不过|然后|换成|改成|它|他|她|这个|这种|这样|就是|只|也|反过来|不是"
    r"|还|后面|我的|我这)"
    r"|(呢|也行|一样|咋办|咋弄)[吗么]?[?]*$"
)
SearchAll = Callable[[Sequence[str]], list[Judgement]]


class ContextConfig(Logistic):
    """What `helpdesk tune` wrote: the weights, the thresholds and the run that chose them."""

    run: dict[str, str | int | float]
    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message, the one before and both together come to in one city."""

    alone: Judgement
    before: Judgement
    together: Judgement

    @property
    def entries(self) -> list[str]:
        """The entries that may answer: the nearest of each view, each once."""
        nearest = (*self.together.candidates[:2], *self.alone.candidates[:2], *self.before.candidates[:1])
        return list(dict.fromkeys(candidate.entry_id for candidate in nearest))

    def features(self, entry: str) -> tuple[float, ...]:
        """Return the values of `FEATURES` for one entry; confidences as log odds."""
        alone, before, together = self.alone, self.before, self.together
        again = entry == before.best
        return (
            _log_odds(_confidence(alone, entry)),
            _log_odds(_confidence(together, entry)),
            _log_odds(_confidence(before, entry)),
            float(entry == together.best),
            float(again),
            _log_odds(alone.confidence),
            _log_odds(before.confidence),
            _log_odds(alone.none),
            _rival(alone, entry),
            _rival(together, entry),
            float(leans(alone.text)),
            float(again * len(alone.text)),
        )


def load_context(path: Path = CONTEXT_FILE) -> ContextConfig:
    """Load the weights that were tuned last.

    Raises:
        ModelMissingError: they were made for other features.
    """
    return ContextConfig.load(path, FEATURES)


def goes_on(text: str) -> bool:
    """Whether a message (normal form) may go on from the one before: it leans, or is too short to say anything else."""
    return len(text) <= _SHORT or leans(text)


def leans(text: str) -> bool:
    """Whether the form of a message (normal form) says that it goes on from the one before."""
    return len(text) <= LONGEST and bool(_LEANS.search(text))


def reading_of(alone: Judgement, before: str, search_all: SearchAll) -> Reading | None:
    """Return how a message reads with the one before, or None if by its form it does not go on or stands alone.

    Args:
        alone: what the message comes to by itself.
        before: the message before.
        search_all: judges several texts in the same city.
    """
    if not goes_on(alone.text) or (alone.decision == "answer" and alone.confidence >= _SURE):
        return None
    return Reading(alone, *search_all([before, f"{before} {alone.text}"]))


def in_context(alone: Judgement, before: str, search_all: SearchAll, config: ContextConfig) -> Judgement:
    """Return what a message comes to: by itself or, only if it can't stand alone, with the message before.

    Words that stood in the message before are no surer for being said twice.
    """
    if alone.text in normalise(before):
        return alone
    reading = reading_of(alone, before, search_all)
    if reading:
        return judged(reading, config)
    if alone.decision == "clarify" and len(alone.text) <= LONGEST:
        (together,) = search_all([f"{before} {alone.text}"])
        if together.best == alone.best and together.confidence > alone.confidence:
            return together
    return alone


def judged(reading: Reading, config: ContextConfig) -> Judgement:
    """Judge the entries that may answer a message read with the one before."""
    together = reading.together
    views = (reading.before, reading.alone, together)
    known = {c.entry_id: c.features for view in views for c in view.candidates}
    candidates = [Candidate(entry, config.chance(reading.features(entry)), known[entry]) for entry in reading.entries]
    candidates.sort(key=lambda candidate: -candidate.confidence)
    decision = config.thresholds.decide(candidates[0].confidence) if candidates else "none"
    if decision == "answer" and (is_bare_word(reading.alone.text) or _strays(reading.alone, candidates[0])):
        decision = "clarify"
    return Judgement(decision, tuple(candidates), together.text)


def _strays(alone: Judgement, best: Candidate) -> bool:
    """Whether a message that points to an entry by itself would, not beyond doubt, be answered with another."""
    return alone.decision == "clarify" and best.entry_id != alone.best and best.confidence < _BEYOND_DOUBT


def _confidence(judgement: Judgement, entry: str) -> float:
    return next((c.confidence for c in judgement.candidates if c.entry_id == entry), 0.0)


def _rival(judgement: Judgement, entry: str) -> float:
    return max((c.confidence for c in judgement.candidates if c.entry_id != entry), default=0.0)


def _log_odds(chance: float) -> float:
    return math.log((chance + 1e-3) / (1 - chance + 1e-3))
