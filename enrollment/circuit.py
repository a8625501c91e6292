"""Leave a backend in peace that does not answer, and spare parents the wait.

The state machine is `circuitbreaker`'s: BSD, one file, a monotonic clock, a free choice of what counts, and works on
coroutines. `pybreaker` 1.4.1 knows no asyncio; `purgatory` 3.0.1 is made for asyncio, but counts by the wall clock and,
while open, raises one and the same exception again and again, whose traceback grows with each. What `circuitbreaker`
leaves open stands here: while half open only one look-up goes through, and what tells nothing changes nothing.

What counts as a failure is `UnavailableError`: not reached, hung up, too slow, 5xx. 401, 404, 429 and malformed replies
do not count, they even close the circuit: the backend answered, in time; waiting longer mends none of them, and behind
an open circuit their own names, which tell operators what to do, would be lost. A cancelled look-up and a lack of our
own connections (`CrowdedError`) tell nothing of the backend.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Literal, TypeVar

from circuitbreaker import STATE_HALF_OPEN, CircuitBreaker

from enrollment.errors import CrowdedError, EnrollmentError, OpenCircuitError, UnavailableError

T = TypeVar("T")


class Circuit:
    """One circuit of one process; not for threads.

    Args:
        failures: look-ups in a row that have to fail until it opens, at least 1.
        seconds: how long it stays open until one look-up is let through, over 0.

    """

    def __init__(self, failures: int, seconds: float) -> None:
        self._breaker = _Breaker(failures, seconds, UnavailableError, name="enrolment backend")
        self._failures, self._seconds = failures, seconds
        self._trying = False

    @property
    def open(self) -> bool:
        """Whether a look-up would be refused at this moment."""
        return bool(self._breaker.opened) or self._trying

    async def call(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what `ask()` does, and learn from how it ended.

        Raises:
            OpenCircuitError: it is open; `ask` was not called.

        """
        if self.open:
            raise OpenCircuitError(
                f"enrolment backend: not asked, {self._failures} look-ups in a row failed; "
                f"asked again {self._seconds:g} s after the last of them"
            )
        trying = self._breaker.state == STATE_HALF_OPEN
        self._trying = trying
        try:
            with self._breaker:
                return await ask()
        finally:
            if trying:
                self._trying = False


class _Breaker(CircuitBreaker):  # type: ignore[misc]
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        answered = isinstance(error, EnrollmentError) and not isinstance(error, CrowdedError)
        if error is None or answered:
            super().__exit__(kind, error, trace)
        return False
