"""Steps are sent to the help desk: signed, in order, at least once, over failures and restarts; a real receiver."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import anyio
import httpx
import pytest
from enrollment_fault_server import Behaviour, FaultServer, fault_server, hang, raw, reply, reset
from pydantic import SecretStr
from running_reference import KEY, running_service
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import SettingsError
from enrollment.models import Change
from enrollment.reference.database import open_database
from enrollment.reference.outbox import Receiver
from enrollment.reference.tables import OutgoingChange
from enrollment.signing import ALGORITHMS, Signer

SIGNER = Signer("hmac-sha256", SecretStr("webhook-key-for-tests"), "backend")
PATH = "/api/v1/enrollment/changes"
ZHANG, LIU = "CQ2026-0417-0031", "CQ2026-0415-0108"
TAKEN = raw(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
FAILING = {
    "500": reply({}, status="500 Internal Server Error"),
    "401": reply({}, status="401 Unauthorized"),
    "404": reply({}, status="404 Not Found"),
    "429": reply({}, status="429 Too Many Requests"),
    "200 of a page that takes nothing": reply(b"<html>welcome</html>", kind="text/html"),
    "redirect": reply(b"", status="302 Found", extra="Location: http://127.0.0.1:1/\r\n"),
    "hangs up": raw(b""),
    "resets": reset,
    "not HTTP": raw(b"SSH-2.0\r\n\r\n"),
}


def receiver_at(url: str, signer: Signer = SIGNER, **pauses: float) -> Receiver:
    return Receiver(url + PATH, signer, **{"first": 0.02, "longest": 0.2, "refused": 0.05, "idle": 0.02} | pauses)


async def step(url: str, application: str, to: str) -> None:
    headers = {"Authorization": f"Bearer {KEY.get_secret_value()}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as caller:
        answer = await caller.post(f"/v1/applications/{application}/steps", json={"to": to})
    assert answer.status_code == 200


async def until(met: Callable[[], bool], seconds: float = 20) -> None:
    with anyio.fail_after(seconds):
        while not met():
            await anyio.sleep(0.01)


def read(request: bytes, signer: Signer = SIGNER) -> dict[str, Any]:
    """Return the change in a request, after checking its signature as a receiver does."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    assert (method, target, headers["Content-Type"]) == ("POST", PATH, "application/json")
    signer.check(method, target, body, headers, datetime.now(UTC))
    change: dict[str, Any] = json.loads(body)
    return change


def sent(server: FaultServer) -> list[tuple[str, str]]:
    return [(change["application_id"], change["state"]) for change in map(read, server.requests)]


def left(database_url: str) -> int:
    engine = open_database(database_url)
    with Session(engine) as session:
        count = session.scalar(select(func.count()).select_from(OutgoingChange))
    engine.dispose()
    return count or 0


@pytest.mark.anyio
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_each_step_arrives_signed_and_with_what_the_help_desk_needs(database_url: str, algorithm: str) -> None:
    signer = Signer(algorithm, SIGNER.key, "backend")
    async with fault_server(TAKEN) as server:
        with running_service(database_url, receiver=receiver_at(server.url, signer)) as url:
            await step(url, ZHANG, "审核")
            await until(lambda: len(server.requests) == 1)
    told = read(server.requests[0], signer)
    assert list(told) == ["id", "guardian", "city", "application_id", "state", "at"]
    change = Change.model_validate_json(json.dumps(told))
    assert (change.guardian, change.city, change.application_id, change.state) == (
        "cq-zhang",
        "chongqing",
        ZHANG,
        "审核",
    )
    assert abs((datetime.now(UTC) - change.at).total_seconds()) < 60


@pytest.mark.anyio
@pytest.mark.parametrize("fault", FAILING)
async def test_what_was_not_taken_is_sent_again_before_anything_newer(database_url: str, fault: str) -> None:
    async with fault_server(FAILING[fault], FAILING[fault], TAKEN) as server:
        with running_service(database_url, receiver=receiver_at(server.url)) as url:
            await step(url, ZHANG, "审核")
            await step(url, ZHANG, "审核通过")
            await step(url, LIU, "审核")
            await until(lambda: len(server.requests) == 5)
            await until(lambda: left(database_url) == 0)
    assert sent(server) == [(ZHANG, "审核")] * 3 + [(ZHANG, "审核通过"), (LIU, "审核")]
    ids = [read(request)["id"] for request in server.requests]
    assert ids == sorted(ids)
    assert len({request.lower().split(b"x-helpdesk-nonce: ")[1][:24] for request in server.requests}) == 5


def noting(times: list[float], then: Behaviour) -> Behaviour:
    async def behave(writer: Any) -> None:
        times.append(time.monotonic())
        await then(writer)

    return behave


