"""Tickets and actors for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from escalation.rules import Actor, Place, Role, Ticket

NOW = datetime(2026, 7, 1, 2, 0, tzinfo=UTC)
"""A Wednesday, 10:00 in China."""
SCHOOL = Place("chongqing", "渝北区", "渝北区第一实验小学")
PARENT = Actor("parent", "家长", "parent")


def actor(role: Role, number: int = 1) -> Actor:
    return Actor(f"{role}-{number}", f"{role} {number}", role)


def a_ticket(**changes: Any) -> Ticket:
    values: dict[str, Any] = {
        "id": "t-1",
        "number": "2222-2222",
        "place": SCHOOL,
        "level": "school",
        "state": "assigned",
        "urgency": "normal",
        "version": 2,
        "created_by": "agent-1",
        "created_at": NOW,
        "updated_at": NOW,
        "due_at": NOW + timedelta(hours=8),
        "warn_at": NOW + timedelta(hours=6),
        "climb_at": NOW + timedelta(hours=4),
    }
    return Ticket(**{**values, **changes})
