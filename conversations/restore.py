"""Restore a backup into an empty installation: all of it in one transaction, or nothing.

The tables are made as they were at the backup's revision, filled, and then brought up to date.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    Insert,
    LargeBinary,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, StatementError

from conversations.archive import Archive, Manifest, open_archive
from conversations.backup import revision_of, tables_of
from conversations.migrate import alembic_config
from conversations.snapshot import CHUNK, FILES
from core.errors import HelpdeskError

_END = "audit_end"
"""The one table that is made with a row: the end of an empty audit log."""


def restore(engine: Engine, path: Path) -> Manifest:
    """Put every row of a backup into the database; return what the backup says of itself.

    Raises:
        HelpdeskError: the file is no backup, is damaged, or comes from a newer version; the database has rows, or
            refuses one. Nothing is changed then.
    """
    with open_archive(path) as archive:
        _check_revision(archive.manifest.revision, path)
        archive.check()
        with _one_transaction(engine) as connection:
            _check_empty(connection)
            _make_tables(connection, archive.manifest.revision)
            _fill(connection, archive)
            command.upgrade(alembic_config(connection), "head")
            _let_numbers_continue(connection)
        return archive.manifest


def _known_revisions() -> set[str]:
    return {one.revision for one in ScriptDirectory.from_config(alembic_config(None)).walk_revisions()}


def _check_revision(revision: str, path: Path) -> None:
    if revision not in _known_revisions():
        raise HelpdeskError(f"{path} comes from a newer version of the service (revision {revision}): install that one")


@contextmanager
def _one_transaction(engine: Engine) -> Iterator[Connection]:
    """Give a connection that has the database to itself; all that it does is kept, or nothing."""
    embedded = engine.dialect.name == "sqlite"
    level = {"isolation_level": "AUTOCOMMIT" if embedded else "READ COMMITTED"}
    with engine.execution_options(**level).connect() as connection:
        if embedded:
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")  # checked at the end
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
            if embedded:
                _check_references(connection)
                connection.exec_driver_sql("COMMIT")
            connection.commit()
        except (DBAPIError, StatementError) as error:
            raise HelpdeskError(f"the database refused: {type(error).__name__}; nothing was restored") from error
        finally:
            connection.rollback()  # of the driver, too: what was not committed is gone
            connection.invalidate()


def _check_references(connection: Connection) -> None:
    if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise HelpdeskError(f"a row of {broken[0]} refers to one that is not in the backup; nothing was restored")


def _check_empty(connection: Connection) -> None:
    """Make sure that there are no rows, and that none comes meanwhile."""
    revision = revision_of(connection)
    if revision is not None and revision not in _known_revisions():
        raise HelpdeskError(f"the database belongs to a newer version (revision {revision}): install that one")
    for table in tables_of(connection):
        if connection.dialect.name == "postgresql":
            connection.execute(text(f'LOCK TABLE "{table.name}" IN ACCESS EXCLUSIVE MODE'))
        rows = select(func.count()).select_from(table)
        if table.name == _END:
            rows = rows.where(table.c.seq > 0)
        if connection.execute(rows).scalar_one():
            raise HelpdeskError(f"the database is not empty ({table.name} has rows): restore into an empty one")


def _make_tables(connection: Connection, revision: str) -> None:
    config, present = alembic_config(connection), revision_of(connection)
    if present not in (None, revision):
        command.downgrade(config, "base")
    command.upgrade(config, revision)


def _fill(connection: Connection, archive: Archive) -> None:
    tables = {table.name: table for table in tables_of(connection)}
    told = archive.manifest.tables
    if {name: set(table.columns.keys()) for name, table in tables.items()} != {
        name: set(entry.columns) for name, entry in told.items()
    }:
        raise HelpdeskError(
            f"the backup's tables are not those of its revision {archive.manifest.revision}; nothing was restored"
        )
    for name, table in tables.items():
        if name == _END:
            connection.execute(delete(table))
        _put(connection, table, told[name].columns, archive.rows(name))


def _put(connection: Connection, table: Table, columns: tuple[str, ...], rows: Iterator[list[Any]]) -> None:
    adding = _insert(table, connection.dialect.name)
    keys = [f"value_{name}" for name in columns]
    times = [n for n, name in enumerate(columns) if isinstance(table.c[name].type, DateTime)]
    files = [n for n, name in enumerate(columns) if isinstance(table.c[name].type, LargeBinary)]
    try:
        while chunk := list(islice(rows, FILES if files else CHUNK)):
            for row in chunk:
                for n in times:
                    row[n] = datetime.fromisoformat(row[n]) if row[n] is not None else None
                for n in files:
                    row[n] = base64.b64decode(row[n], validate=True) if row[n] is not None else None
            connection.execute(adding, [dict(zip(keys, row, strict=True)) for row in chunk])
    except (DBAPIError, StatementError, TypeError, ValueError) as error:
        # The database's own words may quote the row.
        raise HelpdeskError(
            f"a row of {table.name} was refused ({type(error).__name__}); nothing was restored"
        ) from error


def _insert(table: Table, dialect: str) -> Insert:
    return insert(table).values({one.name: _bound(one, dialect) for one in table.columns})


def _bound(column: Column[Any], dialect: str) -> ColumnElement[Any]:
    """Return the place of a value; JSON comes as its text, so that it is kept as it was written."""
    name = f"value_{column.name}"
    if not isinstance(column.type, JSON):
        return bindparam(name, type_=column.type)
    value: ColumnElement[Any] = bindparam(name, type_=Text())
    return cast(value, JSON) if dialect == "postgresql" else value


def _let_numbers_continue(connection: Connection) -> None:
    """Have the server count on from the highest number that was restored."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables_of(connection):
        for column in table.primary_key:
            counter = connection.execute(select(func.pg_get_serial_sequence(table.name, column.name))).scalar()
            highest = connection.execute(select(func.max(column))).scalar() if counter else None
            if highest is not None:
                connection.execute(select(func.setval(counter, highest)))
