"""`/staff/…`: sign in with a password, by the identity provider or as an invented account, and out; who am I."""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from channels.access import Allowed, AllowedPage, PageForbiddenError, SignInNeededError, session_of
from channels.services import services
from channels.staff import cookies
from channels.staff.forgery import read_form, refuse_other_sites, refuse_wrong_secret
from channels.staff.landing import OWN_PAGE, is_local, landing
from channels.staff.oidc import OidcRefusedError, OidcUnavailableError, Provider
from channels.staff.pages import DemoAccount, SignInForm, StaffPages, demo_accounts
from core.errors import ForbiddenError, MalformedRequestError, NotFoundError, TooManyRequestsError
from core.settings import Settings
from staff.accounts import NewStaff, SignIn
from staff.roles import Role, Staff

SIGN_IN = "/staff/sign-in"
_FORM_SECONDS = 3600
log = logging.getLogger(__name__)


class Me(BaseModel):
    """Who is signed in. `csrf` goes into the header X-CSRF-Token of changing calls by cookie; null with a token."""

    id: str
    name: str
    role: Role
    scope: str
    csrf: str | None


def install(app: FastAPI, settings: Settings) -> None:
    """Add the routes, and the pages that other pages of staff answer with when somebody may not see them."""
    pages = StaffPages(settings)
    router = APIRouter()
    pages.add_assets(router)
    _add_password(router, pages)
    _add_demo(router, pages, demo_accounts(settings))
    _add_oidc(router, pages, Provider(settings) if settings.oidc_issuer else None)
    _add_own(router, pages)
    app.include_router(router)

    async def lead_to_sign_in(request: Request, _: Exception) -> Response:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        known = request.method == "GET" and is_local(wanted)
        return RedirectResponse(f"{SIGN_IN}?{urlencode({'next': wanted})}" if known else SIGN_IN, status_code=303)

    async def forbidden(request: Request, error: Exception) -> Response:
        return pages.forbidden(await session_of(request), str(error))

    app.add_exception_handler(SignInNeededError, lead_to_sign_in)
    app.add_exception_handler(PageForbiddenError, forbidden)


