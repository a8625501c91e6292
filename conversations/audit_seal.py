"""Seals of the audit log: HMAC-SHA256 over a canonical form, so that who lacks the key can make none.

The canonical form of a row, of the log's end or of a head is its kind, a newline, and its values as a JSON array in
ASCII without spaces. A row's values are all its columns but `hash`, in the order of `ROW`; the last is `prev`, the hash
of the row before (64 zeros for the first), which chains the rows.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Sequence
from json import JSONEncoder
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine, Row, select
from sqlalchemy.orm import InstrumentedAttribute

from conversations.tables import AuditRow
from core.errors import SettingsError
from core.private_files import read_or_make

ROW: tuple[InstrumentedAttribute[Any], ...] = (
    AuditRow.seq,
    AuditRow.at,
    AuditRow.actor,
    AuditRow.role,
    AuditRow.city,
    AuditRow.applications,
    AuditRow.purpose,
    AuditRow.shown,
    AuditRow.conversation_id,
    AuditRow.prev,
)
START = "0" * 64
_SETTING = "HELPDESK_AUDIT_KEY_FILE"
_json = JSONEncoder(separators=(",", ":")).encode


def seal(key: bytes, kind: Literal["row", "end", "head"], values: Sequence[int | str | None]) -> str:
    """Return the seal of the values, 64 hexadecimal digits.

    Raises:
        TypeError: a value is of another type; our code never stores one.
    """
    return hmac.digest(key, f"{kind}\n{_json(values)}".encode(), "sha256").hex()


def kept_key(path: Path, engine: Engine) -> bytes | None:
    """Return the key that the file holds, 32 bytes, or None while there is neither a key nor a row.

    Raises:
        SettingsError: there are rows but no key, or the file can't be read or holds something else.
    """
    if path.exists():
        return _key(path, path.read_bytes)
    if last := _last_row(engine):
        raise SettingsError(f"{_SETTING}: no key at {path}, but the audit log has {last[0]} rows: restore the key")
    return None


def own_key(path: Path, engine: Engine) -> bytes:
    """Return the key to seal new rows with; it is made at first use, while the log is empty.

    Raises:
        SettingsError: as for `kept_key`; or the last row was sealed with another key.
    """
    key = kept_key(path, engine)
    if key is None:
        fresh = f"{secrets.token_hex(32)}\n".encode()
        key = _key(path, lambda: read_or_make(path, fresh))
    last = _last_row(engine)
    if last and seal(key, "row", last[:-1]) != last[-1]:
        raise SettingsError(
            f"{_SETTING}: the last row of the audit log was not sealed with the key at {path}: restore the right key, "
            "or see with `helpdesk audit verify` what was changed"
        )
    return key


def _last_row(engine: Engine) -> Row[*tuple[Any, ...]] | None:
    with engine.connect() as connection:
        return connection.execute(select(*ROW, AuditRow.hash).order_by(AuditRow.seq.desc()).limit(1)).one_or_none()


def _key(path: Path, read: Callable[[], bytes]) -> bytes:
    try:
        key = bytes.fromhex(read().decode().strip())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{_SETTING}: no key of 64 hexadecimal digits at {path}") from error
    if len(key) != 32:
        raise SettingsError(f"{_SETTING}: no key of 64 hexadecimal digits at {path}")
    return key
