"""Every route × everybody who may call it: who is let in, who is refused and how, over real HTTP."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest
from desk_running import Service
from parent_client import API, Parent
from staff_browser import NO_CERTIFICATES, SESSION, StaffBrowser
from staff_made import new_staff

from channels.access import ACCESS
from conversations.storage import open_engine
from core import clock
from staff.accounts import StaffStore
from staff.roles import ROLES, StaffScope
from staff.sessions import StaffSessions
from staff.tokens import StaffTokens

pytestmark = pytest.mark.system
EVERY_ROLE = "agent school district city editor admin"
# The same table once more, by hand: whoever adds a route says here, too, who may call it.
EXPECTED = {
    "GET /openapi.json": "public",
    "GET /docs": "public",
    "GET /docs/oauth2-redirect": "public",
    "GET /redoc": "public",
    "GET /healthz": "public",
    "GET /readyz": "public",
    "GET /metrics": "network",
    "POST /internal/actions": "backend",
    "POST /api/v1/enrollment/changes": "backend",
    "GET /widget": "public",
    "GET /widget.js": "public",
    "GET /widget/static/{version}/{name}": "public",
    "GET /demo": "public",
    "GET /demo/static/{version}/{name}": "public",
    "POST /demo/token": "public",
    "GET /staff": EVERY_ROLE,
    "GET /staff/sign-in": "public",
    "POST /staff/sign-in": "public",
    "POST /staff/demo": "public",
    "POST /staff/sign-out": EVERY_ROLE,
    "GET /staff/oidc/start": "public",
    "GET /staff/oidc/callback": "public",
    "GET /staff/static/{version}/{name}": "public",
    "GET /api/v1/me": EVERY_ROLE,
    "POST /api/v1/conversations": "public",
    "PUT /api/v1/conversations/{conversation_id}/token": "parent",
    "POST /api/v1/conversations/{conversation_id}/messages": "parent",
    "GET /api/v1/conversations/{conversation_id}/messages": "parent",
    "GET /api/v1/conversations/{conversation_id}/events": "parent",
    "POST /api/v1/conversations/{conversation_id}/attachments": "parent",
    "GET /api/v1/conversations/{conversation_id}/attachments/{attachment_id}": "parent",
    "POST /api/v1/conversations/{conversation_id}/takeover": "agent school district city",
    "POST /api/v1/conversations/{conversation_id}/staff-messages": "agent school district city",
    "GET /api/v1/conversations/{conversation_id}/staff-messages": "agent school district city",
    "POST /api/v1/conversations/{conversation_id}/handback": "agent school district city",
    "GET /api/v1/suggestions": EVERY_ROLE,
    "GET /api/v1/calls/{call_id}/verification": "agent",
    "POST /api/v1/calls/{call_id}/verification": "agent",
    "POST /api/v1/calls/{call_id}/verification/code": "agent",
    "GET /api/v1/calls/{call_id}/case": "agent",
    "GET /hotline": "agent",
    "GET /hotline/static/{version}/{name}": "public",
    "POST /api/v1/calls": "agent",
    "GET /api/v1/calls": "agent",
    "GET /api/v1/calls/open": "agent",
    "GET /api/v1/calls/{call_id}": "agent",
    "PATCH /api/v1/calls/{call_id}": "agent",
    "POST /api/v1/calls/{call_id}/events": "agent",
    "POST /api/v1/calls/{call_id}/end": "agent",
    "POST /api/v1/calls/{call_id}/escalate": "agent",
    "GET /school": "agent school district city",
    "GET /school/static/{version}/{name}": "public",
    "POST /api/v1/tickets": "agent school district city",
    "GET /api/v1/tickets": "agent school district city",
    "GET /api/v1/tickets/events": "agent school district city",
    "GET /api/v1/tickets/{ticket_id}/conversation": "agent school district city",
    "GET /api/v1/tickets/{ticket_id}/case": "school district city",
    "POST /api/v1/tickets/{ticket_id}/attachments": "agent school district city",
    "GET /api/v1/tickets/{ticket_id}/attachments/{attachment_id}": "agent school district city",
    "POST /api/v1/tickets/{ticket_id}/presence": "agent school district city",
    "GET /api/v1/tickets/{ticket_id}": "agent school district city",
    "POST /api/v1/tickets/{ticket_id}/claim": "school district city",
    "POST /api/v1/tickets/{ticket_id}/release": "school district city",
    "POST /api/v1/tickets/{ticket_id}/reply": "school district city",
    "POST /api/v1/tickets/{ticket_id}/ask_parent": "school district city",
    "POST /api/v1/tickets/{ticket_id}/note": "agent school district city",
    "POST /api/v1/tickets/{ticket_id}/transfer": "school district city",
    "POST /api/v1/tickets/{ticket_id}/resolve": "school district city",
    "POST /api/v1/tickets/{ticket_id}/close": "school district city",
    "POST /api/v1/tickets/{ticket_id}/reopen": "agent school district city",
    "POST /api/v1/incidents": "district city",
    "GET /api/v1/incidents": "agent school district city",
    "GET /api/v1/incidents/proposals": "district city",
    "GET /api/v1/incidents/{incident_id}": "agent school district city",
    "POST /api/v1/incidents/{incident_id}/text": "district city",
    "POST /api/v1/incidents/{incident_id}/close": "district city",
}
PAGES = {"GET /staff", "GET /hotline", "GET /school", "POST /staff/sign-out"}
STAFF_ROUTES = sorted(route for route, may in EXPECTED.items() if may.split()[0] in ROLES)
# What a form that another site or an old page sends is told; nobody is signed in by it.
FORMS = {"POST /staff/sign-in", "POST /staff/demo"}


@dataclass
class Caller:
    """Somebody who calls; `role` is nothing where nobody should be recognised."""

    role: str = ""
    bearer: str = ""
    cookie: str = ""
    csrf: str = ""
    login: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class Walk:
    """Calls any route of a service as anybody."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.http = httpx.Client(base_url=service.base, timeout=30, trust_env=False, verify=NO_CERTIFICATES)
        self.parent = Parent(service.base, city="chongqing")
        self.engine = open_engine(service.settings.database)
        self.store = StaffStore(self.engine, service.settings)
        self.sessions = StaffSessions(self.engine, service.settings)
        self.tokens = StaffTokens(self.engine)

    def close(self) -> None:
        self.parent.close()
        self.http.close()
        self.engine.dispose()

    def by_token(self, role: str) -> Caller:
        return Caller(role, bearer=self.service.staff_token(role))

    def by_cookie(self, role: str) -> Caller:
        """Return somebody of that role with a fresh session: routes may end it."""
        login = f"walks-{role}-{secrets.token_hex(4)}"
        id_ = self.sessions.open(self.store.add(new_staff(login, role, password=None)))  # type: ignore[arg-type]
        session = self.sessions.find(id_)
        assert session
        return Caller(role, cookie=id_, csrf=session.csrf, login=login)

    def by_integration(self, role: str, days: float = 1) -> Caller:
        text, _ = self.tokens.add("walk", role, StaffScope(), timedelta(days=days))  # type: ignore[arg-type]
        return Caller(role, bearer=text)

    def call(self, route: str, who: Caller) -> httpx.Response:
        method, path = route.split(" ")
        path = path.replace("{conversation_id}", self.parent.address.rsplit("/", maxsplit=1)[-1])
        headers = {"Origin": self.service.base, **who.headers}
        if who.bearer:
            headers["Authorization"] = f"Bearer {who.bearer}"
        if who.cookie:
            headers["Cookie"] = f"{SESSION}={who.cookie}"
        if who.csrf:
            headers["X-CSRF-Token"] = who.csrf
        self.http.cookies.clear()
        address = re.sub(r"{\w+}", "x", path)
        with self.http.stream(method, address, params={"q": "户口本"}, headers=headers) as response:
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                response.read()
            return response


