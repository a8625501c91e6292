"""Each fault of a backend, driven over a real socket, has its named error within a bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import inspect
import json
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from enrollment_fault_server import Behaviour, dripping, fault_server, hang, raw, reply, reset, stuck
from running_reference import KEY

from core.settings import Settings
from enrollment import faults
from enrollment.client import HttpEnrollmentBackend
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
from enrollment.exchange import Wire

TOTAL, AMPLE, SLACK = 0.6, 10, 4  # seconds; a busy machine may stand still for some, every slow fault lasts far longer
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
CHANGE = {
    "id": 4,
    "guardian": GUARDIAN,
    "city": "chongqing",
    "application_id": "CQ-SECRET-77",
    "state": "补正",
    "at": "2026-04-17T08:00:00Z",
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
    "408": reply({}, status="408 Request Timeout"),
    "422": reply({}, status="422 Unprocessable Entity"),
}
UNKNOWN_PATH = {
    "404": reply({}, status="404 Not Found"),
    "404 page": reply(b"<html>", status="404 Not Found", kind="text/html"),
}
REFUSED = {"401": reply({}, status="401 Unauthorized"), "403": reply({}, status="403 Forbidden")}
THROTTLED = {"429": reply({}, status="429 Too Many Requests", extra="Retry-After: 7\r\n")}
UNAVAILABLE = {
    "500": reply(b"Traceback", status="500 Internal Server Error", kind="text/plain"),
    "501": reply({}, status="501 Not Implemented"),
    "502": reply({}, status="502 Bad Gateway"),
    "503": GATEWAY,
    "504": reply({}, status="504 Gateway Timeout"),
    "hangs up": raw(b""),
    "resets": reset,
}
TOO_SLOW = {
    "hangs": hang,
    "hangs after its head": stuck(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"),
    "drips its head": dripping(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 1000, 0.05),
    "drips its body": dripping(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n" + b" " * 900, 0.05
    ),
}
CASES = [
    pytest.param(behaviour, error, id=f"{error.__name__}: {name}")
    for table, error in (
        (MALFORMED, MalformedError),
        (UNKNOWN_PATH, UnknownPathError),
        (REFUSED, RefusedError),
        (THROTTLED, ThrottledError),
        (UNAVAILABLE, UnavailableError),
        (TOO_SLOW, TooSlowError),
    )
    for name, behaviour in table.items()
]


def total_for(error: type[EnrollmentError]) -> float:
    """Return the whole time a look-up may take in a test: short only where its end is what is tested."""
    return TOTAL if error is TooSlowError else AMPLE


async def look_up(url: str, total: float = AMPLE, wire: Wire | None = None) -> Any:
    backend = HttpEnrollmentBackend(url, KEY, total, wire)
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
            await look_up(server.url, total_for(error))
        assert time.monotonic() - began < total_for(error) + SLACK
    assert type(caught.value) is error
    logging.getLogger("test").error("as a careless caller logs it: %r", caught.value, exc_info=caught.value)
    for secret in (GUARDIAN, "CQ-SECRET-77", "赵", "补正", "示范第九小学", "户口簿", KEY.get_secret_value()):
        assert secret not in caplog.text


@pytest.mark.anyio
@pytest.mark.parametrize(("behaviour", "error"), CASES)
async def test_a_fault_has_the_same_name_when_changes_are_asked_for(
    behaviour: Behaviour, error: type[EnrollmentError]
) -> None:
    async with fault_server(behaviour) as server:
        backend = HttpEnrollmentBackend(server.url, KEY, total_for(error))
        for ask in (backend.latest_change, lambda: backend.changes_after(3)):
            began = time.monotonic()
            with pytest.raises(EnrollmentError) as caught:
                await ask()
            assert time.monotonic() - began < total_for(error) + SLACK
            assert type(caught.value) is error
        await backend.aclose()


VERIFYING: dict[str, Callable[[HttpEnrollmentBackend], Awaitable[Any]]] = {
    "send": lambda backend: backend.send_code("CQ-SECRET-77", "chongqing"),
    "check": lambda backend: backend.verify("v1", "475869"),
    "application": lambda backend: backend.application_verified("v1", "chongqing"),
}
SENT_ONCE = ("send", "check")


@pytest.mark.anyio
@pytest.mark.parametrize("call", VERIFYING)
@pytest.mark.parametrize(("behaviour", "error"), CASES)
async def test_a_fault_has_the_same_name_when_a_caller_is_verified_and_leaves_no_trace(
    behaviour: Behaviour, error: type[EnrollmentError], call: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with fault_server(behaviour) as server:
        backend = HttpEnrollmentBackend(server.url, KEY, total_for(error))
        began = time.monotonic()
        with pytest.raises(EnrollmentError) as caught:
            await VERIFYING[call](backend)
        assert time.monotonic() - began < total_for(error) + SLACK
        await backend.aclose()
    assert type(caught.value) is error
    logging.getLogger("test").error("as a careless caller logs it: %r", caught.value, exc_info=caught.value)
    for secret in ("CQ-SECRET-77", "475869", "赵", "补正", "示范第九小学", "户口簿", KEY.get_secret_value()):
        assert secret not in caplog.text


@pytest.mark.anyio
@pytest.mark.parametrize("call", VERIFYING)
@pytest.mark.parametrize("behaviour", [GATEWAY, UNAVAILABLE["502"], UNAVAILABLE["504"], raw(b""), reset])
async def test_a_code_is_neither_sent_nor_checked_twice_by_a_passing_fault_but_a_case_is_read_again(
    behaviour: Behaviour, call: str
) -> None:
    async with fault_server(behaviour) as server:
        backend = HttpEnrollmentBackend(server.url, KEY, AMPLE)
        with pytest.raises(UnavailableError):
            await VERIFYING[call](backend)
        await backend.aclose()
    assert len(server.requests) == (1 if call in SENT_ONCE else 2)


@pytest.mark.anyio
@pytest.mark.parametrize("given", [None, "", "x" * 201, "two words", "编号", "line\n", True, 1.5, ["id"], {"id": 1}])
async def test_what_can_be_no_verification_is_malformed_and_not_told(given: Any) -> None:
    async with fault_server(reply({"id": given})) as server:
        backend = HttpEnrollmentBackend(server.url, KEY, AMPLE)
        with pytest.raises(MalformedError, match=r"verification\.send") as caught:
            await backend.send_code("CQ-SECRET-77", "chongqing")
        await backend.aclose()
    assert not given or str(given) not in str(caught.value)


@pytest.mark.anyio
@pytest.mark.parametrize("given", [None, 1, "yes", "True", [], {}])
async def test_neither_yes_nor_no_is_malformed_and_never_a_yes(given: Any) -> None:
    async with fault_server(reply({"verified": given})) as server:
        backend = HttpEnrollmentBackend(server.url, KEY, AMPLE)
        with pytest.raises(MalformedError, match=r"verification\.check"):
            await backend.verify("v1", "475869")
        await backend.aclose()


@pytest.mark.anyio
async def test_two_applications_of_one_verification_are_malformed() -> None:
    async with fault_server(reply({"applications": [GOOD, GOOD | {"id": "CQ-SECRET-78"}]})) as server:
        backend = HttpEnrollmentBackend(server.url, KEY, AMPLE)
        with pytest.raises(MalformedError, match="more than one application"):
            await backend.application_verified("v1", "chongqing")
        await backend.aclose()


@pytest.mark.anyio
async def test_number_and_code_stand_in_the_body_alone() -> None:
    async with fault_server(reply({"id": "v1"}), reply({"verified": True}), OK) as server:
        backend = HttpEnrollmentBackend(server.url, KEY, AMPLE)
        for ask in VERIFYING.values():
            await ask(backend)
        await backend.aclose()
    heads, bodies = zip(*(request.split(b"\r\n\r\n") for request in server.requests), strict=True)
    assert not [head for head in heads if b"CQ-SECRET-77" in head or b"475869" in head or b"v1" in head.split()[1][4:]]
    assert [json.loads(body) for body in bodies] == [
        {"number": "CQ-SECRET-77", "city": "chongqing"},
        {"id": "v1", "code": "475869"},
        {"id": "v1"},
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("last", [None, -1, 1.5, "x", [], "١", 10**19])
async def test_a_newest_change_that_is_no_number_is_malformed(last: Any) -> None:
    async with fault_server(reply({"changes": [], "last": last})) as server:
        backend = HttpEnrollmentBackend(server.url, KEY, AMPLE)
        with pytest.raises(MalformedError, match="latest"):
            await backend.latest_change()
        await backend.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "changes",
    [
        {"changes": [CHANGE | {"id": 0}]},
        {"changes": [CHANGE | {"id": "4"}]},
        {"changes": [CHANGE | {"state": "初审"}]},
        {"changes": [CHANGE | {"city": "beijing"}]},
        {"changes": [CHANGE | {"at": "2026-04-17T08:00:00"}]},
        {"changes": [{name: value for name, value in CHANGE.items() if name != "guardian"}]},
        {"changes": [CHANGE, CHANGE]},
        {"changes": None},
        {"changes": CHANGE},
    ],
)
async def test_a_change_that_breaks_the_contract_is_malformed_and_not_told(changes: Any) -> None:
    async with fault_server(reply(changes)) as server:
        backend = HttpEnrollmentBackend(server.url, KEY, AMPLE)
        with pytest.raises(MalformedError) as caught:
            await backend.changes_after(3)
        await backend.aclose()
    assert not [value for value in map(str, CHANGE.values()) if len(value) > 1 and value in str(caught.value)]


@pytest.mark.anyio
async def test_changes_come_in_order_without_those_that_are_known_and_no_more_than_a_page() -> None:
    told = [CHANGE | {"id": number} for number in (5, 300, *range(6, 200), 4)]
    async with fault_server(reply({"changes": told})) as server:
        backend = HttpEnrollmentBackend(server.url, KEY, AMPLE)
        assert [change.id for change in await backend.changes_after(5)] == list(range(6, 106))
        await backend.aclose()
    assert server.requests[0].startswith(b"GET /v1/changes?after=5 HTTP/1.1\r\n")


@pytest.mark.anyio
async def test_a_backend_that_cannot_be_reached_is_too_slow_after_the_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as waiting:
        for _ in range(8):  # fill the queue: later ones get no answer at all
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        began = time.monotonic()
        with pytest.raises(TooSlowError, match="ConnectTimeout"):
            await look_up(f"http://127.0.0.1:{listener.getsockname()[1]}", 20, Wire(connect_timeout=0.2))
        assert 0.4 <= time.monotonic() - began < 4  # a lost connection is tried twice


@pytest.mark.anyio
async def test_silence_within_a_reply_ends_after_the_read_timeout() -> None:
    async with fault_server(TOO_SLOW["hangs after its head"]) as server:
        began = time.monotonic()
        with pytest.raises(TooSlowError, match="ReadTimeout"):
            await look_up(server.url, 20, Wire(read_timeout=0.2))
        assert time.monotonic() - began < 4


@pytest.mark.anyio
async def test_with_the_default_settings_a_parent_hears_of_a_hung_backend_within_three_seconds() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    wire = Wire(defaults["enrollment_connect_timeout"], defaults["enrollment_read_timeout"])
    async with fault_server(hang) as server:
        began = time.monotonic()
        with pytest.raises(TooSlowError):
            await look_up(server.url, defaults["enrollment_timeout"], wire)
        assert time.monotonic() - began < 3


@pytest.mark.anyio
async def test_who_gets_none_of_our_connections_is_told_so_and_the_backend_not_blamed() -> None:
    async with fault_server(hang) as server:
        wire = Wire(connections=1, connect_timeout=0.2, circuit_failures=2)
        backend = HttpEnrollmentBackend(server.url, KEY, TOTAL, wire)
        ended = await asyncio.gather(
            *(backend.applications_of(GUARDIAN, "chongqing") for _ in range(4)), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in ended) == ["CrowdedError"] * 3 + ["TooSlowError"]
        with pytest.raises(TooSlowError):  # one failure and not four: the circuit is not open
            await backend.applications_of(GUARDIAN, "chongqing")
        await backend.aclose()
    assert "HELPDESK_ENROLLMENT_CONNECTIONS" in str(next(one for one in ended if isinstance(one, CrowdedError)))


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
        (application,) = await look_up(server.url)
    assert application.state == "补正"
    assert len(server.requests) == 2


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("behaviour", "tries"),
    [(GATEWAY, 2), (UNAVAILABLE["500"], 1), (THROTTLED["429"], 1), (hang, 1), (UNKNOWN_PATH["404"], 1)],
)
async def test_it_is_tried_no_more_than_that(behaviour: Behaviour, tries: int) -> None:
    async with fault_server(behaviour) as server:
        with pytest.raises(EnrollmentError):
            await look_up(server.url, TOTAL if behaviour is hang else AMPLE)
        assert len(server.requests) == tries


@pytest.mark.anyio
async def test_the_second_try_stays_within_the_total() -> None:
    async with fault_server(GATEWAY, hang) as server:
        began = time.monotonic()
        with pytest.raises(UnavailableError, match=r"within 0\.6 s"):
            await look_up(server.url, TOTAL)
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
