"""The pages of signing in: templates, invented accounts, and how they are sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, TypeAdapter

from channels.staff.landing import is_local
from channels.widget.assets import Assets
from channels.widget.pages import read_templates, security_policy, send_page
from core.settings import Settings
from staff.roles import Role, Staff, StaffScope
from staff.sessions import Session

FOLDER = Path(__file__).parent
_WIDGET = FOLDER.parent / "widget/static"
_POLICY = security_policy(forms="'self'")
Problem = Literal["", "wrong", "stale", "limited", "signed_out", "oidc_refused", "oidc_unavailable"]
"""What the sign-in page tells; its words are in the template."""


class DemoAccount(BaseModel):
    """An invented account."""

    model_config = ConfigDict(extra="forbid")

    key: str
    name: str
    role: Role
    scope: str

    def staff_scope(self) -> StaffScope:
        """Return its scope."""
        return StaffScope.parse(self.scope)


def demo_accounts(settings: Settings) -> dict[str, DemoAccount]:
    """Return the invented accounts by their keys; without a demo key there are none."""
    if settings.demo_key_file is None:
        return {}
    listed = yaml.safe_load((FOLDER / "demo_accounts.yml").read_text(encoding="utf-8"))
    accounts = TypeAdapter(list[DemoAccount]).validate_python(listed)
    return {account.key: account for account in accounts}


@dataclass(frozen=True)
class SignInForm:
    """What the sign-in page shows: the form's secret, where to go then, the login that was typed, what went wrong."""

    secret: str
    next: str = ""
    login: str = ""
    problem: Problem = ""
    wait: int = 0


class StaffPages:
    """The pages; read once.

    Args:
        settings: which ways to sign in there are.
    """

    def __init__(self, settings: Settings) -> None:
        self._assets = Assets(FOLDER / "static", "/staff/static")
        templates = read_templates(FOLDER / "templates")
        templates.globals.update(
            assets=self._assets,
            shared=Assets(_WIDGET, "/widget/static"),
            demo=list(demo_accounts(settings).values()),
            oidc=bool(settings.oidc_issuer),
            oidc_name=settings.oidc_name,
            lockout=settings.staff_lockout_failures,
            lockout_minutes=max(1, round(settings.staff_lockout_minutes)),
        )
        self._templates = templates

    def add_assets(self, router: APIRouter) -> None:
        """Serve the styles."""
        self._assets.add_route(router)

    def sign_in(self, form: SignInForm, status: int = 200) -> Response:
        """Return the sign-in page."""
        shown = form.next if is_local(form.next) else ""
        return self._send("sign_in.html", status, form=form, next=shown)

    def own(self, staff: Staff, session: Session | None, work: str | None) -> Response:
        """Return the page that says who one is, with the way to the role's work if there is one."""
        return self._send("own.html", 200, staff=staff, session=session, work=work)

    def forbidden(self, session: Session | None, why: str) -> Response:
        """Return the page that somebody gets who may not see a page, or whose form is not from here."""
        return self._send("forbidden.html", 403, session=session, why=why)

    def unknown(self, subject: str) -> Response:
        """Return the page for somebody whom the identity provider knows and we do not."""
        return self._send("unknown.html", 403, subject=subject)

    def _send(self, name: str, status: int, **values: object) -> Response:
        response = send_page(self._templates.get_template(name).render(**values), _POLICY)
        response.status_code = status
        response.headers["Cache-Control"] = "no-store"
        return response
