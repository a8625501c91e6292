from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conversations.conftest import database_url, engine, own_database_url, postgres_url, store  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("files_made", "ticket_made")
