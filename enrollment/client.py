"""The enrolment backend over HTTP, in whatever dialect the mapping describes."""

from __future__ import annotations

from typing import Any

import httpx
from pydantic import SecretStr

from core import clock
from core.scope import City
from core.settings import Settings
from enrollment.circuit import Circuit
from enrollment.dialect import (
    Sent,
    city_word,
    fill_in,
    look,
    read_applications,
    read_changes,
    read_code,
    read_right,
    read_verification,
)
from enrollment.errors import EnrollmentError, MalformedError, NotOfferedError
from enrollment.exchange import Exchange, Wire
from enrollment.mapping import MAPPING_FILE, Verification, as_word, load_mapping
from enrollment.models import Application, Change
from enrollment.signing import request_signer
from enrollment.states import states

MAX_CHANGES = 100  # in one call


def open_backend(settings: Settings) -> HttpEnrollmentBackend:
    """Return the backend that the settings describe.

    Raises:
        SettingsError: a setting or the mapping can't be used; the message names it.

    """
    wire = Wire(
        connect_timeout=settings.enrollment_connect_timeout,
        read_timeout=settings.enrollment_read_timeout,
        connections=settings.enrollment_connections,
        circuit_failures=settings.enrollment_circuit_failures,
        circuit_seconds=settings.enrollment_circuit_seconds,
        signer=request_signer(settings),
        mapping=load_mapping(settings.enrollment_mapping or MAPPING_FILE),
    )
    return HttpEnrollmentBackend(settings.enrollment, settings.enrollment_key, settings.enrollment_timeout, wire)


class HttpEnrollmentBackend:
    """An `EnrollmentBackend` over HTTP.

    Applications, changes and verifications have a circuit each, so that a fault of one does not hide the others.

    Args:
        base_url: address of the backend, `http://` or `https://`; a path in it is kept.
        key: our key; empty: none is sent, and the backend will refuse.
        timeout_total: seconds within which a call ends, second try included; over 0.
        wire: how the backend is reached; by default the dialect of `enrollment/reference`, unsigned.
        transport: httpx transport to use in place of the network.

    Raises:
        SettingsError: the address or the key can't be used.

    """

    def __init__(
        self,
        base_url: str,
        key: SecretStr,
        timeout_total: float,
        wire: Wire | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        wire = wire or Wire()
        self._mapping = wire.mapping
        self._exchange = Exchange(base_url, key, timeout_total, wire, transport)
        self._cases, self._news, self._verifying = (
            Circuit(wire.circuit_failures, wire.circuit_seconds) for _ in range(3)
        )

    async def applications_of(self, guardian: str, city: City) -> list[Application]:
        """Return the applications in `city` that are registered to `guardian`, in order of birth."""
        call = self._mapping.applications
        sent = fill_in(call, guardian=guardian, city=city_word(self._mapping, city))
        document = await self._cases.call(lambda: self._document(sent, call.nothing))
        if document is None:
            return []
        found = read_applications(self._mapping, document, city, clock.now())
        _check_belonging(found, city)
        return sorted(found, key=lambda application: (application.birth_order, application.id))

    async def changes_after(self, cursor: int) -> list[Change]:
        """Return the changes after the change `cursor`, oldest first, at most `MAX_CHANGES`."""
        if self._mapping.changes is None:
            raise NotOfferedError("enrolment backend: it tells no changes; HELPDESK_ENROLLMENT_MAPPING, changes")
        sent = fill_in(self._mapping.changes, after=cursor)
        document = await self._news.call(lambda: self._document(sent))
        if document is None:
            return []
        found = [one for one in read_changes(self._mapping, document, clock.now()) if one.id > cursor]
        _check_changes(found)
        return sorted(found, key=lambda change: change.id)[:MAX_CHANGES]

    async def latest_change(self) -> int:
        """Return the id of the newest change, 0 where there is none."""
        call = self._mapping.latest
        if call is None:
            raise NotOfferedError("enrolment backend: it tells no changes; HELPDESK_ENROLLMENT_MAPPING, latest")
        document = await self._news.call(lambda: self._document(fill_in(call)))
        last = as_word(look(call.at, document, "latest")) if document is not None else "0"
        if not (last.isascii() and last.isdigit() and len(last) < 19):
            raise MalformedError("enrolment backend: the reply breaks the contract at latest")
        return int(last)

    async def send_code(self, number: str, city: City) -> str:
        """Have a one-time code sent, and return the verification's id."""
        call = self._verification().send
        sent = fill_in(call, number=number, city=city_word(self._mapping, city))
        return read_verification(call, await self._verifying.call(lambda: self._document(sent, only_reads=False)))

    async def verify(self, verification: str, code: str) -> bool:
        """Return whether the code is the right one."""
        call = self._verification().check
        sent = fill_in(call, verification=verification, code=code)
        document = await self._verifying.call(lambda: self._document(sent, only_reads=False))
        return document is not None and read_right(call, document)

    async def application_verified(self, verification: str, city: City) -> Application | None:
        """Return the application of a verification that was answered with yes, `None` for any other."""
        call = self._verification().application
        sent = fill_in(call, verification=verification, city=city_word(self._mapping, city))
        document = await self._verifying.call(lambda: self._document(sent, call.nothing))
        if document is None:
            return None
        found = read_applications(self._mapping, document, city, clock.now(), call)
        _check_belonging(found, city)
        if len(found) > 1:
            raise MalformedError("enrolment backend: more than one application of one verification")
        return found[0] if found else None

    async def ready(self) -> bool:
        """Return whether look-ups work at present: no open circuit, and the backend says that it is well."""
        call = self._mapping.health
        if self._cases.open or call is None:
            return not self._cases.open
        try:
            document = await self._exchange.ask(fill_in(call), read=call.at is not None)
            return call.at is None or as_word(look(call.at, document, "health")) in call.fine
        except EnrollmentError:
            return False

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()

    def _verification(self) -> Verification:
        if self._mapping.verification is None:
            raise NotOfferedError("enrolment backend: it verifies nobody; HELPDESK_ENROLLMENT_MAPPING, verification")
        return self._mapping.verification

    async def _document(self, sent: Sent, nothing: tuple[int, ...] = (), *, only_reads: bool = True) -> Any:
        document = await self._exchange.ask(sent, nothing, only_reads=only_reads)
        return document if document is not None and read_code(self._mapping.codes, document) else None


def _check_belonging(found: tuple[Application, ...], city: City) -> None:
    if any(application.city != city for application in found):
        raise MalformedError(f"enrolment backend: asked for {city}, got an application of another city")
    if any(application.state not in states().cities[city].states for application in found):
        raise MalformedError(f"enrolment backend: a state that states.yml does not know for {city}")
    if any(a.history and a.history[-1].state != a.state for a in found):
        raise MalformedError("enrolment backend: a history that does not end in the present state")
    if len({application.id for application in found}) != len(found):
        raise MalformedError("enrolment backend: the same application id twice")


def _check_changes(found: list[Change]) -> None:
    if any(change.state not in states().cities[change.city].states for change in found):
        raise MalformedError("enrolment backend: a change to a state that states.yml does not know for its city")
    if len({change.id for change in found}) != len(found):
        raise MalformedError("enrolment backend: the same change id twice")
