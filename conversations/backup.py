"""Back up the whole database: one snapshot of every table, beside a running service.

The file restores into SQLite and PostgreSQL alike; see `conversations.restore`. Whoever calls has imported the modules
of all tables.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    Table,
    Text,
    cast,
    inspect,
    select,
)
from sqlalchemy.exc import OperationalError

from conversations.archive import Manifest, new_archive
from conversations.snapshot import FILES, STREAMED, snapshot
from conversations.tables import Base
from core import clock
from core.errors import HelpdeskError

VERSION_TABLE = "conversations_version"


def back_up(engine: Engine, path: Path, force: bool = False) -> Manifest:
    """Write every row that is committed when this begins; return what the file says of itself.

    Raises:
        HelpdeskError: the database is not one of ours, or holds what can't be read; the file can't be written, or is
            there already and `force` is not given.
    """
    with new_archive(path, force) as archive, snapshot(engine) as connection:
        revision = revision_of(connection)
        if revision is None:
            raise HelpdeskError("the database is empty: there is nothing to back up")
        for table in tables_of(connection):
            archive.add(table.name, table.columns.keys(), _rows(connection, table))
        made_at = clock.now().isoformat(timespec="seconds")
        manifest = Manifest(
            revision=revision, made_at=made_at, database=engine.dialect.name, tables=archive.tables
        )  # fmt: skip
        archive.finish(manifest)
    return manifest


def revision_of(connection: Connection) -> str | None:
    """Return Alembic's revision of the database, None where it has no tables of ours."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def tables_of(connection: Connection) -> list[Table]:
    """Return our tables as the database has them at its revision, those that others refer to first."""
    ours = set(inspect(connection).get_table_names()) & set(Base.metadata.tables)
    found = MetaData()
    found.reflect(connection, only=sorted(ours))
    return found.sorted_tables


def _rows(connection: Connection, table: Table) -> Iterator[list[Any]]:
    columns = [cast(one, Text) if isinstance(one.type, JSON) else one for one in table.columns]
    times = [n for n, one in enumerate(table.columns) if isinstance(one.type, DateTime)]
    files = [n for n, one in enumerate(table.columns) if isinstance(one.type, LargeBinary)]
    options = STREAMED | ({"yield_per": FILES} if files else {})
    try:
        for row in connection.execute(select(*columns), execution_options=options):
            values = list(row)
            for n in times:
                values[n] = _utc(values[n])
            for n in files:
                values[n] = None if values[n] is None else base64.b64encode(values[n]).decode()
            yield _checked(values, table.columns.values())
    except (OperationalError, ValueError, TypeError) as error:
        raise HelpdeskError(f"{table.name} can't be read: {type(error).__name__}") from error


def _utc(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat()


def _checked(values: list[Any], columns: list[Column[Any]]) -> list[Any]:
    """Return the values; the embedded database keeps bytes in any column, which no line can hold."""
    for value, column in zip(values, columns, strict=True):
        if isinstance(value, bytes):
            raise TypeError(f"bytes in {column.name}")
    return values
