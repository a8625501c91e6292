"""One question to the backend and its reply over HTTP, bounded in time and length, each fault by its name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr
from pydantic_core import from_json
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random

from core.errors import SettingsError
from enrollment.dialect import Sent
from enrollment.errors import MalformedError, TooSlowError, UnavailableError
from enrollment.faults import named_faults, refuse_status
from enrollment.mapping import Mapping, load_mapping
from enrollment.signing import SignedRequests, Signer

MAX_REPLY_BYTES = 1_000_000
PLAIN = {"Accept-Encoding": "identity"}  # a packed megabyte could be a gigabyte
MAX_PAUSE = 0.2  # seconds before the second try
KEEPALIVE = 5.0  # seconds; shorter than a server's, which would else hang up just as we speak


@dataclass(frozen=True)
class Wire:
    """How the backend is reached: times in seconds, over 0; `signer` `None`: calls go unsigned."""

    connect_timeout: float = 1.0
    read_timeout: float = 2.0
    connections: int = 50
    circuit_failures: int = 5
    circuit_seconds: float = 15.0
    signer: Signer | None = None
    mapping: Mapping = field(default_factory=load_mapping)


class Exchange:
    """The backend's address with our connections to it.

    Args:
        base_url: address of the backend, `http://` or `https://`; a path in it is kept.
        key: our key, sent in the header that the mapping names; empty: none is sent, and the backend will refuse.
        timeout_total: seconds within which a call ends, second try included; over 0.
        wire: the rest.
        transport: httpx transport to use in place of the network.

    Raises:
        SettingsError: the address or the key can't be used.

    """

    def __init__(
        self,
        base_url: str,
        key: SecretStr,
        timeout_total: float,
        wire: Wire,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._total, self._kinds = timeout_total, wire.mapping.content_types
        self._client = httpx.AsyncClient(
            base_url=_checked_address(base_url),
            headers={"Accept": ", ".join(self._kinds), **PLAIN, **_key_header(wire.mapping, key)},
            auth=SignedRequests(wire.signer) if wire.signer else None,
            timeout=httpx.Timeout(wire.read_timeout, connect=wire.connect_timeout, pool=wire.connect_timeout),
            limits=httpx.Limits(
                max_connections=wire.connections,
                max_keepalive_connections=wire.connections,
                keepalive_expiry=KEEPALIVE,
            ),
            transport=transport,
            trust_env=False,  # an internal address: a proxy of the environment has no part in it
            verify=httpx.create_ssl_context(),  # which still honours SSL_CERT_FILE, for an internal authority
        )

    async def ask(
        self, sent: Sent, nothing: tuple[int, ...] = (), *, read: bool = True, only_reads: bool = True
    ) -> Any:
        """Return the reply's JSON, an object or a list; `None` for a status in `nothing`, or unless `read`.

        A call that only reads is tried once more, after a random pause, when the connection was lost or a gateway said
        502, 503 or 504. Any other is sent once.

        Raises:
            EnrollmentError: there is no usable reply; its kinds are in `enrollment/errors.py`.

        """
        tries = AsyncRetrying(
            stop=stop_after_attempt(2 if only_reads else 1),
            wait=wait_random(0, min(MAX_PAUSE, self._total / 10)),
            retry=retry_if_exception(lambda error: isinstance(error, UnavailableError) and error.passing),
            reraise=True,
        )
        try:
            async with asyncio.timeout(self._total):
                return await tries(self._ask_once, sent, nothing, read)
        except TimeoutError as error:
            raise TooSlowError(f"enrolment backend: no full reply within {self._total:g} s") from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask_once(self, sent: Sent, nothing: tuple[int, ...], read: bool) -> Any:
        with named_faults():
            headers = {} if sent.body is None else {"Content-Type": "application/json"}
            async with self._client.stream(
                sent.method, sent.path, params=sent.query or None, content=sent.body, headers=headers
            ) as response:
                if response.status_code in nothing:
                    return None
                refuse_status(response)
                return await self._read(response) if read else None

    async def _read(self, response: httpx.Response) -> Any:
        if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() not in self._kinds:
            raise MalformedError(f"enrolment backend: the reply's content type is not {' or '.join(self._kinds)}")
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise MalformedError("enrolment backend: the reply is compressed, which was not asked for")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_REPLY_BYTES:
                raise MalformedError(f"enrolment backend: the reply is longer than {MAX_REPLY_BYTES} bytes")
        try:
            document = from_json(bytes(body))
        except ValueError as error:
            raise MalformedError("enrolment backend: the reply is not JSON") from error
        if not isinstance(document, dict | list):
            raise MalformedError("enrolment backend: the reply is neither an object nor a list")
        return document


def _checked_address(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise SettingsError("HELPDESK_ENROLLMENT_URL is not an address") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise SettingsError("HELPDESK_ENROLLMENT_URL has to start with http:// or https:// and name a host")
    return url


def _key_header(mapping: Mapping, key: SecretStr) -> dict[str, str]:
    value = key.get_secret_value()
    if any(not "!" <= character <= "~" for character in value):
        raise SettingsError("HELPDESK_ENROLLMENT_KEY may hold visible ASCII characters only, no spaces (value: hidden)")
    return {mapping.key.header: mapping.key.prefix + value} if value and mapping.key else {}
