"""The errors of this package, by name.

HelpdeskError (core)
├── EnrollmentError           the backend gave no usable answer; nothing is known of the case
│   ├── UnavailableError      not reached, hung up, or 5xx
│   │   ├── TooSlowError      not reached, or no full reply, in time
│   │   ├── OpenCircuitError  it failed too often just now and was not asked
│   │   └── CrowdedError      all of our own connections are in use; says nothing of the backend
│   ├── RefusedError          401 or 403: our key or signature was refused
│   ├── MalformedError        not the contract: wrong schema, type or status, not JSON, truncated, too long
│   │   └── UnknownPathError  404 to a call that must exist
│   ├── ThrottledError        429
│   ├── BehindError           a step that was announced is not in what the backend says of the application yet
│   └── NotOfferedError       the mapping says that this backend has no such thing
├── SignatureError            a signed request is refused
│   ├── UnsignedError         a header is missing or not of its form
│   ├── UnknownKeyError       signed with a key that we do not know
│   ├── StaleError            its time is too far from ours
│   ├── ForgedError           the signature is not that of this request
│   └── ReplayedError         the same request came before
└── StatesError               `states.yml` breaks a rule; the start stops

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


class TooSlowError(UnavailableError):
    """The backend was not reached, or did not reply in full, in time."""


class OpenCircuitError(UnavailableError):
    """The backend failed too often just now; it was left in peace, and the caller did not have to wait."""


class CrowdedError(UnavailableError):
    """All of our own connections to the backend were in use for too long."""


class RefusedError(EnrollmentError):
    """The backend refused our key or signature; operators have to act, a retry can't help."""


class MalformedError(EnrollmentError):
    """The reply is not what the contract says; it is not used, not even in part."""


class UnknownPathError(MalformedError):
    """The backend knows no such path, though every call of the mapping must exist."""


class ThrottledError(EnrollmentError):
    """The backend asks for fewer calls.

    Args:
        message: what happened.
        retry_after: seconds to wait as the backend said, or `None` where it did not say so in seconds.

    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BehindError(EnrollmentError):
    """A step that the backend announced is not in its reply yet; raised by who tells of the step."""


class NotOfferedError(EnrollmentError):
    """The mapping says that this backend does not serve the city, tells no changes, or verifies nobody."""


class SignatureError(HelpdeskError):
    """A signed request is refused; over HTTP this is 401, and the caller is told no more than the kind."""


class UnsignedError(SignatureError):
    """A header of the signature is missing or not of its form."""


class UnknownKeyError(SignatureError):
    """The request names a key that is not ours."""


class StaleError(SignatureError):
    """The request's time is too far from ours."""


class ForgedError(SignatureError):
    """The signature does not fit: another key, or a part of the request was changed."""


class ReplayedError(SignatureError):
    """A request with this nonce was accepted before; raised by who keeps the nonces."""


class StatesError(HelpdeskError):
    """`states.yml` breaks a rule; the message names the file, the place and the reason."""
