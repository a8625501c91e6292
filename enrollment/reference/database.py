"""The database of the reference service: SQLite in a file, or PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

from core.errors import SettingsError
from enrollment.reference.tables import Base

EXAMPLE = "sqlite:///var/enrollment.db"


def open_database(address: str) -> Engine:
    """Return an engine on the database, its tables made where they are missing.

    Args:
        address: SQLAlchemy address, `sqlite:///path/to/file.db` or `postgresql+psycopg://…`.

    Raises:
        SettingsError: the address can't be used.

    """
    try:
        engine = _engine(make_url(address))
        Base.metadata.create_all(engine)
    except (SQLAlchemyError, OSError) as error:
        raise SettingsError(f"--database can't be opened ({type(error).__name__}); for example: {EXAMPLE}") from error
    return engine


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        _check_file(url)
    engine = create_engine(url, hide_parameters=True, pool_pre_ping=True)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _check_file(url: URL) -> None:
    if url.database in (None, "", ":memory:"):
        raise SettingsError(f"--database: SQLite needs a file, for example: {EXAMPLE}")
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=3000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
