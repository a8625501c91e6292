"""The rules of verifying a caller, without input or output: what may happen next in a call, and what comes of it.

    nothing sent ──► code sent ──► verified      every state ends with the call
                      │  ▲  wrong, twice at most
                      └──┴──► locked, for the rest of the call, by the third wrong code of all codes that were sent

A step that asks the backend has two halves. The first counts it, before the backend is asked, so that two at once win
nothing; the second says what came of it, and gives back what was counted where the backend gave no answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.errors import HelpdeskError

MOST_CODES = 3
CODES_APART = timedelta(seconds=30)
MOST_WRONG = 3


class VerificationError(HelpdeskError):
    """A step that the rules do not allow now; nothing has changed."""


class NoReasonError(VerificationError):
    """Nobody looks up a case without a reason."""


class EndedError(VerificationError):
    """The call is over."""


class LockedError(VerificationError):
    """Too many wrong codes in this call."""


class NoMoreCodesError(VerificationError):
    """As many codes as a call may have were sent."""


class TooSoonError(VerificationError):
    """The last code was sent a moment ago; `seconds` is how long to wait, at least 1."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"the next code may be sent in {seconds} s")
        self.seconds = seconds


class NoCodeSentError(VerificationError):
    """There is no code that could be checked."""


class AlreadyVerifiedError(VerificationError):
    """The code was right before; there is nothing to check."""


class NotVerifiedError(VerificationError):
    """The caller is not verified: there is nothing to show."""


@dataclass(frozen=True, slots=True)
class Verification:
    """How far the caller of one call is verified.

    Args:
        code: the backend's id of the last code that was sent, asked for `city` with `reason`.
        last_sent: when a code was last sent or is being sent.
        codes_wrong: wrong codes and those that are being checked.
    """

    city: str = ""
    reason: str = ""
    code: str | None = None
    codes_sent: int = 0
    codes_wrong: int = 0
    last_sent: datetime | None = None
    verified: bool = False
    locked: bool = False
    ended: bool = False

    @property
    def tries_left(self) -> int:
        """How many wrong codes more lock the call, counting this one."""
        return max(0, MOST_WRONG - self.codes_wrong)


def begin_sending(state: Verification, reason: str, at: datetime) -> Verification:
    """Count a code that is about to be sent; also for another application, once one was verified.

    Raises:
        VerificationError: none may be sent now.
    """
    _check_open(state)
    if not reason:
        raise NoReasonError("a look-up needs a reason")
    if state.codes_sent >= MOST_CODES:
        raise NoMoreCodesError(f"{MOST_CODES} codes were sent in this call")
    if state.last_sent and at - state.last_sent < CODES_APART:
        raise TooSoonError(max(1, math.ceil((state.last_sent + CODES_APART - at).total_seconds())))
    return replace(state, codes_sent=state.codes_sent + 1, last_sent=at)


def sent(state: Verification, code: str, city: str, reason: str) -> Verification:
    """Take note of the code that was sent; it takes the place of the one before, and of being verified by that."""
    return replace(state, code=code, city=city, reason=reason, verified=False)


def not_sent(state: Verification, last_sent: datetime | None) -> Verification:
    """Give back a code that could not be sent; `last_sent` is when the one before was."""
    return replace(state, codes_sent=state.codes_sent - 1, last_sent=last_sent)


def begin_checking(state: Verification) -> Verification:
    """Count a code that is about to be checked as a wrong one.

    Raises:
        VerificationError: none can be checked now.
    """
    _check_open(state)
    if state.code is None:
        raise NoCodeSentError("no code was sent in this call")
    if state.verified:
        raise AlreadyVerifiedError("the caller is verified")
    return replace(state, codes_wrong=state.codes_wrong + 1)


def expects_code(state: Verification) -> bool:
    """Return whether a code that was sent can be checked."""
    try:
        begin_checking(state)
    except VerificationError:
        return False
    return True


def right(state: Verification, code: str) -> Verification:
    """Verify the caller, unless another code was sent meanwhile; `code` is the id of the one that was checked."""
    return replace(state, codes_wrong=state.codes_wrong - 1, verified=state.code == code and not state.locked)


def wrong(state: Verification) -> Verification:
    """Lock the call if that was one wrong code too many."""
    locked = state.locked or state.codes_wrong >= MOST_WRONG
    return replace(state, locked=locked, verified=state.verified and not locked)


def not_checked(state: Verification) -> Verification:
    """Give back a try to which the backend gave no answer."""
    return replace(state, codes_wrong=state.codes_wrong - 1)


def code_to_show(state: Verification) -> str:
    """Return the backend's id of the code by which the caller is verified.

    Raises:
        VerificationError: nothing may be shown.
    """
    _check_open(state)
    if not state.verified or state.code is None:
        raise NotVerifiedError("the caller is not verified")
    return state.code


def _check_open(state: Verification) -> None:
    if state.ended:
        raise EndedError("the call is over")
    if state.locked or state.codes_wrong >= MOST_WRONG:
        raise LockedError(f"{MOST_WRONG} wrong codes in this call")
