"""`helpdesk demo`: tokens that the running demo accepts."""

from __future__ import annotations

from typing import Annotated

import typer

from channels.tokens import demo_staff_token, demo_token
from core.settings import settings

demo = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="For the demo only; needs the demo key.")


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
