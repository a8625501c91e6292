"""The enrolment backend over HTTP."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, TypeVar

import httpx
from pydantic import Field, SecretStr, ValidationError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random

from core.errors import SettingsError
from core.scope import City
from enrollment.errors import EnrollmentError, MalformedError, UnavailableError
from enrollment.faults import named_faults, refuse_status
from enrollment.models import Application, Record
from enrollment.states import states

QUERY, HEALTH = "v1/applications/query", "health"
MAX_REPLY_BYTES = 1_000_000
MAX_PAUSE = 0.2  # seconds before the second try
LIMITS = httpx.Limits(max_connections=50, max_keepalive_connections=20, keepalive_expiry=5.0)

R = TypeVar("R", bound=Record)


class _Applications(Record):
    applications: Annotated[tuple[Application, ...], Field(max_length=50)]


class _Health(Record):
    status: str


class HttpEnrollmentBackend:
    """An `EnrollmentBackend` that speaks the HTTP contract of `enrollment/reference`.

    Both calls only read, so each is tried once more when the connection was lost or a gateway said 502, 503 or 504. The
    look-up is a POST solely because an address, with the guardian in it, would land in access logs.

    Args:
        base_url: address of the backend, `http://` or `https://`; a path in it is kept.
        key: our key, sent as `Authorization: Bearer …`; empty: none is sent, and the backend will refuse.
        timeout_total: seconds within which a call ends, second try included; over 0.
        transport: httpx transport to use in place of the network.

    Raises:
        SettingsError: the address or the key can't be used.

    """

    def __init__(
        self, base_url: str, key: SecretStr, timeout_total: float, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._timeout_total = timeout_total
        self._client = httpx.AsyncClient(
            base_url=_checked_address(base_url),
            headers={"Accept": "application/json", **_authorization(key)},
            timeout=httpx.Timeout(timeout_total, connect=timeout_total / 2, pool=timeout_total / 2),
            limits=LIMITS,
            transport=transport,
            trust_env=False,  # an internal address: a proxy of the environment has no part in it
            verify=httpx.create_ssl_context(),  # which still honours SSL_CERT_FILE, for an internal authority
        )

    async def applications_of(self, guardian: str, city: City) -> list[Application]:
        """Return the applications in `city` that are registered to `guardian`, in order of birth."""
        body = await self._exchange("POST", QUERY, {"guardian": guardian, "city": city})
        found = _parsed(_Applications, body).applications
        _check_belonging(found, city)
        return sorted(found, key=lambda application: (application.birth_order, application.id))

    async def ready(self) -> bool:
        """Return whether the backend says that it is well; a fault of any kind counts as no."""
        try:
            return _parsed(_Health, await self._exchange("GET", HEALTH)).status == "ok"
        except EnrollmentError:
            return False

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _exchange(self, method: str, path: str, json: Any = None) -> bytes:
        tries = AsyncRetrying(
            stop=stop_after_attempt(2),
            wait=wait_random(0, min(MAX_PAUSE, self._timeout_total / 10)),
            retry=retry_if_exception(lambda error: isinstance(error, UnavailableError) and error.passing),
            reraise=True,
        )
        try:
            async with asyncio.timeout(self._timeout_total):
                return await tries(self._exchange_once, method, path, json)
        except TimeoutError as error:
            raise UnavailableError(f"enrolment backend: no full reply within {self._timeout_total:g} s") from error

    async def _exchange_once(self, method: str, path: str, json: Any) -> bytes:
        with named_faults():
            async with self._client.stream(method, path, json=json) as response:
                refuse_status(response)
                if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
                    raise MalformedError("enrolment backend: the reply's content type is not application/json")
                return await _read(response)


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_REPLY_BYTES:
            raise MalformedError(f"enrolment backend: the reply is longer than {MAX_REPLY_BYTES} bytes")
    return bytes(body)


def _parsed(model: type[R], body: bytes) -> R:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        wrong = sorted({".".join(str(part) for part in e["loc"]) or "body" for e in error.errors(include_input=False)})
        raise MalformedError(f"enrolment backend: the reply breaks the contract at {', '.join(wrong[:5])}") from error


def _check_belonging(found: tuple[Application, ...], city: City) -> None:
    if any(application.city != city for application in found):
        raise MalformedError(f"enrolment backend: asked for {city}, got an application of another city")
    if any(application.state not in states().cities[city].states for application in found):
        raise MalformedError(f"enrolment backend: a state that states.yml does not know for {city}")
    if any(a.history and a.history[-1].state != a.state for a in found):
        raise MalformedError("enrolment backend: a history that does not end in the present state")
    if len({application.id for application in found}) != len(found):
        raise MalformedError("enrolment backend: the same application id twice")


def _checked_address(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise SettingsError("HELPDESK_ENROLLMENT_URL is not an address") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise SettingsError("HELPDESK_ENROLLMENT_URL has to start with http:// or https:// and name a host")
    return url


def _authorization(key: SecretStr) -> dict[str, str]:
    value = key.get_secret_value()
    if any(not "!" <= character <= "~" for character in value):
        raise SettingsError("HELPDESK_ENROLLMENT_KEY may hold visible ASCII characters only, no spaces (value: hidden)")
    return {"Authorization": f"Bearer {value}"} if value else {}