def pauses_of(times: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]


@pytest.mark.anyio
async def test_pauses_grow_up_to_the_longest(database_url: str) -> None:
    times: list[float] = []
    async with fault_server(noting(times, FAILING["500"])) as server:
        with running_service(database_url, receiver=receiver_at(server.url, first=0.1, longest=0.4)) as url:
            await step(url, ZHANG, "审核")
            await until(lambda: len(times) == 6)
    pauses = pauses_of(times)
    for pause, least in zip(pauses, [0.1, 0.2, 0.4, 0.4, 0.4], strict=False):
        assert pause >= least
    assert sum(pauses) < 1.5 + 5 * 0.1 + 2


@pytest.mark.anyio
async def test_a_refusal_is_tried_again_slowly_from_the_first(database_url: str) -> None:
    times: list[float] = []
    refusal = noting(times, FAILING["401"])
    async with fault_server(refusal) as server:
        with running_service(database_url, receiver=receiver_at(server.url, refused=0.5)) as url:
            await step(url, ZHANG, "审核")
            await until(lambda: len(times) == 3)
    assert min(pauses_of(times)) >= 0.5


@pytest.mark.anyio
async def test_what_could_not_be_sent_is_sent_after_a_restart_and_only_that(database_url: str) -> None:
    async with fault_server(TAKEN) as server:
        with running_service(database_url, receiver=receiver_at(server.url)) as url:
            await step(url, ZHANG, "审核")
            await until(lambda: left(database_url) == 0)
    with running_service(database_url, receiver=receiver_at("http://127.0.0.1:1")) as url:
        await step(url, ZHANG, "审核通过")
        await step(url, ZHANG, "已录取")
    assert left(database_url) == 2
    async with fault_server(TAKEN) as server:
        with running_service(database_url, receiver=receiver_at(server.url)):
            await until(lambda: left(database_url) == 0)
    assert sent(server) == [(ZHANG, "审核通过"), (ZHANG, "已录取")]


@pytest.mark.anyio
async def test_a_receiver_that_died_before_it_answered_gets_the_same_change_again(database_url: str) -> None:
    async with fault_server(hang) as server:
        with running_service(database_url, receiver=receiver_at(server.url)) as url:
            await step(url, ZHANG, "审核")
            await until(lambda: len(server.requests) == 1)
    first = read(server.requests[0])
    async with fault_server(TAKEN) as server:
        with running_service(database_url, receiver=receiver_at(server.url)):
            await until(lambda: left(database_url) == 0)
    assert read(server.requests[0]) == first


@pytest.mark.anyio
async def test_a_service_ends_quickly_even_while_its_receiver_hangs(database_url: str) -> None:
    async with fault_server(hang) as server:
        with running_service(database_url, receiver=receiver_at(server.url)) as url:
            await step(url, ZHANG, "审核")
            await until(lambda: len(server.requests) == 1)
            began = time.monotonic()
        assert time.monotonic() - began < 3


@pytest.mark.anyio
async def test_a_refused_step_and_a_service_without_receiver_send_nothing(database_url: str) -> None:
    with running_service(database_url) as url:
        await step(url, ZHANG, "审核")
    assert left(database_url) == 0
    async with fault_server(TAKEN) as server:
        with running_service(database_url, receiver=receiver_at(server.url)) as url:
            headers = {"Authorization": f"Bearer {KEY.get_secret_value()}"}
            refused = httpx.post(f"{url}/v1/applications/{ZHANG}/steps", json={"to": "未维护"}, headers=headers)
            assert refused.status_code == 409
            await step(url, LIU, "审核")
            await until(lambda: left(database_url) == 0)
    assert sent(server) == [(LIU, "审核")]


@pytest.mark.anyio
async def test_the_log_tells_what_failed_and_nothing_of_the_case(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "enrollment")
    async with fault_server(FAILING["401"], raw(b""), FAILING["500"], TAKEN) as server:
        with running_service(database_url, receiver=receiver_at(server.url)) as url:
            await step(url, ZHANG, "审核")
            await until(lambda: left(database_url) == 0)
    told = [record.getMessage() for record in caplog.records if record.name == "enrollment.reference.outbox"]
    assert [line.split(";")[0] for line in told] == [
        "a change was not taken: status 401",
        "a change was not taken: RemoteProtocolError",
        "a change was not taken: status 500",
    ]
    for secret in ("cq-zhang", ZHANG, "审核", SIGNER.key.get_secret_value()):
        assert secret not in caplog.text


@pytest.mark.parametrize("address", ["", "localhost:8000", "ftp://desk", "http://", "http://x:port"])
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(SettingsError, match="--notify-url"):
        Receiver(address, SIGNER)
