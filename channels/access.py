"""Who may call what: one table over every route; a route that is not in it stops the start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Request
from fastapi.routing import iter_route_contexts

from channels.services import services
from channels.tokens import read_staff_token
from core.errors import ForbiddenError, NotAuthenticatedError
from staff.roles import ROLES, Role, Staff

Open = Literal["public", "parent", "network", "backend"]
"""Not for staff: anybody; who knows a conversation's secret; by the caller's address; who signs as backend or Rasa."""

ANY_STAFF: frozenset[Role] = frozenset(ROLES)
AGENT: frozenset[Role] = frozenset({"agent"})
ADVISERS: frozenset[Role] = frozenset({"agent", "school", "district", "city"})
"""Who speaks with parents."""
_CONVERSATION = "/api/v1/conversations/{conversation_id}"

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
    ("POST", "/api/v1/conversations"): "public",
    ("PUT", f"{_CONVERSATION}/token"): "parent",
    ("POST", f"{_CONVERSATION}/messages"): "parent",
    ("GET", f"{_CONVERSATION}/messages"): "parent",
    ("GET", f"{_CONVERSATION}/events"): "parent",
    ("POST", f"{_CONVERSATION}/takeover"): ADVISERS,
    ("POST", f"{_CONVERSATION}/staff-messages"): ADVISERS,
    ("GET", f"{_CONVERSATION}/staff-messages"): ADVISERS,
    ("POST", f"{_CONVERSATION}/handback"): ADVISERS,
    ("GET", "/api/v1/suggestions"): ANY_STAFF,
}


def allowed(request: Request) -> Staff:
    """Return who calls, if the table lets their role call this route.

    Raises:
        NotAuthenticatedError: nobody is signed in, or the session or token is refused.
        ForbiddenError: the role may not.
    """
    who = signed_in(request)
    may = ACCESS[request.method, request.scope["route"].path]
    if isinstance(may, str) or who.role not in may:
        raise ForbiddenError("您的账号没有这项权限。")
    return who


Allowed = Annotated[Staff, Depends(allowed)]


def signed_in(request: Request) -> Staff:
    """Return who calls, by the token that the call carries.

    Raises:
        NotAuthenticatedError: there is none, or it is refused.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticatedError("请先登录。")
    return read_staff_token(services(request).settings, token.strip())


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
