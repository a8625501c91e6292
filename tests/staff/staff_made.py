"""Accounts of staff, made for a test."""

from __future__ import annotations

from desk_running import Service

from conversations.storage import open_engine
from core.settings import Settings
from staff.accounts import NewStaff, StaffStore
from staff.roles import Role, Staff, StaffScope

PASSWORD = "correct-horse-9"


def small_settings(**changes: object) -> Settings:
    """Return the defaults with these changes."""
    return Settings(_env_file=None, **changes)  # type: ignore[arg-type]


def new_staff(login: str, role: Role = "agent", scope: str = "", password: str | None = PASSWORD) -> NewStaff:
    """Return an account to be made."""
    return NewStaff(login, f"某{login}", role, StaffScope.parse(scope), password)


def add_to(service: Service, login: str, role: Role = "agent", scope: str = "") -> Staff:
    """Add an account to a running service, from another process than its own."""
    opened = open_engine(service.settings.database)
    try:
        return StaffStore(opened, service.settings).add(new_staff(login, role, scope))
    finally:
        opened.dispose()