def _add_password(router: APIRouter, pages: StaffPages) -> None:
    @router.get(SIGN_IN, include_in_schema=False)
    async def sign_in_page(request: Request, next: str = "", signed_out: bool = False) -> Response:
        return _form_page(request, pages, SignInForm("", next, problem="signed_out" if signed_out else ""))

    @router.post(SIGN_IN, include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        form = await _own_form(request)
        if form is None:
            return _refused(request, pages, SignIn.FORGED, SignInForm("", problem="stale"), 403)
        shown = SignInForm("", form.get("next", ""), form.get("login", "")[:64], "wrong")
        if wait := _wait(request):
            return _refused(request, pages, SignIn.LIMITED, replace(shown, problem="limited", wait=wait), 429)
        door = services(request).staff
        outcome, staff = await door.check_password(form.get("login", ""), form.get("password", ""))
        if staff is None:
            return _refused(request, pages, outcome, shown, 401)
        return await _signed_in(request, outcome, staff, form.get("next", ""))


def _add_demo(router: APIRouter, pages: StaffPages, accounts: dict[str, DemoAccount]) -> None:
    @router.post("/staff/demo", include_in_schema=False)
    async def sign_in_as_invented(request: Request) -> Response:
        if not accounts:
            raise NotFoundError("没有演示账号。")
        form = await _own_form(request)
        if form is None:
            return _refused(request, pages, SignIn.FORGED, SignInForm("", problem="stale"), 403)
        if wait := _wait(request):
            return _refused(request, pages, SignIn.LIMITED, SignInForm("", problem="limited", wait=wait), 429)
        account = accounts.get(form.get("account", ""))
        if account is None:
            raise NotFoundError("没有这个演示账号。")
        door = services(request).staff
        new = NewStaff(f"demo-{account.key}", account.name, account.role, account.staff_scope())
        staff = await door.call(door.accounts.invented, account.key, new)
        if staff is None:
            return _refused(request, pages, SignIn.DISABLED, SignInForm("", problem="wrong"), 401)
        return await _signed_in(request, SignIn.DEMO, staff, form.get("next", ""))


def _add_oidc(router: APIRouter, pages: StaffPages, provider: Provider | None) -> None:
    @router.get("/staff/oidc/start", include_in_schema=False)
    async def leave_for_provider(request: Request, next: str = "") -> Response:
        found = _or_not_found(provider)
        if wait := _wait(request):
            return _refused(request, pages, SignIn.LIMITED, SignInForm("", problem="limited", wait=wait), 429)
        try:
            return await found.leave(request, next if is_local(next) else "")
        except OidcUnavailableError as error:
            log.warning("the identity provider cannot be used: %s", error)
            shown = SignInForm("", problem="oidc_unavailable")
            return _refused(request, pages, SignIn.OIDC_UNAVAILABLE, shown, 503)

    @router.get("/staff/oidc/callback", include_in_schema=False)
    async def come_back_from_provider(request: Request) -> Response:
        found = _or_not_found(provider)
        services(request).limits.check(request)
        response = await _back(request, pages, found)
        cookies.drop(response, cookies.OIDC)
        return response


async def _back(request: Request, pages: StaffPages, provider: Provider) -> Response:
    parts = services(request)
    try:
        subject, wanted = await provider.come_back(request)
    except OidcUnavailableError as error:
        log.warning("the identity provider cannot be used: %s", error)
        shown = SignInForm("", problem="oidc_unavailable")
        return _refused(request, pages, SignIn.OIDC_UNAVAILABLE, shown, 503)
    except OidcRefusedError as error:
        log.warning("a sign-in at the identity provider was refused: %s", error)
        return _refused(request, pages, SignIn.OIDC_REFUSED, SignInForm("", problem="oidc_refused"), 401)
    staff = await parts.staff.call(parts.staff.accounts.by_subject, provider.issuer, subject)
    if staff is None:
        parts.metrics.count_sign_in(SignIn.OIDC_UNKNOWN)
        return pages.unknown(subject)
    return await _signed_in(request, SignIn.OIDC, staff, wanted)


def _add_own(router: APIRouter, pages: StaffPages) -> None:
    @router.get(OWN_PAGE, include_in_schema=False)
    async def own_page(request: Request, staff: AllowedPage) -> Response:
        session = await session_of(request)
        work = landing(staff.role, "")
        return pages.own(staff, session, work if work != OWN_PAGE else None)

    @router.post("/staff/sign-out", include_in_schema=False)
    async def sign_out(request: Request, _: AllowedPage) -> Response:
        await services(request).staff.close(cookies.read(request, cookies.SESSION))
        response = RedirectResponse(f"{SIGN_IN}?signed_out=true", status_code=303)
        cookies.drop(response, cookies.SESSION)
        return response

    @router.get("/api/v1/me", tags=["staff"])
    async def me(request: Request, staff: Allowed, response: Response) -> Me:
        """Return who is signed in."""
        response.headers["Cache-Control"] = "no-store"
        session = None if "authorization" in request.headers else await session_of(request)
        return Me(
            id=staff.id,
            name=staff.name,
            role=staff.role,
            scope=str(staff.scope),
            csrf=session.csrf if session else None,
        )


async def _own_form(request: Request) -> dict[str, str] | None:
    """Return the fields of a form that this browser got from us; else nothing: nobody is signed in by another site."""
    try:
        refuse_other_sites(request)
        form = await read_form(request)
        refuse_wrong_secret(form.get("secret"), cookies.read(request, cookies.FORM))
    except (ForbiddenError, MalformedRequestError):
        return None
    return form


def _wait(request: Request) -> int:
    """Count a try to sign in; return the seconds to wait if there were too many from this address, else nought."""
    try:
        services(request).limits.check_sign_in(request)
    except TooManyRequestsError as error:
        return int(error.details["retry_after"])
    return 0


def _form_page(request: Request, pages: StaffPages, form: SignInForm, status: int = 200) -> Response:
    known = cookies.read(request, cookies.FORM)
    secret = known if known and len(known) >= 32 else secrets.token_urlsafe(32)
    response = pages.sign_in(replace(form, secret=secret), status)
    cookies.set_cookie(response, cookies.FORM, secret, _FORM_SECONDS)
    return response


def _refused(request: Request, pages: StaffPages, outcome: SignIn, form: SignInForm, status: int) -> Response:
    services(request).metrics.count_sign_in(outcome)
    log.info("a sign-in of staff was refused: %s", outcome.value)
    response = _form_page(request, pages, form, status)
    if form.wait:
        response.headers["Retry-After"] = str(form.wait)
    return response


async def _signed_in(request: Request, outcome: SignIn, staff: Staff, wanted: str) -> Response:
    parts = services(request)
    id_ = await parts.staff.open(staff, instead_of=cookies.read(request, cookies.SESSION))
    parts.metrics.count_sign_in(outcome)
    response = RedirectResponse(landing(staff.role, wanted), status_code=303)
    cookies.set_cookie(response, cookies.SESSION, id_)
    cookies.drop(response, cookies.FORM)
    return response


def _or_not_found(provider: Provider | None) -> Provider:
    if provider is None:
        raise NotFoundError("没有配置统一登录。")
    return provider
