"""`helpdesk staff`: accounts of staff and tokens of integrations."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Annotated, Any

import typer
from sqlalchemy import Engine

from conversations.migrate import migrate
from conversations.storage import open_engine
from core.errors import HelpdeskError
from core.settings import settings
from staff.accounts import NewStaff, StaffStore
from staff.passwords import LONGEST
from staff.roles import ROLES, Role, StaffScope
from staff.tokens import StaffTokens, Token

staff = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Accounts of staff and tokens of integrations.")
RoleOption = Annotated[str, typer.Option(help="agent, school, district, city, editor or admin.")]
ScopeOption = Annotated[str, typer.Option(help="CITY[/DISTRICT[/SCHOOL]]; without it every city.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@staff.command()
def add(
    login: Annotated[str, typer.Argument(help="What the person types to sign in.")],
    *,
    name: Annotated[str, typer.Option(help="As colleagues read it.")],
    role: RoleOption,
    scope: ScopeOption = "",
    oidc_subject: Annotated[
        str | None, typer.Option(help="The person's `sub` at the identity provider; then no password is asked for.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Make an existing account anew: enabled, unlocked, signed out.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add an account; the password is asked for twice, or is the first line of standard input."""
    issuer = _issuer() if oidc_subject is not None else None
    known = {"login": login, "name": name, "role": _role(role), "scope": _scope(scope)}
    password = None if issuer else _password()
    new = NewStaff(**known, password=password, issuer=issuer, subject=oidc_subject)  # type: ignore[arg-type]
    made = StaffStore(_engine(), settings()).add(new, replace=replace)
    shown = {"id": made.id, "login": login, "name": made.name, "role": made.role, "scope": str(made.scope)}
    typer.echo(json.dumps(shown, ensure_ascii=False) if as_json else f"account {login}: {made.role}, {_where(scope)}")


@staff.command()
def disable(login: Annotated[str, typer.Argument(help="The account's login.")]) -> None:
    """Close an account and end its sessions; running services know within three seconds."""
    StaffStore(_engine(), settings()).disable(login)
    typer.echo(f"account {login}: disabled")


@staff.command()
def token(
    name: Annotated[str | None, typer.Argument(help="What uses the token.")] = None,
    *,
    role: Annotated[str | None, typer.Option(help="agent, school, district, city, editor or admin.")] = None,
    scope: ScopeOption = "",
    days: Annotated[int, typer.Option(min=1, max=366, help="Days for which it is accepted.")] = 90,
    revoke: Annotated[str | None, typer.Option(metavar="ID", help="Revoke the token with this id instead.")] = None,
    as_json: Json = False,
) -> None:
    """Make a token for an integration and print it, this once; or revoke one."""
    if (revoke is None) == (name is None) or (name is not None and role is None):
        raise typer.BadParameter("give NAME and --role, or --revoke ID alone")
    tokens = StaffTokens(_engine())
    if revoke is not None:
        tokens.revoke(revoke)
        typer.echo(json.dumps({"id": revoke, "valid": False}) if as_json else f"token {revoke}: revoked")
        return
    text, made = tokens.add(str(name), _role(str(role)), _scope(scope), timedelta(days=days))
    typer.echo(json.dumps({"token": text, **_told(made)}, ensure_ascii=False) if as_json else text)
    if not as_json:
        typer.echo(f"token {made.id}: {made.role}, {_where(scope)}, until {made.expires_at:%Y-%m-%d}", err=True)


@staff.command("list")
def list_staff(
    tokens: Annotated[bool, typer.Option("--tokens", help="List the tokens of integrations.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the accounts by login, or the tokens, oldest first."""
    rows = [_told(one) for one in StaffTokens(_engine()).list()] if tokens else _accounts()
    for row in rows:
        if as_json:
            typer.echo(json.dumps(row, ensure_ascii=False))
        else:
            typer.echo("\t".join(str("-" if value in (None, "") else value) for value in row.values()))


def _accounts() -> list[dict[str, Any]]:
    return [
        {
            "login": one.login,
            "name": one.staff.name,
            "role": one.staff.role,
            "scope": str(one.staff.scope),
            "signs_in_by": one.by,
            "state": "disabled" if one.disabled else "locked" if one.locked else "active",
            "created_at": one.created_at.isoformat(timespec="seconds"),
            "id": one.staff.id,
        }
        for one in StaffStore(_engine(), settings()).list()
    ]


def _told(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "scope": str(token.scope),
        "state": "revoked" if token.revoked_at else "valid" if token.valid else "expired",
        "created_at": token.created_at.isoformat(timespec="seconds"),
        "expires_at": token.expires_at.isoformat(timespec="seconds"),
    }


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Once more"))
    given = sys.stdin.readline(4 * LONGEST).rstrip("\r\n")
    if not given:
        raise HelpdeskError("no password: type it, or write it as the first line of standard input")
    return given


def _role(text: str) -> Role:
    if text not in ROLES:
        raise typer.BadParameter(f"no such role: {text!r}; the roles are {', '.join(ROLES)}")
    return text


def _scope(text: str) -> StaffScope:
    try:
        return StaffScope.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _where(scope: str) -> str:
    return scope or "every city"


def _issuer() -> str:
    if not settings().oidc_issuer:
        raise HelpdeskError("--oidc-subject needs HELPDESK_OIDC_ISSUER: no identity provider is configured")
    return settings().oidc_issuer


def _engine() -> Engine:
    engine = open_engine(settings().database)
    migrate(engine)
    return engine
