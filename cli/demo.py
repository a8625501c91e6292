"""`helpdesk demo`: tokens that the running demo accepts, and the text messages that its backend sends."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Annotated, Any

import httpx
import typer

from channels.tokens import demo_staff_token, demo_token
from core.errors import HelpdeskError, SettingsError
from core.settings import Settings, settings
from enrollment.signing import SignedRequests, request_signer

demo = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="For the demo only; needs the demo key.")
_PAUSE = 1.0  # seconds between two looks


@demo.callback()
def _demo() -> None:
    """Keep `demo` a group."""


@demo.command()
def token(
    guardian: Annotated[str | None, typer.Option(help="A demo family, e.g. cq-zhang.")] = None,
    staff: Annotated[str | None, typer.Option(help="A role: agent, school, district, city, editor or admin.")] = None,
    scope: Annotated[str, typer.Option(help="CITY[/DISTRICT[/SCHOOL]] of the staff role.")] = "",
) -> None:
    """Print a token for a demo family or for a member of staff."""
    if (guardian is None) == (staff is None):
        raise typer.BadParameter("give exactly one of --guardian and --staff")
    typer.echo(demo_token(settings(), guardian) if guardian else demo_staff_token(settings(), str(staff), scope))


@demo.command()
def messages(
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what comes, until Ctrl-C.")] = False,
) -> None:
    """Print the text messages that the reference backend has sent: the number masked, and the text with its code."""
    current = settings()
    if not current.reference_backend or current.demo_key_file is None:
        raise SettingsError("HELPDESK_REFERENCE_BACKEND or HELPDESK_DEMO_KEY_FILE is not set: it is for the demo only")
    with suppress(KeyboardInterrupt), _outbox(current) as outbox:
        last = _print_after(outbox, 0)
        while follow:
            time.sleep(_PAUSE)
            last = _print_after(outbox, last)


def _outbox(current: Settings) -> httpx.Client:
    signer = request_signer(current)
    return httpx.Client(
        base_url=current.enrollment,
        headers={"Authorization": f"Bearer {current.enrollment_key.get_secret_value()}"},
        auth=SignedRequests(signer) if signer else None,
        trust_env=False,
    )


def _print_after(outbox: httpx.Client, last: int) -> int:
    """Print what came after the message `last`; return the id of the newest."""
    try:
        response = outbox.get("/v1/text-messages", params={"after": last}).raise_for_status()
    except httpx.HTTPError as error:
        raise HelpdeskError(f"the reference backend's messages can't be read ({type(error).__name__})") from error
    found: list[dict[str, Any]] = response.json()["messages"]
    for one in found:
        typer.echo(f"{one['phone'][:3]}****{one['phone'][-4:]}  {one['text']}")
    return int(found[-1]["id"]) if found else last
