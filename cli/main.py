"""The `helpdesk` command: every subcommand, and one way to report what goes wrong."""

from __future__ import annotations

import os
import sys

# Set before any library that could look a model up: nothing is fetched at run time.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")

import typer

from cli.ask import ask
from cli.audit import audit
from cli.backup import backup, restore
from cli.benchmark import benchmark
from cli.demo import demo
from cli.evaluate import evaluate
from cli.explain import explain
from cli.knowledge import knowledge
from cli.peers import evaluate_peers
from cli.privacy import privacy
from cli.serve import serve
from cli.staff import staff
from cli.tickets import tickets
from cli.train import train, tune
from core.errors import HelpdeskError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="The school enrolment help desk."
)
app.command()(serve)
app.command()(train)
app.command()(tune)
app.command()(ask)
app.command()(explain)
app.command()(evaluate)
app.command()(evaluate_peers)
app.command()(benchmark)
app.command()(backup)
app.command()(restore)
app.add_typer(knowledge, name="knowledge")
app.add_typer(audit, name="audit")
app.add_typer(privacy, name="privacy")
app.add_typer(staff, name="staff")
app.add_typer(tickets, name="tickets")
app.add_typer(demo, name="demo")


def main() -> None:
    """Run the command; a known error is one line on standard error and exit code 2."""
    try:
        app()
    except HelpdeskError as error:
        print(f"helpdesk: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
