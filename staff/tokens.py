"""Tokens of integrations on SQL; of a token only the hash is kept. All functions block."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Engine, Row, Table, insert, select, update

from core import clock
from core.errors import HelpdeskError
from staff.roles import Role, Staff, StaffScope
from staff.sessions import hash_of
from staff.tables import StaffTokenRow

PREFIX = "hdst_"
"""How a token begins, so that a leaked one is recognised."""
_TOKENS = cast("Table", StaffTokenRow.__table__)
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Token:
    """A token as `helpdesk staff list --tokens` shows it."""

    id: str
    name: str
    role: Role
    scope: StaffScope
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @property
    def valid(self) -> bool:
        """Whether it is accepted now."""
        return self.revoked_at is None and self.expires_at > clock.now()


class StaffTokens:
    """The tokens of integrations.

    Args:
        engine: the migrated database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, name: str, role: Role, scope: StaffScope, life: timedelta) -> tuple[str, Token]:
        """Make a token; return it, which nobody can read again, and what is known of it.

        Raises:
            HelpdeskError: the name will not do.
        """
        if not 0 < len(name.strip()) <= _LONGEST_NAME or not name.isprintable():
            raise HelpdeskError(f"a token's name has 1 to {_LONGEST_NAME} characters")
        text, now = PREFIX + secrets.token_urlsafe(32), clock.now()
        token = Token(str(uuid.uuid4()), name.strip(), role, scope, now, now + life, None)
        values = {"id": token.id, "name": token.name, "role": role, "scope": str(scope), "token_hash": hash_of(text)}
        with self._engine.begin() as connection:
            connection.execute(insert(_TOKENS), {**values, "created_at": now, "expires_at": token.expires_at})
        return text, token

    def revoke(self, id_: str) -> None:
        """End a token; processes that saw it lately know within some seconds.

        Raises:
            HelpdeskError: there is no such token.
        """
        with self._engine.begin() as connection:
            ended = update(_TOKENS).where(_TOKENS.c.id == id_).values(revoked_at=clock.now())
            if not connection.execute(ended).rowcount:
                raise HelpdeskError(f"there is no token {id_!r}; `helpdesk staff list --tokens` shows them")

    def list(self) -> list[Token]:
        """Return all tokens, oldest first."""
        with self._engine.connect() as connection:
            return [_token(row) for row in connection.execute(select(_TOKENS).order_by(_TOKENS.c.created_at))]

    def find(self, text: str) -> Staff | None:
        """Return who a token speaks for, if it is accepted."""
        with self._engine.connect() as connection:
            row = connection.execute(select(_TOKENS).where(_TOKENS.c.token_hash == hash_of(text))).one_or_none()
        if row is None or not _token(row).valid:
            return None
        return Staff(f"token:{row.id}", row.name, row.role, StaffScope.parse(row.scope))


def _token(row: Row[Any]) -> Token:
    scope = StaffScope.parse(row.scope)
    return Token(row.id, row.name, row.role, scope, row.created_at, row.expires_at, row.revoked_at)
