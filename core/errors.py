"""The tree of errors.

HelpdeskError
├── SettingsError          a setting is wrong; the start stops
├── KnowledgeError         a source or an entry is wrong; names file, entry and reason
├── ModelMissingError      a trained model or index is not on disk, or does not fit the entries
├── RasaUnavailableError   Rasa is down, slow, or its action failed
└── ApiError               has an HTTP status and a code
    ├── NotAuthenticatedError   401
    ├── TokenRejectedError      401
    ├── SignatureRejectedError  401
    ├── ForbiddenError          403
    ├── NotFoundError           404
    ├── ConflictError           409
    ├── BusyError               409
    ├── VersionConflictError    409
    ├── IllegalTransitionError  409
    ├── StaleFenceError         409
    ├── UnknownOptionError      422
    ├── MalformedRequestError   422
    ├── FileRefusedError        422
    ├── TooLargeError           413
    ├── TooManyRequestsError    429
    └── UnavailableError        503
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class HelpdeskError(Exception):
    """Anything that this product raises on purpose."""


class SettingsError(HelpdeskError):
    """A setting has a value that cannot be used; the message names it."""


class KnowledgeError(HelpdeskError):
    """A source or entry breaks a rule; the message names file, entry and reason."""


class ModelMissingError(HelpdeskError):
    """A model or index is missing or stale; the message says which command makes it."""


class RasaUnavailableError(HelpdeskError):
    """Rasa did not answer in time, or did so without a result."""


class ApiError(HelpdeskError):
    """An error with a place in the HTTP API.

    Args:
        message: what went wrong and what to do, in Chinese, as the caller may show it.
        details: values that help a program; never personal data.
    """

    status = 500
    code = "internal_error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class NotAuthenticatedError(ApiError):
    """No, or a wrong, conversation secret or staff token."""

    status, code = 401, "not_authenticated"


class TokenRefusal(StrEnum):
    """Why a parent's token was refused: counted by these names, never told to the caller."""

    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown_key"
    KEYS_UNAVAILABLE = "keys_unavailable"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    TOO_LONG_LIVED = "too_long_lived"
    CLAIMS = "claims"
    REPLAYED = "replayed"
    OTHER_GUARDIAN = "other_guardian"


class TokenRejectedError(ApiError):
    """The host app's token was refused; whatever the reason, the caller is told the same."""

    status, code = 401, "token_rejected"

    def __init__(self, reason: TokenRefusal) -> None:
        super().__init__("登录凭证无效或已过期，请在应用里重新打开本页面。")
        self.reason = reason


class SignatureRejectedError(ApiError):
    """The signature of a system's call is missing, wrong, too old, or was used before."""

    status, code = 401, "signature_rejected"


class ForbiddenError(ApiError):
    """A known person without the role for this call."""

    status, code = 403, "forbidden"


class NotFoundError(ApiError):
    """What was asked for does not exist, or not for this caller."""

    status, code = 404, "not_found"


class ConflictError(ApiError):
    """The call does not fit the present state."""

    status, code = 409, "conflict"


class VersionConflictError(ApiError):
    """Somebody else changed the ticket first; `details` holds what it is now, what changed, and the caller's words."""

    status, code = 409, "version_conflict"


class IllegalTransitionError(ApiError):
    """A ticket's state, its holder or the caller's role does not allow the command."""

    status, code = 409, "illegal_transition"


class UnknownOptionError(ApiError):
    """A payload that was not offered in this conversation."""

    status, code = 422, "unknown_option"


class MalformedRequestError(ApiError):
    """A body that is not what the call asks for."""

    status, code = 422, "malformed_request"


class FileRefusedError(ApiError):
    """A file that is not kept: of another type, damaged, encrypted, too much, or refused by the scanner."""

    status, code = 422, "file_refused"


class TooLargeError(ApiError):
    """A body that is larger than the call takes; it was not read to its end."""

    status, code = 413, "too_large"


class UnavailableError(ApiError):
    """Something that the call needs does not answer; trying again later may do."""

    status, code = 503, "unavailable"


class TooManyRequestsError(ApiError):
    """A limit was reached; `details["retry_after"]` is in seconds."""

    status, code = 429, "too_many_requests"


class BusyError(ApiError):
    """Another message of this conversation is still being answered."""

    status, code = 409, "turn_in_progress"


class StaleFenceError(ApiError):
    """The conversation has another owner than the caller believes; `details` tell who owns it now, and the fence."""

    status, code = 409, "stale_fence"
