"""`helpdesk audit`: verify the log of looks at families' cases, and say who looked at what."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import Engine

from conversations import audit_verify
from conversations.audit_heads import HeadFile
from conversations.audit_listing import looks
from conversations.audit_seal import kept_key
from conversations.audit_verify import Verdict
from conversations.migrate import migrate
from conversations.storage import open_engine
from core.settings import settings

audit = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The log of who looked at which family's case.")
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
_SAYS = {
    "missing": "row {seq} is missing",
    "inserted": "row {seq} is one too many",
    "changed": "row {seq} is not what was recorded",
    "rewritten": "row {seq} is sealed, but is not the one that was recorded",
    "cut": "row {seq} and what followed are gone",
    "end_changed": "the record of the log's end was changed",
    "head_damaged": "line {seq} of the head file is not a head of this log",
    "no_heads": "there are rows, but the head file has no head",
}


@audit.command()
def verify(as_json: Json = False) -> None:
    """Check that no look was changed, removed, inserted or cut off; exit 1 with the first bad row if one was."""
    verdict = _verdict(_engine())
    if as_json:
        typer.echo(json.dumps({"ok": verdict.ok, **asdict(verdict)}))
    else:
        found = f"{verdict.rows} rows are sound and fit {verdict.heads} heads; {verdict.uncovered} came after the last"
        typer.echo(f"FAULT: {_SAYS[verdict.fault].format(seq=verdict.seq)}; {found}" if verdict.fault else found)
    raise typer.Exit(0 if verdict.ok else 1)


@audit.command("list")
def list_looks(
    application: Annotated[str | None, typer.Option(help="Only looks at the application with this id.")] = None,
    guardian: Annotated[str | None, typer.Option(help="Only looks by the guardian with this id.")] = None,
    as_json: Json = False,
) -> None:
    """List the looks, oldest first; an id whose link was erased shows as its pseudonym."""
    for look in looks(_engine(), application=application, guardian=guardian):
        fields = asdict(look)
        if as_json:
            typer.echo(json.dumps(fields, ensure_ascii=False))
        else:
            typer.echo("\t".join(" ".join(v) if isinstance(v, list) else str(v or "-") for v in fields.values()))


def _engine() -> Engine:
    engine = open_engine(settings().database)
    migrate(engine)
    return engine


def _verdict(engine: Engine) -> Verdict:
    current = settings()
    key = kept_key(current.audit_key, engine) or b""
    return audit_verify.verify(engine, key, HeadFile(current.audit_heads))
