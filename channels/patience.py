"""What fails is tried again, later each time, so that it costs neither the others their turn nor a server its peace."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable
from math import inf
from typing import TypeVar

from cachetools import TTLCache

K = TypeVar("K", bound=Hashable)
_THINGS, _REMEMBERED = 10_000, 24 * 3600


class Patience:
    """How long each thing that failed has to wait.

    Args:
        first: pause after a first failure, in seconds; it doubles with each.
        longest: longest of these pauses.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._failed: TTLCache[Hashable, tuple[float, float]] = TTLCache(_THINGS, _REMEMBERED)

    def due(self, things: Iterable[K]) -> list[K]:
        """Return what may be tried now, what never failed before what often did; else in the given order."""
        now = time.monotonic()
        known = {thing: self._failed.get(thing, (0.0, -inf)) for thing in things}
        return sorted((thing for thing, (_, until) in known.items() if until <= now), key=lambda thing: known[thing][0])

    def failed(self, thing: Hashable) -> None:
        """Note that a thing failed."""
        last, _ = self._failed.get(thing, (0.0, -inf))
        pause = min(self._longest, 2 * last or self._first)
        self._failed[thing] = (pause, time.monotonic() + pause)

    def done(self, thing: Hashable) -> None:
        """Forget that a thing ever failed."""
        self._failed.pop(thing, None)
