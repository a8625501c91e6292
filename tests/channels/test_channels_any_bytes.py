"""Whatever arrives as body, id or header: it is refused in the one shape of errors, and the service goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from desk_running import Service
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parent_client import API, Parent

pytestmark = pytest.mark.system
BOUNDED = settings(
    max_examples=100, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
JSON = {"Content-Type": "application/json"}
FIELDS = [
    "text",
    "payload",
    "city",
    "district",
    "stage",
    "token",
    "guardian",
    "tracker",
    "next_action",
    "\ud800",
    "\x00",
]
# Everything that a header's value may hold.
header_bytes = st.lists(st.sampled_from([*range(0x21, 0x7F), *range(0x80, 0x100)]), min_size=1, max_size=80).map(bytes)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=4),
    max_leaves=12,
)
bodies = st.binary(max_size=300) | values.map(lambda value: json.dumps(value).encode())


@pytest.fixture(scope="module")
def parent(service: Service) -> Iterator[Parent]:
    """Give a parent whose conversation must stay as it is."""
    parent = Parent(service.base, city="chongqing")
    yield parent
    assert parent.say("刷脸查不到孩子").entries == ["cq-10"]
    parent.close()


def refused(response: httpx.Response, *statuses: int) -> None:
    assert response.status_code in statuses, (response.request.content, response.text)
    if response.status_code >= 400:
        assert set(response.json()["error"]) == {"code", "message", "details"}


@pytest.mark.parametrize("kind", [JSON, {}, {"Content-Type": "application/x-www-form-urlencoded"}])
@BOUNDED
@given(body=bodies)
def test_a_body_that_nobody_meant_is_refused(parent: Parent, kind: dict[str, str], body: bytes) -> None:
    for method, path, done in (
        ("POST", API, 201),
        ("POST", f"{parent.address}/messages", 200),
        ("PUT", f"{parent.address}/token", 204),
        ("POST", "/demo/token", 200),
    ):
        refused(parent.http.request(method, path, content=body, headers=kind), done, 401, 422)


@BOUNDED
@given(identifier=st.binary(min_size=1, max_size=60), secret=header_bytes)
def test_an_id_or_secret_that_was_never_given_opens_nothing(parent: Parent, identifier: bytes, secret: bytes) -> None:
    name = quote(identifier, safe="")
    for method, path, body in (("GET", "messages", b""), ("POST", "messages", b'{"text": "x"}'), ("PUT", "token", b"")):
        headers: Any = {**JSON, "Authorization": b"Bearer " + secret}
        refused(parent.http.request(method, f"{parent.address}/{path}", content=body, headers=headers), 401)
        refused(parent.http.request(method, f"{API}/{name}/{path}", content=body, headers=JSON), 401, 404, 405)


@BOUNDED
@given(value=header_bytes)
def test_a_header_that_nobody_meant_makes_no_server_error(parent: Parent, value: bytes) -> None:
    secret: Any = {"X-Helpdesk-Secret": value, **JSON}
    refused(parent.http.post("/internal/actions", content=b"{}", headers=secret), 401)
    staff: Any = {"Authorization": b"Bearer " + value}
    refused(parent.http.get("/api/v1/suggestions?q=x", headers=staff), 401)
    for name in ("X-Forwarded-For", "Accept", "Accept-Encoding", "Cookie", "Origin", "X-Request-Id"):
        sent: Any = {name: value, **JSON}
        refused(parent.http.post(API, content=b'{"city": "chongqing"}', headers=sent), 201)
    kind: Any = {"Content-Type": value}
    refused(parent.http.post(API, content=b'{"city": "chongqing"}', headers=kind), 201, 422)


@BOUNDED
@given(value=st.binary(max_size=60))
def test_an_address_that_nobody_meant_is_refused(parent: Parent, value: bytes) -> None:
    name = quote(value, safe="")
    refused(parent.http.get(f"{parent.address}/messages?after={name}"), 200, 422)
    for path in (f"/{name}", f"/widget/static/{name}/main.js", f"/demo/static/0/{name}", f"/demo?city={name}"):
        response = parent.http.get(path)
        assert response.status_code < 500, (path, response.text)


@BOUNDED
@given(payload=st.text(st.characters(), max_size=220))
def test_a_payload_that_was_never_offered_chooses_nothing(parent: Parent, payload: str) -> None:
    body = json.dumps({"payload": payload}).encode()
    refused(parent.http.post(f"{parent.address}/messages", content=body, headers=JSON), 422)
