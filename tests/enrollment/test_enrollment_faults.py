"""Each fault of a backend, driven over a real socket, has its named error within a bounded time."""

from __future__ import annotations

import gzip
import inspect
import json
import logging
import socket
import time
from typing import Any

import httpx
import pytest
from enrollment_fault_server import Behaviour, dripping, fault_server, hang, raw, reply, reset
from running_reference import KEY

from enrollment import faults
from enrollment.client import HttpEnrollmentBackend
from enrollment.errors import EnrollmentError, MalformedError, RefusedError, ThrottledError, UnavailableError

TOTAL, SLACK = 0.6, 0.4
GUARDIAN = "guardian-of-secret"

GOOD: dict[str, Any] = {
    "id": "CQ-SECRET-77",
    "city": "chongqing",
    "district": "渝北区",
    "child": "赵*",
    "birth_order": 1,
    "school": "示范第九小学",
    "stage": "幼升小",
    "state": "补正",
    "since": "2026-04-17T08:00:00Z",
    "problems": [{"item": "户口簿", "reason": "缺少首页"}],
    "window_open": True,
    "as_of": "2026-04-20T08:00:00Z",
}
OK = reply({"applications": [GOOD]})
GATEWAY = reply({}, status="503 Service Unavailable")


def one(**changes: Any) -> Behaviour:
    return reply({"applications": [GOOD | changes]})


def without(name: str) -> Behaviour:
    return reply({"applications": [{key: value for key, value in GOOD.items() if key != name}]})


MALFORMED = {
    "not JSON": reply(b"<html>maintenance</html>"),
    "empty": reply(b""),
    "cut JSON": reply(b'{"applications": [{"id": "CQ-SECRET-77", "child": "\xe8\xb5\xb5'),
    "not UTF-8": reply(b'{"applications": "\xff\xfe"}'),
    "wrong content type": reply({"applications": []}, kind="text/html"),
    "shorter than announced": reply({"applications": []}, length=5000),
    "broken chunks": raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"
    ),
    "not HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "broken gzip": reply(b"no gzip at all", extra="Content-Encoding: gzip\r\n"),
    "too long": reply(b" " * 1_000_001),
    "a bomb": reply(gzip.compress(b" " * 50_000_000), extra="Content-Encoding: gzip\r\n"),
    "a list": reply([]),
    "null": reply({"applications": None}),
    "no applications": reply({}),
    "no state": without("state"),
    "no as_of": without("as_of"),
    "unmasked name": one(child="赵小明"),
    "naive time": one(since="2026-04-17T08:00:00"),
    "no time": one(since="yesterday"),
    "number as text": one(birth_order="1"),
    "order 0": one(birth_order=0),
    "truth as text": one(window_open="yes"),
    "unknown stage": one(stage="初升高"),
    "unknown state": one(state="复审"),
    "another city's state": one(state="初审"),
    "another city": one(city="qingdao", state="初审"),
    "same id twice": reply({"applications": [GOOD, GOOD]}),
    "problem without reason": one(problems=[{"item": "户口簿"}]),
    "too many": reply({"applications": [GOOD | {"id": str(number)} for number in range(51)]}),
    "201": reply({"applications": []}, status="201 Created"),
    "204": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "redirect": reply(b"", status="302 Found", extra="Location: http://127.0.0.1:1/\r\n"),
    "400": reply({}, status="400 Bad Request"),
    "404": reply({}, status="404 Not Found"),
    "422": reply({}, status="422 Unprocessable Entity"),
}
REFUSED = {"401": reply({}, status="401 Unauthorized"), "403": reply({}, status="403 Forbidden")}
THROTTLED = {"429": reply({}, status="429 Too Many Requests", extra="Retry-After: 7\r\n")}
UNAVAILABLE = {
    "500": reply(b"Traceback", status="500 Internal Server Error", kind="text/plain"),
    "501": reply({}, status="501 Not Implemented"),
    "502": reply({}, status="502 Bad Gateway"),
    "503": GATEWAY,
    "504": reply({}, status="504 Gateway Timeout"),
    "hangs": hang,
    "hangs up": raw(b""),
    "resets": reset,
    "drips its head": dripping(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 1000, 0.05),
    "drips its body": dripping(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n" + b" " * 900, 0.004
    ),
}
CASES = [
    pytest.param(behaviour, error, id=f"{error.__name__}: {name}")
    for table, error in (
        (MALFORMED, MalformedError),
        (REFUSED, RefusedError),
        (THROTTLED, ThrottledError),
        (UNAVAILABLE, UnavailableError),
    )
    for name, behaviour in table.items()
]


