"""`helpdesk backup` and `helpdesk restore`: the whole database in one file, and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine, make_url

import escalation.tables  # noqa: F401
import hotline.tables  # noqa: F401
import staff.tables  # noqa: F401  # one database: a backup covers these tables, too
from conversations import audit_verify
from conversations.archive import Manifest
from conversations.audit_heads import HeadFile
from conversations.audit_seal import kept_key
from conversations.audit_verify import Verdict
from conversations.backup import back_up
from conversations.restore import restore as put_back
from conversations.storage import open_engine
from core.errors import HelpdeskError, SettingsError
from core.settings import settings

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def backup(
    file: Annotated[Path, typer.Argument(help="File to write, e.g. helpdesk-2026-07-01.zip.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    as_json: Json = False,
) -> None:
    """Write the whole database into one file; the service may run. Keys, settings and audit heads are not in it."""
    engine = open_engine(settings().database)
    path = make_url(settings().database).database if engine.dialect.name == "sqlite" else None
    if path and not Path(path).exists():
        raise HelpdeskError("there is no database to back up")
    try:
        manifest = back_up(engine, file, force)
    finally:
        engine.dispose()
    _tell(manifest, as_json, "written", {"file": str(file)})


def restore(file: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")], as_json: Json = False) -> None:
    """Put a backup into an empty database, then verify the audit log; exit 1 if it is not sound."""
    engine = open_engine(settings().database)
    try:
        manifest = put_back(engine, file)
        verdict, unchecked = _verified(engine)
    finally:
        engine.dispose()
    sound = verdict is not None and verdict.ok
    _tell(manifest, as_json, "restored", {"audit": asdict(verdict) if verdict else None, "audit_ok": sound})
    if verdict and verdict.fault:
        typer.echo(
            f"audit log: FAULT: {verdict.fault}, row {verdict.seq or '-'}; see docs/operations/backup.md", err=True
        )
    elif not verdict:
        typer.echo(f"audit log: not verified: {unchecked}", err=True)
    raise typer.Exit(0 if sound else 1)


def _verified(engine: Engine) -> tuple[Verdict | None, str]:
    """Verify the restored log, by its heads, too, where there is a head file; or tell why it can't be."""
    current = settings()
    try:
        key = kept_key(current.audit_key, engine) or b""
    except SettingsError as error:
        return None, str(error)
    has_heads = current.audit_heads.exists() and current.audit_heads.stat().st_size > 0
    return audit_verify.verify(engine, key, HeadFile(current.audit_heads) if has_heads else None), ""


def _tell(manifest: Manifest, as_json: bool, done: str, more: dict[str, object]) -> None:
    rows = {name: entry.rows for name, entry in manifest.tables.items()}
    if as_json:
        facts = {"revision": manifest.revision, "made_at": manifest.made_at, "rows": rows}
        typer.echo(json.dumps({**facts, **more}))
        return
    for name, count in sorted(rows.items()):
        typer.echo(f"{count:>9}  {name}")
    typer.echo(f"{sum(rows.values())} rows {done}, revision {manifest.revision}, of {manifest.made_at}")
