"""The errors of this package, by name.

HelpdeskError (core)
├── EnrollmentError         the backend gave no usable answer; nothing is known of the case
│   ├── UnavailableError    not reached, hung up, too slow, or 5xx
│   ├── RefusedError        401 or 403: our key was refused
│   ├── MalformedError      not the contract: wrong schema, type or status, not JSON, truncated, too long
│   └── ThrottledError      429
└── StatesError             `states.yml` breaks a rule; the start stops

Messages name the fault and the way out; they never hold a guardian, a name, a state or the key.
"""

from __future__ import annotations

from core.errors import HelpdeskError


class EnrollmentError(HelpdeskError):
    """The enrolment backend gave no usable answer."""


class UnavailableError(EnrollmentError):
    """The backend was not reached, hung up, took too long, or failed inside.

    Args:
        message: what happened and what to look at.
        passing: whether a second try of a read at once may succeed (connection lost, 502, 503, 504).

    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class RefusedError(EnrollmentError):
    """The backend refused our key; operators have to act, a retry can't help."""


class MalformedError(EnrollmentError):
    """The reply is not what the contract says; it is not used, not even in part."""


class ThrottledError(EnrollmentError):
    """The backend asks for fewer calls.

    Args:
        message: what happened.
        retry_after: seconds to wait as the backend said, or `None` where it did not say so in seconds.

    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StatesError(HelpdeskError):
    """`states.yml` breaks a rule; the message names the file, the place and the reason."""
