"""A reference service that asks for signatures: what is let in, what is refused and by which name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from running_reference import KEY, running_service
from sqlalchemy import select
from sqlalchemy.orm import Session

from enrollment.client import HttpEnrollmentBackend
from enrollment.errors import RefusedError
from enrollment.exchange import Wire
from enrollment.reference.database import open_database
from enrollment.reference.tables import SeenNonce
from enrollment.signing import ALGORITHMS, NONCE_SECONDS, Signer

SIGNER = Signer("hmac-sm3", SecretStr("signing-key-for-tests"), "helpdesk")
QUERY, CHANGES = "/v1/applications/query", "/v1/changes?after=0"
BODY = b'{"guardian": "cq-zhang", "city": "chongqing"}'
Send = Callable[..., httpx.Response]


@pytest.fixture
def signed_url(database_url: str) -> Iterator[str]:
    with running_service(database_url, SIGNER) as url:
        yield url


@pytest.fixture
def send(signed_url: str) -> Iterator[Send]:
    """Give a function that sends a request with the right key and these headers."""
    with httpx.Client(base_url=signed_url, trust_env=False) as client:

        def send_it(method: str, target: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
            key = {"Authorization": f"Bearer {KEY.get_secret_value()}", "Content-Type": "application/json"}
            return client.request(method, target, content=body, headers=key | headers)

        yield send_it


def fault(answer: httpx.Response) -> tuple[int, str, Any]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["details"].get("fault")


@pytest.mark.anyio
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_every_call_of_the_client_is_let_in_when_signed(database_url: str, algorithm: str) -> None:
    signer = Signer(algorithm, SIGNER.key, "helpdesk")
    with running_service(database_url, signer) as url:
        async with aclosing(HttpEnrollmentBackend(url, KEY, 5.0, Wire(signer=signer))) as backend:
            for _ in range(3):
                assert [a.state for a in await backend.applications_of("cq-zhang", "chongqing")] == ["待审核"]
                assert await backend.changes_after(0) == []
                assert await backend.latest_change() == 0
                assert await backend.ready() is True


@pytest.mark.anyio
@pytest.mark.parametrize(
    "signer",
    [
        None,
        Signer("hmac-sha256", SIGNER.key, "helpdesk"),
        Signer("hmac-sm3", SIGNER.key, "another"),
        Signer("hmac-sm3", SecretStr("another key altogether"), "helpdesk"),
    ],
)
async def test_a_client_that_signs_wrongly_hears_what_to_check(signed_url: str, signer: Signer | None) -> None:
    async with aclosing(HttpEnrollmentBackend(signed_url, KEY, 5.0, Wire(signer=signer))) as backend:
        for ask in (lambda: backend.applications_of("cq-zhang", "chongqing"), backend.latest_change):
            with pytest.raises(RefusedError, match="HELPDESK_ENROLLMENT_SIGNING"):
                await ask()


@pytest.mark.parametrize(
    ("method", "target", "body"), [("POST", QUERY, BODY), ("GET", CHANGES, b""), ("POST", f"{QUERY}?x=%41", BODY)]
)
def test_a_request_is_served_once(send: Send, method: str, target: str, body: bytes) -> None:
    headers = SIGNER.headers(method, target, body)
    assert send(method, target, body, headers).status_code == 200
    for _ in range(2):
        assert fault(send(method, target, body, headers)) == (401, "signature_rejected", "ReplayedError")
    assert send(method, target, body, SIGNER.headers(method, target, body)).status_code == 200


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, None),
        ({"X-Helpdesk-Signature": ""}, "UnsignedError"),
        ({"X-Helpdesk-Key": "another"}, "UnknownKeyError"),
        ({"X-Helpdesk-Nonce": "N" * 20}, "ForgedError"),
        ({"X-Helpdesk-Timestamp": "1"}, "StaleError"),
    ],
)
def test_each_fault_of_a_signature_is_named(send: Send, change: dict[str, str], name: str | None) -> None:
    answer = send("POST", QUERY, BODY, SIGNER.headers("POST", QUERY, BODY) | change)
    if name is None:
        assert answer.status_code == 200
    else:
        assert fault(answer) == (401, "signature_rejected", name)


def test_a_changed_body_query_or_path_is_refused(send: Send) -> None:
    headers = SIGNER.headers("POST", QUERY, BODY)
    for target, body in ((QUERY, BODY.replace(b"zhang", b"liu")), (f"{QUERY}?a=1", BODY)):
        assert fault(send("POST", target, body, headers)) == (401, "signature_rejected", "ForgedError")
    changes = SIGNER.headers("GET", CHANGES, b"")
    assert fault(send("GET", "/v1/changes?after=1", b"", changes))[2] == "ForgedError"
    assert send("GET", CHANGES, b"", changes).status_code == 200  # the refused one has not used the nonce up


def test_a_good_signature_without_the_key_opens_nothing(send: Send) -> None:
    headers = SIGNER.headers("POST", QUERY, BODY) | {"Authorization": "Bearer wrong"}
    assert fault(send("POST", QUERY, BODY, headers)) == (401, "not_authenticated", None)


def test_health_needs_no_signature(signed_url: str) -> None:
    assert httpx.get(f"{signed_url}/health").json() == {"status": "ok"}


def test_a_replay_is_refused_after_a_restart_too(database_url: str) -> None:
    headers = {"Authorization": f"Bearer {KEY.get_secret_value()}", "Content-Type": "application/json"}
    headers |= SIGNER.headers("POST", QUERY, BODY)
    found = []
    for _ in range(2):
        with running_service(database_url, SIGNER) as url:
            found.append(httpx.post(url + QUERY, content=BODY, headers=headers).status_code)
    assert found == [200, 401]


def test_nonces_are_forgotten_once_their_time_is_over_and_not_before(send: Send, database_url: str) -> None:
    engine, now = open_database(database_url), datetime.now(UTC)
    ages = {"young": NONCE_SECONDS - 60, "old": NONCE_SECONDS + 60}
    with Session(engine) as session, session.begin():
        session.add_all(SeenNonce(nonce=name, at=now - timedelta(seconds=age)) for name, age in ages.items())
    headers = SIGNER.headers("GET", CHANGES, b"")
    assert send("GET", CHANGES, b"", headers).status_code == 200
    with Session(engine) as session:
        assert set(session.scalars(select(SeenNonce.nonce))) == {"young", headers["X-Helpdesk-Nonce"]}
    engine.dispose()