@pytest.fixture(scope="module")
def walk(desk: Service) -> Iterator[Walk]:
    walking = Walk(desk)
    yield walking
    walking.close()


def nobodies(walk: Walk) -> dict[str, Caller]:
    """Return everybody whom no staff route may let in."""
    revoked, known = walk.tokens.add("revoked", "admin", StaffScope(), timedelta(days=1))
    walk.tokens.revoke(known.id)
    signed_in, disabled = walk.by_cookie("admin"), walk.by_cookie("admin")
    walk.store.disable(disabled.login)
    return {
        "nobody": Caller(),
        "parent's secret": Caller(bearer=walk.parent.secret),
        "parent's token": Caller(bearer=walk.service.token("cq-zhang")),
        "parent's secret as a session": Caller(cookie=walk.parent.secret, csrf="x"),
        "made-up token": Caller(bearer="hdst_" + "x" * 43),
        "made-up session": Caller(cookie="x" * 43, csrf="x" * 43),
        "expired token": Caller(bearer=walk.by_integration("admin", days=-1).bearer),
        "revoked token": Caller(bearer=revoked),
        "session beside a bad token": Caller(bearer="hdst_x", cookie=signed_in.cookie, csrf=signed_in.csrf),
        "session id as a token": Caller(bearer=signed_in.cookie),
        "disabled account": disabled,
        "another scheme": Caller(headers={"Authorization": f"Basic {walk.service.staff_token('admin')}"}),
    }


