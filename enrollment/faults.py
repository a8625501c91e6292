"""What each fault of the wire is called: httpx's exceptions and HTTP's statuses become this package's errors, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from enrollment.errors import (
    CrowdedError,
    EnrollmentError,
    MalformedError,
    RefusedError,
    ThrottledError,
    TooSlowError,
    UnavailableError,
    UnknownPathError,
)

NAMED: dict[type[Exception], type[EnrollmentError]] = {
    httpx.HTTPError: UnavailableError,
    httpx.RequestError: UnavailableError,
    httpx.TransportError: UnavailableError,
    httpx.TimeoutException: TooSlowError,
    httpx.ConnectTimeout: TooSlowError,
    httpx.ReadTimeout: TooSlowError,
    httpx.WriteTimeout: TooSlowError,
    httpx.PoolTimeout: CrowdedError,
    httpx.NetworkError: UnavailableError,
    httpx.ConnectError: UnavailableError,
    httpx.ReadError: UnavailableError,
    httpx.WriteError: UnavailableError,
    httpx.CloseError: UnavailableError,
    httpx.ProxyError: UnavailableError,
    httpx.UnsupportedProtocol: UnavailableError,
    httpx.InvalidURL: UnavailableError,
    httpx.LocalProtocolError: UnavailableError,
    httpx.ProtocolError: MalformedError,
    httpx.RemoteProtocolError: MalformedError,
    httpx.DecodingError: MalformedError,
    httpx.TooManyRedirects: MalformedError,
    httpx.HTTPStatusError: MalformedError,
    httpx.CookieConflict: MalformedError,
}
"""Every exception of httpx that a backend or a setting can cause."""

SLIPS: tuple[type[Exception], ...] = (
    httpx.StreamError,
    httpx.StreamConsumed,
    httpx.StreamClosed,
    httpx.ResponseNotRead,
    httpx.RequestNotRead,
)
"""What only a slip in our own code can cause; left to surface."""

PASSING_ERRORS = (httpx.NetworkError, httpx.ConnectTimeout)
PASSING_STATUSES = frozenset({502, 503, 504})
HUNG_UP = "Server disconnected"


@contextmanager
def named_faults() -> Iterator[None]:
    """Turn httpx's exceptions into this package's errors."""
    try:
        yield
    except tuple(NAMED) as error:
        raise _named(error) from error


def _named(error: Exception) -> EnrollmentError:
    # httpx has one class for "hung up before it replied" and "broke off within its reply"; only the words differ.
    hung_up = isinstance(error, httpx.RemoteProtocolError) and str(error).startswith(HUNG_UP)
    kind = UnavailableError if hung_up else NAMED[type(error)]
    message = f"enrolment backend: {type(error).__name__}; check HELPDESK_ENROLLMENT_URL and that it runs"
    if kind is CrowdedError:
        return CrowdedError("enrolment backend: all our connections are in use; HELPDESK_ENROLLMENT_CONNECTIONS")
    if issubclass(kind, UnavailableError):
        return kind(message, passing=hung_up or isinstance(error, PASSING_ERRORS))
    return kind(message)


def refuse_status(response: httpx.Response) -> None:
    """Raise the error that stands for the response's status, unless it is 200."""
    status = response.status_code
    if status == 200:
        return
    if status in (401, 403):
        raise RefusedError(
            f"enrolment backend: {status}, our key or signature was refused; check HELPDESK_ENROLLMENT_KEY, "
            "HELPDESK_ENROLLMENT_SIGNING with its key, and the clock"
        )
    if status == 404:
        raise UnknownPathError(
            "enrolment backend: 404, it knows no such path; check HELPDESK_ENROLLMENT_URL and the mapping"
        )
    if status == 429:
        raise ThrottledError("enrolment backend: 429, too many calls", retry_after=_seconds(response))
    if status >= 500:
        raise UnavailableError(f"enrolment backend: it failed with {status}", passing=status in PASSING_STATUSES)
    raise MalformedError(f"enrolment backend: status {status}, only 200 is expected; check HELPDESK_ENROLLMENT_URL")


def _seconds(response: httpx.Response) -> float | None:
    given = response.headers.get("Retry-After", "").strip()
    return float(given) if given.isascii() and given.isdigit() and len(given) < 7 else None
