"""Accounts of staff on SQL: one function, one transaction. All functions block; see `ConversationStore.call`."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import ColumnElement, Engine, Row, Table, bindparam, case, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningUpdate

from core import clock
from core.errors import HelpdeskError
from core.settings import Settings
from staff.passwords import Passwords, refuse_weak
from staff.roles import Role, Staff, StaffScope
from staff.tables import StaffRow, StaffSessionRow

_STAFF, _SESSIONS = (cast("Table", row.__table__) for row in (StaffRow, StaffSessionRow))
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@\-]{1,63}")
_LONGEST_NAME = 60
DEMO = "demo:"
"""How the id of an invented account begins."""


class SignIn(StrEnum):
    """How a try to sign in ended: counted by these names; the caller of a refused one is told the same each time."""

    SIGNED_IN = "signed_in"
    WRONG = "wrong"
    LOCKED = "locked"
    DISABLED = "disabled"
    LIMITED = "limited"
    FORGED = "forged"
    DEMO = "demo"
    OIDC = "oidc"
    OIDC_REFUSED = "oidc_refused"
    OIDC_UNKNOWN = "oidc_unknown"
    OIDC_UNAVAILABLE = "oidc_unavailable"


@dataclass(frozen=True, slots=True)
class NewStaff:
    """An account to be made; without a password it signs in by the identity provider's `issuer` and `subject` alone."""

    login: str
    name: str
    role: Role
    scope: StaffScope
    password: str | None = None
    issuer: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account as `helpdesk staff list` shows it."""

    login: str
    staff: Staff
    by: str
    locked: bool
    disabled: bool
    created_at: datetime


class StaffStore:
    """The accounts of staff.

    Args:
        engine: the migrated database.
        settings: how many wrong passwords lock an account, and for how long.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine = engine
        self._passwords = Passwords()
        self._locked_for = timedelta(minutes=settings.staff_lockout_minutes)
        self._reserve_try = _reserve_try(settings.staff_lockout_failures)

    def add(self, new: NewStaff, *, replace: bool = False) -> Staff:
        """Make an account, or with `replace` make an existing one anew: enabled, unlocked, signed out everywhere.

        Raises:
            HelpdeskError: login, name or password will not do, or login or subject are taken; says which.
        """
        values = self._values(new)
        try:
            with self.engine.begin() as connection:
                known = connection.execute(select(_STAFF.c.id).where(_STAFF.c.login == new.login)).scalar()
                if known and not replace:
                    raise HelpdeskError(f"there is an account {new.login!r} already; --replace makes it anew")
                if known:
                    connection.execute(delete(_SESSIONS).where(_SESSIONS.c.staff_id == known))
                    connection.execute(update(_STAFF).where(_STAFF.c.id == known).values(values))
                else:
                    known = str(uuid.uuid4())
                    connection.execute(insert(_STAFF), {"id": known, "created_at": clock.now(), **values})
        except IntegrityError as error:
            raise HelpdeskError("login or subject are taken by another account") from error
        return Staff(known, new.name, new.role, new.scope)

    def disable(self, login: str) -> None:
        """Close an account and end its sessions; processes that saw one lately know within some seconds.

        Raises:
            HelpdeskError: there is no such account.
        """
        with self.engine.begin() as connection:
            now = clock.now()
            closed = update(_STAFF).where(_STAFF.c.login == login.casefold()).values(disabled_at=now)
            known = connection.execute(closed.returning(_STAFF.c.id)).scalar()
            if known is None:
                raise HelpdeskError(f"there is no account {login!r}; `helpdesk staff list` shows them")
            connection.execute(delete(_SESSIONS).where(_SESSIONS.c.staff_id == known))

    def list(self) -> list[Account]:
        """Return all accounts by login."""
        now = clock.now()
        with self.engine.connect() as connection:
            rows = connection.execute(select(_STAFF).order_by(_STAFF.c.login)).all()
        return [
            Account(
                login=row.login,
                staff=staff_of(row),
                by=_signs_in_by(row),
                locked=row.locked_until is not None and row.locked_until > now,
                disabled=row.disabled_at is not None,
                created_at=row.created_at,
            )
            for row in rows
        ]

    def check_password(self, login: str, password: str) -> tuple[SignIn, Staff | None]:
        """Check a password; each way takes the same time. Counts the try before it looks, so that none is free.

        Returns:
            How it ended, and who it is if they may come in.
        """
        login = login.strip().casefold()
        row, locked = self._counted(login, clock.now()) if _LOGIN.fullmatch(login) else (None, False)
        usable = row is not None and not locked and row.disabled_at is None
        right = self._passwords.check(row.password_hash if row is not None and usable else None, password)
        if row is not None and right and self._note_success(row, password):
            return SignIn.SIGNED_IN, staff_of(row)
        if locked:
            return SignIn.LOCKED, None
        return SignIn.DISABLED if row is not None and row.disabled_at else SignIn.WRONG, None

    def by_subject(self, issuer: str, subject: str) -> Staff | None:
        """Return whose account belongs to somebody at the identity provider, if there is one that is not disabled."""
        theirs = (_STAFF.c.issuer == issuer) & (_STAFF.c.subject == subject) & _STAFF.c.disabled_at.is_(None)
        return self._one(theirs)

    def invented(self, key: str, new: NewStaff) -> Staff | None:
        """Return the invented account of that key, made at first use; nobody if it was disabled."""
        values = {"id": DEMO + key, "created_at": clock.now(), **self._values(new)}
        try:
            with self.engine.begin() as connection:
                if connection.execute(select(_STAFF.c.id).where(_STAFF.c.id == values["id"])).scalar() is None:
                    connection.execute(insert(_STAFF), values)
        except IntegrityError:  # another call was quicker
            pass
        return self._one((_STAFF.c.id == DEMO + key) & _STAFF.c.disabled_at.is_(None))

    def _counted(self, login: str, now: datetime) -> tuple[Row[Any] | None, bool]:
        """Count a try and return the account; if it is locked, say so."""
        with self.engine.begin() as connection:
            values = {"of": login, "now": now, "until": now + self._locked_for}
            row = connection.execute(self._reserve_try, values).one_or_none()
            if row is not None:
                return row, False
            known = connection.execute(select(_STAFF).where(_STAFF.c.login == login)).one_or_none()
            return known, known is not None

    def _note_success(self, row: Row[Any], password: str) -> bool:
        """Begin the count anew; return whether the password is still the account's, as it may have been made anew."""
        values: dict[str, object] = {"failures": 0, "locked_until": None}
        if self._passwords.is_outdated(row.password_hash):
            values["password_hash"] = self._passwords.hash(password)
        same = (_STAFF.c.id == row.id) & (_STAFF.c.password_hash == row.password_hash) & _STAFF.c.disabled_at.is_(None)
        with self.engine.begin() as connection:
            return connection.execute(update(_STAFF).where(same).values(values)).rowcount == 1

    def _values(self, new: NewStaff) -> dict[str, object]:
        if not _LOGIN.fullmatch(new.login):
            raise HelpdeskError("a login has 2 to 64 of a-z, 0-9 and . _ @ -, and starts with a letter or digit")
        if not 0 < len(new.name.strip()) <= _LONGEST_NAME or not new.name.isprintable():
            raise HelpdeskError(f"a name has 1 to {_LONGEST_NAME} characters")
        if new.password is not None:
            try:
                refuse_weak(new.password, new.login)
            except ValueError as error:
                raise HelpdeskError(str(error)) from error
        return {
            "login": new.login,
            "name": new.name.strip(),
            "role": new.role,
            "scope": str(new.scope),
            "password_hash": None if new.password is None else self._passwords.hash(new.password),
            "issuer": new.issuer,
            "subject": new.subject,
            "failures": 0,
            "locked_until": None,
            "disabled_at": None,
        }

    def _one(self, where: ColumnElement[bool]) -> Staff | None:
        with self.engine.connect() as connection:
            row = connection.execute(select(_STAFF).where(where)).one_or_none()
        return None if row is None else staff_of(row)


def staff_of(row: Row[Any]) -> Staff:
    """Return who a row of the table of staff is."""
    return Staff(row.id, row.name, row.role, StaffScope.parse(row.scope))


def _reserve_try(most: int) -> ReturningUpdate[Any]:
    """Return the statement that counts one more try, unless the account is locked; the last one allowed locks it.

    The try counts as failed until its password was found right: tries at the same time cannot pass one another.
    """
    now, until = (
        bindparam("now", type_=_STAFF.c.locked_until.type),
        bindparam("until", type_=_STAFF.c.locked_until.type),
    )
    tries = case((_STAFF.c.locked_until.is_not(None), 1), else_=_STAFF.c.failures + 1)
    free = or_(_STAFF.c.locked_until.is_(None), _STAFF.c.locked_until <= now)
    counted = update(_STAFF).where(_STAFF.c.login == bindparam("of"), free)
    return counted.values(failures=tries, locked_until=case((tries >= most, until), else_=None)).returning(*_STAFF.c)


def _signs_in_by(row: Row[Any]) -> str:
    ways = [name for name, way in (("password", row.password_hash), ("oidc", row.subject)) if way]
    return "+".join(ways) or ("demo" if row.id.startswith(DEMO) else "none")
