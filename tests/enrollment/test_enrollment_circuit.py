"""The circuit: what opens it, what does not, what is said meanwhile, and how it closes; over a real socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from enrollment_fault_server import Behaviour, FaultServer, fault_server, hang, raw, reply
from running_reference import KEY

from enrollment.circuit import Circuit
from enrollment.client import HttpEnrollmentBackend
from enrollment.errors import (
    CrowdedError,
    EnrollmentError,
    MalformedError,
    OpenCircuitError,
    RefusedError,
    ThrottledError,
    UnavailableError,
    UnknownPathError,
)
from enrollment.exchange import Wire

FAILURES, SECONDS = 3, 1.0
PATIENT, SHORT = 5.0, 0.2
FINE = reply({"applications": []})
BROKEN = reply({}, status="500 Internal Server Error")
NO_FAILURES: list[tuple[Behaviour, type[EnrollmentError]]] = [
    (reply({}, status="401 Unauthorized"), RefusedError),
    (reply({}, status="403 Forbidden"), RefusedError),
    (reply({}, status="404 Not Found"), UnknownPathError),
    (reply({}, status="429 Too Many Requests"), ThrottledError),
    (reply({"applications": None}), MalformedError),
    (reply(b"<html>"), MalformedError),
]


@asynccontextmanager
async def backend_on(
    *behaviours: Behaviour, total: float = PATIENT
) -> AsyncIterator[tuple[FaultServer, HttpEnrollmentBackend]]:
    async with fault_server(*behaviours) as server:
        wire = Wire(circuit_failures=FAILURES, circuit_seconds=SECONDS)
        backend = HttpEnrollmentBackend(server.url, KEY, total, wire)
        yield server, backend
        await backend.aclose()


async def fail(backend: HttpEnrollmentBackend, times: int = 1, error: type[EnrollmentError] = UnavailableError) -> None:
    for _ in range(times):
        with pytest.raises(EnrollmentError) as caught:
            await backend.applications_of("x", "qingdao")
        assert isinstance(caught.value, error)
        assert not isinstance(caught.value, OpenCircuitError)


async def refused(backend: HttpEnrollmentBackend) -> None:
    began = time.monotonic()
    with pytest.raises(OpenCircuitError, match=r"3 look-ups in a row failed; asked again 1 s"):
        await backend.applications_of("x", "qingdao")
    assert time.monotonic() - began < PATIENT / 5


@pytest.mark.anyio
@pytest.mark.parametrize("behaviour", [BROKEN, hang, raw(b""), reply({}, status="503 Service Unavailable")])
async def test_it_opens_after_so_many_failures_and_then_nobody_waits_and_nobody_asks(behaviour: Behaviour) -> None:
    async with backend_on(behaviour, total=SHORT if behaviour is hang else PATIENT) as (server, backend):
        await fail(backend, FAILURES)
        asked = len(server.requests)
        for _ in range(5):
            await refused(backend)
        assert await backend.ready() is False
        assert len(server.requests) == asked


@pytest.mark.anyio
async def test_an_answer_in_between_starts_the_count_anew() -> None:
    async with backend_on(BROKEN, BROKEN, FINE, BROKEN) as (_, backend):
        await fail(backend, 2)
        assert await backend.applications_of("x", "qingdao") == []
        await fail(backend, FAILURES)
        await refused(backend)


@pytest.mark.anyio
@pytest.mark.parametrize(("behaviour", "error"), NO_FAILURES)
async def test_a_backend_that_answers_however_badly_is_not_cut_off(
    behaviour: Behaviour, error: type[EnrollmentError]
) -> None:
    async with backend_on(BROKEN, BROKEN, behaviour) as (_, backend):
        await fail(backend, 2)
        await fail(backend, 10, error)


@pytest.mark.anyio
async def test_after_its_time_one_good_look_up_closes_it() -> None:
    async with backend_on(BROKEN, BROKEN, BROKEN, FINE) as (server, backend):
        await fail(backend, FAILURES)
        await refused(backend)
        await asyncio.sleep(SECONDS)
        assert await backend.applications_of("x", "qingdao") == []
        assert await backend.applications_of("x", "qingdao") == []
        assert len(server.requests) == FAILURES + 2


@pytest.mark.anyio
async def test_after_its_time_one_bad_look_up_opens_it_again_at_once() -> None:
    async with backend_on(BROKEN) as (server, backend):
        await fail(backend, FAILURES)
        for more in (1, 2):
            await asyncio.sleep(SECONDS)
            await fail(backend)
            await refused(backend)
            assert len(server.requests) == FAILURES + more


@pytest.mark.anyio
async def test_while_one_look_up_tries_the_backend_again_all_others_are_refused() -> None:
    async with backend_on(BROKEN, BROKEN, BROKEN, hang, FINE, total=SHORT) as (server, backend):
        await fail(backend, FAILURES)
        await asyncio.sleep(SECONDS)
        together = await asyncio.gather(
            *(backend.applications_of("x", "qingdao") for _ in range(20)), return_exceptions=True
        )
        assert sum(isinstance(one, OpenCircuitError) for one in together) == 19
        assert len(server.requests) == FAILURES + 1


@pytest.mark.anyio
async def test_a_failing_list_of_changes_does_not_hide_the_applications() -> None:
    async with backend_on(*[BROKEN] * FAILURES, FINE) as (_, backend):
        for _ in range(FAILURES):
            with pytest.raises(UnavailableError):
                await backend.changes_after(0)
        with pytest.raises(OpenCircuitError):
            await backend.latest_change()
        assert await backend.applications_of("x", "qingdao") == []


@pytest.mark.anyio
async def test_failing_verifications_have_a_circuit_of_their_own() -> None:
    async with backend_on(*[BROKEN] * FAILURES, FINE) as (server, backend):
        for _ in range(FAILURES):
            with pytest.raises(UnavailableError):
                await backend.send_code("x", "qingdao")
        for ask in (lambda: backend.send_code("x", "qingdao"), lambda: backend.verify("x", "1")):
            with pytest.raises(OpenCircuitError):
                await ask()
        assert await backend.applications_of("x", "qingdao") == []
        assert len(server.requests) == FAILURES + 1


async def cancelled(circuit: Circuit) -> None:
    task = asyncio.ensure_future(circuit.call(lambda: asyncio.sleep(3600)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


def raising(error: BaseException) -> Callable[[], Awaitable[Any]]:
    async def ask() -> None:
        raise error

    return ask


@pytest.mark.anyio
async def test_a_cancelled_look_up_neither_opens_nor_closes_it() -> None:
    circuit = Circuit(FAILURES, SECONDS)
    for _ in range(FAILURES + 1):
        await cancelled(circuit)
    assert not circuit.open
    for _ in range(FAILURES):
        with pytest.raises(UnavailableError):
            await circuit.call(raising(UnavailableError("down")))
    await asyncio.sleep(SECONDS)
    await cancelled(circuit)
    with pytest.raises(UnavailableError):
        await circuit.call(raising(UnavailableError("still down")))
    assert circuit.open


@pytest.mark.anyio
@pytest.mark.parametrize("error", [CrowdedError("ours"), ZeroDivisionError("a slip of ours")])
async def test_what_tells_nothing_of_the_backend_changes_nothing(error: Exception) -> None:
    circuit = Circuit(FAILURES, SECONDS)
    for _ in range(FAILURES - 1):
        with pytest.raises(UnavailableError):
            await circuit.call(raising(UnavailableError("down")))
    for _ in range(5):
        with pytest.raises(type(error)):
            await circuit.call(raising(error))
    assert not circuit.open
    with pytest.raises(UnavailableError):
        await circuit.call(raising(UnavailableError("down")))
    assert circuit.open
