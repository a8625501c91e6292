"""One moment of the whole database, to read from for as long as it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

CHUNK = 1_000
"""Rows that are in memory at once."""
FILES = 4
"""Rows with a file of up to 10 MB each that are in memory at once."""
STREAMED = {"yield_per": CHUNK, "stream_results": True}
"""Execution options of a statement whose rows are read `CHUNK` by `CHUNK`."""


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees the database as it is at its first statement, whatever is written meanwhile."""
    embedded = engine.dialect.name == "sqlite"
    level = {"isolation_level": "AUTOCOMMIT" if embedded else "REPEATABLE READ"}
    with engine.execution_options(**level).connect() as connection:
        # The embedded database's driver begins no transaction for reading alone.
        connection.exec_driver_sql("BEGIN" if embedded else "SET TRANSACTION READ ONLY")
        yield connection
