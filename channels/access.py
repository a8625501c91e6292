"""Who may call what: one table over every route; a route that is not in it stops the start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Request
from fastapi.routing import iter_route_contexts

from channels.services import services
from channels.staff import cookies
from channels.staff.forgery import SAFE_METHODS, refuse_forged
from core.errors import ForbiddenError, NotAuthenticatedError
from staff.roles import ROLES, Role, Staff
from staff.sessions import Session
from staff.tokens import PREFIX

Open = Literal["public", "parent", "network", "backend"]
"""Not for staff: anybody; who knows a conversation's secret; by the caller's address; who signs as backend or Rasa."""

ANY_STAFF: frozenset[Role] = frozenset(ROLES)
AGENT: frozenset[Role] = frozenset({"agent"})
TEAMS: frozenset[Role] = frozenset({"school", "district", "city"})
OFFICES: frozenset[Role] = frozenset({"district", "city"})
ADVISERS: frozenset[Role] = frozenset({"agent", "school", "district", "city"})
"""Who speaks with parents."""
_CONVERSATION = "/api/v1/conversations/{conversation_id}"
_CALL = "/api/v1/calls/{call_id}"
_INCIDENTS = "/api/v1/incidents"
_TICKETS = "/api/v1/tickets"
_TICKET = f"{_TICKETS}/{{ticket_id}}"

ACCESS: dict[tuple[str, str], Open | frozenset[Role]] = {
    ("GET", "/openapi.json"): "public",
    ("GET", "/docs"): "public",
    ("GET", "/docs/oauth2-redirect"): "public",
    ("GET", "/redoc"): "public",
    ("GET", "/healthz"): "public",
    ("GET", "/readyz"): "public",
    ("GET", "/metrics"): "network",
    ("POST", "/internal/actions"): "backend",
    ("POST", "/api/v1/enrollment/changes"): "backend",
    ("GET", "/widget"): "public",
    ("GET", "/widget.js"): "public",
    ("GET", "/widget/static/{version}/{name}"): "public",
    ("GET", "/demo"): "public",
    ("GET", "/demo/static/{version}/{name}"): "public",
    ("POST", "/demo/token"): "public",
    ("GET", "/staff"): ANY_STAFF,
    ("GET", "/staff/sign-in"): "public",
    ("POST", "/staff/sign-in"): "public",
    ("POST", "/staff/demo"): "public",
    ("POST", "/staff/sign-out"): ANY_STAFF,
    ("GET", "/staff/oidc/start"): "public",
    ("GET", "/staff/oidc/callback"): "public",
    ("GET", "/staff/static/{version}/{name}"): "public",
    ("GET", "/api/v1/me"): ANY_STAFF,
    ("POST", "/api/v1/conversations"): "public",
    ("PUT", f"{_CONVERSATION}/token"): "parent",
    ("POST", f"{_CONVERSATION}/messages"): "parent",
    ("GET", f"{_CONVERSATION}/messages"): "parent",
    ("GET", f"{_CONVERSATION}/events"): "parent",
    ("POST", f"{_CONVERSATION}/attachments"): "parent",
    ("GET", f"{_CONVERSATION}/attachments/{{attachment_id}}"): "parent",
    ("POST", f"{_CONVERSATION}/takeover"): ADVISERS,
    ("POST", f"{_CONVERSATION}/staff-messages"): ADVISERS,
    ("GET", f"{_CONVERSATION}/staff-messages"): ADVISERS,
    ("POST", f"{_CONVERSATION}/handback"): ADVISERS,
    ("GET", "/api/v1/suggestions"): ANY_STAFF,
    ("GET", "/api/v1/calls/{call_id}/verification"): AGENT,
    ("POST", "/api/v1/calls/{call_id}/verification"): AGENT,
    ("POST", "/api/v1/calls/{call_id}/verification/code"): AGENT,
    ("GET", "/api/v1/calls/{call_id}/case"): AGENT,
    ("GET", "/hotline"): AGENT,
    ("GET", "/hotline/static/{version}/{name}"): "public",
    ("POST", "/api/v1/calls"): AGENT,
    ("GET", "/api/v1/calls"): AGENT,
    ("GET", "/api/v1/calls/open"): AGENT,
    ("GET", _CALL): AGENT,
    ("PATCH", _CALL): AGENT,
    ("POST", f"{_CALL}/events"): AGENT,
    ("POST", f"{_CALL}/end"): AGENT,
    ("POST", f"{_CALL}/escalate"): AGENT,
    ("GET", "/school"): AGENT | TEAMS,
    ("GET", "/school/static/{version}/{name}"): "public",
    ("POST", _TICKETS): AGENT | TEAMS,
    ("GET", _TICKETS): AGENT | TEAMS,
    ("GET", f"{_TICKETS}/events"): AGENT | TEAMS,
    ("GET", _TICKET): AGENT | TEAMS,
    ("GET", f"{_TICKET}/conversation"): AGENT | TEAMS,
    ("GET", f"{_TICKET}/case"): TEAMS,
    ("POST", f"{_TICKET}/attachments"): AGENT | TEAMS,
    ("GET", f"{_TICKET}/attachments/{{attachment_id}}"): AGENT | TEAMS,
    ("POST", f"{_TICKET}/presence"): AGENT | TEAMS,
    ("POST", f"{_TICKET}/claim"): TEAMS,
    ("POST", f"{_TICKET}/release"): TEAMS,
    ("POST", f"{_TICKET}/reply"): TEAMS,
    ("POST", f"{_TICKET}/ask_parent"): TEAMS,
    ("POST", f"{_TICKET}/note"): AGENT | TEAMS,
    ("POST", f"{_TICKET}/transfer"): TEAMS,
    ("POST", f"{_TICKET}/resolve"): TEAMS,
    ("POST", f"{_TICKET}/close"): TEAMS,
    ("POST", f"{_TICKET}/reopen"): AGENT | TEAMS,
    ("POST", _INCIDENTS): OFFICES,
    ("GET", _INCIDENTS): AGENT | TEAMS,
    ("GET", f"{_INCIDENTS}/proposals"): OFFICES,
    ("GET", f"{_INCIDENTS}/{{incident_id}}"): AGENT | TEAMS,
    ("POST", f"{_INCIDENTS}/{{incident_id}}/text"): OFFICES,
    ("POST", f"{_INCIDENTS}/{{incident_id}}/close"): OFFICES,
}


class SignInNeededError(NotAuthenticatedError):
    """A page was asked for by nobody who is signed in: the browser is led to the sign-in page."""


class PageForbiddenError(ForbiddenError):
    """A page was asked for by a role that may not see it."""


async def allowed(request: Request) -> Staff:
    """Return who calls, if the table lets their role call this route.

    Raises:
        NotAuthenticatedError: nobody is signed in, or the session or token is refused.
        ForbiddenError: the role may not, or a call by session cookie comes from another site.
    """
    who = await signed_in(request)
    may = ACCESS[request.method, request.scope["route"].path]
    if isinstance(may, str) or who.role not in may:
        raise ForbiddenError("您的账号没有这项权限。")
    return who


async def allowed_page(request: Request) -> Staff:
    """Return who asks for a page, as `allowed` does; a browser is answered with a page, too.

    Raises:
        SignInNeededError: nobody is signed in; the browser is led to the sign-in page and back.
        PageForbiddenError: the role may not; a page says so.
    """
    try:
        return await allowed(request)
    except NotAuthenticatedError as error:
        raise SignInNeededError(error.message) from error
    except ForbiddenError as error:
        raise PageForbiddenError(error.message) from error


Allowed = Annotated[Staff, Depends(allowed)]
AllowedPage = Annotated[Staff, Depends(allowed_page)]


async def signed_in(request: Request) -> Staff:
    """Return who calls: by the token that the call bears or, if it bears none, by the session cookie.

    Raises:
        NotAuthenticatedError: there is neither, or it is refused.
        ForbiddenError: it would change something by the session cookie, and comes from another site.
    """
    if "authorization" in request.headers:
        return await _bearer(request)
    session = await session_of(request)
    if session is None:
        raise NotAuthenticatedError("请先登录。")
    if request.method not in SAFE_METHODS:
        await refuse_forged(request, session.csrf)
    return session.staff


async def session_of(request: Request) -> Session | None:
    """Return the session of the browser that calls, if one is going on."""
    id_ = cookies.read(request, cookies.SESSION)
    return None if id_ is None else await services(request).staff.session(id_)


async def _bearer(request: Request) -> Staff:
    scheme, _, text = request.headers["authorization"].partition(" ")
    token = text.strip()
    if scheme.lower() != "bearer":
        raise NotAuthenticatedError("请先登录。")
    if not token.startswith(PREFIX):
        return services(request).staff.demo_token(token)
    who = await services(request).staff.token(token)
    if who is None:
        raise NotAuthenticatedError("请先登录。")
    return who


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield method and path of every route that the application serves."""
    for route in iter_route_contexts(app.router.routes):
        yield from ((method, str(route.path)) for method in sorted((route.methods or {"*"}) - {"HEAD"}))


def check_routes(app: FastAPI) -> None:
    """Compare the application's routes with the table.

    Raises:
        RuntimeError: a route is not in the table, or the table has one that the application does not serve.
    """
    served = set(routes_of(app))
    if served != set(ACCESS):
        raise RuntimeError(f"channels/access.py and the routes differ: {sorted(served ^ set(ACCESS))}")