def test_the_two_tables_say_the_same() -> None:
    told = {f"{method} {path}": may for (method, path), may in ACCESS.items()}
    assert {route: may if isinstance(may, str) else set(may) for route, may in told.items()} == {
        route: set(may.split()) if may.split()[0] in ROLES else may for route, may in EXPECTED.items()
    }


def refusal(route: str, response: httpx.Response) -> str:
    """Return how a staff route refused a call, or that it did not."""
    if response.status_code == 303 and response.headers["location"].startswith("/staff/sign-in?next="):
        return "sign in" if route in PAGES else "a redirect from a call"
    if response.status_code == 303 and response.headers["location"] == "/staff/sign-in":
        return "sign in" if route in PAGES else "a redirect from a call"
    if response.status_code in (401, 403):
        if route in PAGES:
            return "forbidden" if response.headers["content-type"].startswith("text/html") else "no page"
        return "sign in" if response.status_code == 401 else "forbidden"
    return "let in"


@pytest.mark.parametrize("way", ["by_token", "by_cookie", "by_integration"])
@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_let_in_where_the_table_says_so_and_nowhere_else(walk: Walk, role: str, way: str) -> None:
    enter: Callable[[str], Caller] = getattr(walk, way)
    found = {route: refusal(route, walk.call(route, enter(role))) for route in STAFF_ROUTES}
    assert found == {route: "let in" if role in EXPECTED[route].split() else "forbidden" for route in STAFF_ROUTES}


def test_nobody_else_is_let_in_by_any_staff_route(walk: Walk) -> None:
    callers = nobodies(walk)
    found = {(who, route): refusal(route, walk.call(route, callers[who])) for who in callers for route in STAFF_ROUTES}
    assert found == dict.fromkeys(found, "sign in")
    assert len(found) == len(callers) * len(STAFF_ROUTES)


def test_what_is_open_is_open_to_everybody_and_the_rest_to_no_staff(walk: Walk) -> None:
    callers = [Caller(), walk.by_token("admin"), walk.by_cookie("admin"), walk.by_integration("admin")]
    found: dict[str, set[int]] = {}
    for route, may in EXPECTED.items():
        if may in ("public", "parent", "backend", "network"):
            found[route] = {walk.call(route, who).status_code for who in callers}
    refused = {route for route, codes in found.items() if codes & {401, 403}}
    assert {route: found[route] for route in refused if EXPECTED[route] == "public"} == {form: {403} for form in FORMS}
    assert refused - FORMS == {route for route, may in EXPECTED.items() if may in ("parent", "backend")}
    assert all(found[route] <= {401, 403} for route in refused)
    assert found["GET /metrics"] == {200}


