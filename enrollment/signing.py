"""Sign an HTTP request, or check a signed one: HMAC with SHA-256 (RFC 2104) or with SM3 (GB/T 32905, GM/T 0042).

What is signed is these five lines, joined by newlines, in UTF-8:

    the method, in capitals
    the path with its query, exactly as it stands in the request line
    the time, in unix seconds
    the nonce
    the body's digest in hex, by the hash that the algorithm uses

Four headers carry the rest: `X-Helpdesk-Key` (the key's id), `-Timestamp`, `-Nonce` and `-Signature` (hex). Whoever
accepts a request remembers its nonce for `NONCE_SECONDS`; that makes a copied request worthless.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, hmac
from pydantic import SecretStr

from core import clock
from core.errors import SettingsError
from core.settings import PREFIX, Settings
from enrollment.errors import ForgedError, StaleError, UnknownKeyError, UnsignedError

ALGORITHMS: dict[str, type[hashes.HashAlgorithm]] = {"hmac-sha256": hashes.SHA256, "hmac-sm3": hashes.SM3}
KEY, TIMESTAMP, NONCE, SIGNATURE = (f"X-Helpdesk-{name}" for name in ("Key", "Timestamp", "Nonce", "Signature"))
FORMS = {KEY: r"[!-~]{1,64}", TIMESTAMP: r"[0-9]{1,11}", NONCE: r"[A-Za-z0-9_-]{16,64}", SIGNATURE: r"[0-9a-f]{64}"}
MAX_SKEW = 300  # seconds, either way
NONCE_SECONDS = 2 * MAX_SKEW  # from the earliest to the latest moment at which one timestamp is accepted
MIN_KEY = 16  # bytes


@dataclass(frozen=True)
class Signer:
    """One shared key, to sign with and to check against.

    Args:
        algorithm: a name in `ALGORITHMS`.
        key: the shared secret, its UTF-8 bytes are the key, at least `MIN_KEY` of them; never shown.
        key_id: which key it is, 1 to 64 visible ASCII characters; travels with each request.

    Raises:
        ValueError: one of them can't be used, or the crypto library has no such hash.

    """

    algorithm: str
    key: SecretStr
    key_id: str

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"no such algorithm: {', '.join(ALGORITHMS)} are known")
        if len(self._key) < MIN_KEY:
            raise ValueError(f"the key has to have at least {MIN_KEY} characters")
        if not re.fullmatch(FORMS[KEY], self.key_id):
            raise ValueError("the key's id has to be 1 to 64 visible ASCII characters")
        try:
            mac(self.algorithm, self._key, b"")
        except UnsupportedAlgorithm as error:
            raise ValueError(f"this machine's crypto library has no {self.algorithm}") from error

    def headers(
        self, method: str, target: str, body: bytes, *, now: datetime | None = None, nonce: str | None = None
    ) -> dict[str, str]:
        """Return the headers that sign a request.

        Args:
            method: the HTTP method.
            target: path with query as sent, e.g. `/v1/changes?after=3`.
            body: the body's bytes as sent; empty for none.
            now: when it is sent, aware; by default the present.
            nonce: 16 to 64 characters of `A-Za-z0-9_-`, never used before; by default a random one.

        """
        seconds = str(int((now or clock.now()).timestamp()))
        nonce = nonce or secrets.token_urlsafe(18)
        signature = mac(self.algorithm, self._key, self._text(method, target, seconds, nonce, body)).hex()
        return {KEY: self.key_id, TIMESTAMP: seconds, NONCE: nonce, SIGNATURE: signature}

    def check(self, method: str, target: str, body: bytes, headers: Mapping[str, str], now: datetime) -> str:
        """Check a signed request and return its nonce, by which the caller refuses a replay.

        Args:
            method: the HTTP method.
            target: path with query as received.
            body: the body's bytes as received.
            headers: the request's headers; their names in any case.
            now: the present, aware.

        Raises:
            UnsignedError: a header is missing or not of its form.
            UnknownKeyError: another key's id.
            StaleError: the time is more than `MAX_SKEW` seconds from `now`.
            ForgedError: the signature is not that of this request.

        """
        given = {name.lower(): value for name, value in headers.items()}
        for name, form in FORMS.items():
            if not re.fullmatch(form, given.get(name.lower(), "")):
                raise UnsignedError(f"the request's {name} header is missing or not of its form")
        key_id, seconds, nonce, signature = (given[name.lower()] for name in FORMS)
        if not secrets.compare_digest(key_id, self.key_id):
            raise UnknownKeyError("the request is signed with a key that is not known here")
        if abs(now.timestamp() - int(seconds)) > MAX_SKEW:
            raise StaleError(f"the request's time is more than {MAX_SKEW} s off; check both clocks")
        code = _mac(self.algorithm, self._key, self._text(method, target, seconds, nonce, body))
        try:
            code.verify(bytes.fromhex(signature))  # in constant time
        except InvalidSignature as error:
            raise ForgedError("the request's signature does not fit; check the key and what stands between") from error
        return nonce

    @property
    def _key(self) -> bytes:
        return self.key.get_secret_value().encode()

    def _text(self, method: str, target: str, seconds: str, nonce: str, body: bytes) -> bytes:
        return "\n".join([method.upper(), target, seconds, nonce, digest(self.algorithm, body).hex()]).encode()


class SignedRequests(httpx.Auth):
    """Have httpx sign each request as it goes out, a second try anew."""

    requires_request_body = True

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the headers."""
        target = request.url.raw_path.decode("ascii")
        request.headers.update(self._signer.headers(request.method, target, request.content))
        yield request


def mac(algorithm: str, key: bytes, message: bytes) -> bytes:
    """Return the 32 bytes of the message's authentication code."""
    return _mac(algorithm, key, message).finalize()


def digest(algorithm: str, message: bytes) -> bytes:
    """Return the 32 bytes of the message's digest by the algorithm's hash."""
    hashed = hashes.Hash(ALGORITHMS[algorithm]())
    hashed.update(message)
    return hashed.finalize()


def request_signer(settings: Settings) -> Signer | None:
    """Return what signs calls to the backend, or `None` where they go unsigned.

    Raises:
        SettingsError: the signing settings can't be used; the message names them.

    """
    if settings.enrollment_signing == "none":
        return None
    return _signer(
        "enrollment_signing",
        settings.enrollment_signing,
        settings.enrollment_signing_key,
        settings.enrollment_signing_key_id,
    )


def webhook_signer(settings: Settings) -> Signer | None:
    """Return what signs the backend's own calls, or `None` where no key is set and none are sent or accepted.

    Raises:
        SettingsError: the webhook settings can't be used; the message names them.

    """
    if not settings.enrollment_webhook_key.get_secret_value():
        return None
    return _signer(
        "enrollment_webhook",
        settings.enrollment_webhook_signing,
        settings.enrollment_webhook_key,
        settings.enrollment_webhook_key_id,
    )


def _signer(setting: str, algorithm: str, key: SecretStr, key_id: str) -> Signer:
    name = PREFIX + setting.upper()
    try:
        return Signer(algorithm, key, key_id)
    except ValueError as error:
        raise SettingsError(f"{name}_KEY or {name}_KEY_ID: {error} (values: hidden)") from error


def _mac(algorithm: str, key: bytes, message: bytes) -> hmac.HMAC:
    code = hmac.HMAC(key, ALGORITHMS[algorithm]())
    code.update(message)
    return code