async def look_up(url: str, total: float = TOTAL) -> Any:
    backend = HttpEnrollmentBackend(url, KEY, total)
    try:
        return await backend.applications_of(GUARDIAN, "chongqing")
    finally:
        await backend.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize(("behaviour", "error"), CASES)
async def test_a_fault_has_its_name_in_time_and_leaves_no_trace_of_the_case(
    behaviour: Behaviour, error: type[EnrollmentError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with fault_server(behaviour) as server:
        began = time.monotonic()
        with pytest.raises(EnrollmentError) as caught:
            await look_up(server.url)
        assert time.monotonic() - began < TOTAL + SLACK
    assert type(caught.value) is error
    logging.getLogger("test").error("as a careless caller logs it: %r", caught.value, exc_info=caught.value)
    for secret in (GUARDIAN, "CQ-SECRET-77", "赵", "补正", "示范第九小学", "户口簿", KEY.get_secret_value()):
        assert secret not in caplog.text


@pytest.mark.anyio
async def test_nobody_listening_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnavailableError, match="HELPDESK_ENROLLMENT_URL"):
        await look_up(f"http://127.0.0.1:{port}")


@pytest.mark.anyio
@pytest.mark.parametrize("first", [GATEWAY, UNAVAILABLE["502"], UNAVAILABLE["504"], raw(b""), reset])
async def test_a_passing_fault_is_tried_once_more(first: Behaviour) -> None:
    async with fault_server(first, OK) as server:
        (application,) = await look_up(server.url, total=3)
    assert application.state == "补正"
    assert len(server.requests) == 2


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("behaviour", "tries"),
    [(GATEWAY, 2), (UNAVAILABLE["500"], 1), (THROTTLED["429"], 1), (hang, 1), (MALFORMED["404"], 1)],
)
async def test_it_is_tried_no_more_than_that(behaviour: Behaviour, tries: int) -> None:
    async with fault_server(behaviour) as server:
        with pytest.raises(EnrollmentError):
            await look_up(server.url)
        assert len(server.requests) == tries


@pytest.mark.anyio
async def test_the_second_try_stays_within_the_total() -> None:
    async with fault_server(GATEWAY, hang) as server:
        began = time.monotonic()
        with pytest.raises(UnavailableError, match=r"within 0\.6 s"):
            await look_up(server.url)
        assert time.monotonic() - began < TOTAL + SLACK


@pytest.mark.anyio
async def test_who_throttles_says_for_how_long() -> None:
    async with fault_server(THROTTLED["429"]) as server:
        with pytest.raises(ThrottledError) as caught:
            await look_up(server.url)
    assert caught.value.retry_after == 7.0


@pytest.mark.anyio
async def test_the_guardian_stands_in_the_body_alone_and_the_key_in_its_header() -> None:
    async with fault_server(OK) as server:
        await look_up(server.url + "/city/api/")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /city/api/v1/applications/query HTTP/1.1\r\n")
    assert f"authorization: bearer {KEY.get_secret_value()}".encode() in head.lower()
    assert GUARDIAN.encode() not in head
    assert json.loads(body) == {"guardian": GUARDIAN, "city": "chongqing"}


@pytest.mark.anyio
async def test_applications_are_put_in_order_of_birth() -> None:
    both = [GOOD | {"id": "B", "birth_order": 2}, GOOD | {"id": "A", "birth_order": 1}]
    async with fault_server(reply({"applications": both})) as server:
        assert [application.id for application in await look_up(server.url)] == ["A", "B"]


@pytest.mark.anyio
@pytest.mark.parametrize("behaviour", [hang, GATEWAY, reply({"status": "starting"}), reply({}), reply(b"ok")])
async def test_a_faulty_backend_is_not_ready(behaviour: Behaviour) -> None:
    async with fault_server(behaviour) as server:
        backend = HttpEnrollmentBackend(server.url, KEY, TOTAL)
        assert await backend.ready() is False
        await backend.aclose()


def test_every_exception_of_httpx_has_a_name_or_is_a_slip_of_ours() -> None:
    exported = (getattr(httpx, name) for name in httpx.__all__)
    theirs = {item for item in exported if inspect.isclass(item) and issubclass(item, Exception)}
    assert theirs == set(faults.NAMED) | set(faults.SLIPS)