def test_a_conversation_opens_to_its_own_secret_alone(walk: Walk) -> None:
    other = Parent(walk.service.base, city="qingdao")
    routes = [route for route, may in EXPECTED.items() if may == "parent"]
    assert {walk.call(route, Caller(bearer=other.secret)).status_code for route in routes} == {401}
    own = {route: walk.call(route, Caller(bearer=walk.parent.secret)).status_code for route in routes}
    assert {route for route, status in own.items() if status in (401, 403)} == set()
    assert httpx.get(f"{walk.service.base}{API}/x/messages", trust_env=False).status_code == 401
    other.close()


UNSAFE = [route for route in STAFF_ROUTES if not route.startswith("GET ")]


@pytest.mark.parametrize("route", UNSAFE)
def test_a_changing_call_by_cookie_needs_the_sessions_secret_and_our_own_page(walk: Walk, route: str) -> None:
    role = EXPECTED[route].split()[0]
    other = walk.by_cookie(role)
    cases: list[tuple[str, dict[str, str]]] = [
        ("", {}),
        ("x" * 43, {}),
        (other.csrf, {}),
        ("own", {"Origin": "https://evil.example"}),
        ("own", {"Origin": "null"}),
        ("own", {"Origin": ""}),
        ("own", {"Origin": walk.service.base.replace("http://", "http://evil.")}),
        ("own", {"Sec-Fetch-Site": "cross-site"}),
        ("own", {"Sec-Fetch-Site": "same-site"}),
        ("own", {"Sec-Fetch-Site": "none"}),
    ]
    for csrf, headers in cases:
        who = walk.by_cookie(role)
        who.csrf, who.headers = (who.csrf if csrf == "own" else csrf), headers
        assert refusal(route, walk.call(route, who)) == "forbidden", (csrf, headers)
    for headers in ({}, {"Sec-Fetch-Site": "same-origin", "Origin": ""}):
        who = walk.by_cookie(role)
        who.headers = headers
        assert refusal(route, walk.call(route, who)) == "let in", headers


@pytest.mark.parametrize("route", UNSAFE)
def test_a_changing_call_by_token_needs_no_secret(walk: Walk, route: str) -> None:
    for who in (walk.by_token("admin"), walk.by_integration("admin")):
        if "admin" in EXPECTED[route].split():
            who.headers = {"Origin": "https://elsewhere.example"}
            assert refusal(route, walk.call(route, who)) == "let in"


def test_reading_by_cookie_needs_no_secret(walk: Walk) -> None:
    who = walk.by_cookie("agent")
    who.csrf, who.headers = "", {"Origin": "", "Sec-Fetch-Site": "cross-site"}
    assert refusal("GET /api/v1/me", walk.call("GET /api/v1/me", who)) == "let in"


def test_the_form_field_does_as_well_as_the_header(walk: Walk) -> None:
    browser = StaffBrowser(walk.service.base)
    who = walk.by_cookie("agent")
    browser.cookies[SESSION] = who.cookie
    assert browser.call("POST", "/staff/sign-out", data={"csrf": "x"}).status_code == 403
    assert browser.call("POST", "/staff/sign-out", data={"csrf": who.csrf}).status_code == 303
    browser.close()


def test_a_session_of_another_age_is_let_in_by_no_staff_route(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = clock.now() - timedelta(hours=walk.service.settings.staff_session_hours, minutes=1)
    staff = walk.store.add(new_staff("long-ago", "admin", password=None))
    monkeypatch.setattr(clock, "now", lambda: before)
    id_ = walk.sessions.open(staff)
    session = walk.sessions.find(id_)
    monkeypatch.undo()
    assert session
    who = Caller("admin", cookie=id_, csrf=session.csrf)
    assert {refusal(route, walk.call(route, who)) for route in STAFF_ROUTES} == {"sign in"}
