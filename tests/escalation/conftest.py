from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core import clock
from escalation.desk import TicketDesk
from escalation.routing import own_rules
from tests.conversations.conftest import database_url, engine, own_database_url, postgres_url, store  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("files_made", "ticket_made")

from ticket_made import NOW  # noqa: E402


@pytest.fixture
def desk(engine: Engine) -> TicketDesk:  # noqa: F811
    """Give the tickets' desk with the project's own rules."""
    return TicketDesk(engine, own_rules())


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Hold the clock at NOW; give `later(…)`: from now on it stands so much later than NOW."""

    def stand(after: timedelta) -> None:
        monkeypatch.setattr(clock, "now", lambda: NOW + after)

    stand(timedelta(0))
    return stand
