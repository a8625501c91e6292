from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from desk_running import Service, running_app
from sqlalchemy import Engine, create_engine, make_url, text

import hotline.tables  # noqa: F401
from conversations.migrate import migrate
from conversations.storage import open_engine

POSTGRES = os.environ.get("HELPDESK_TEST_POSTGRES_URL", "")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give the HTTP service alone, whose accounts lock after three wrong passwords."""
    changed = {"HELPDESK_STAFF_LOCKOUT_FAILURES": "3", "HELPDESK_ENROLLMENT_WEBHOOK_KEY": "a-key-of-this-test"}
    with running_app(tmp_path_factory.mktemp("desk"), **changed) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Give an engine on a migrated database of this test's own."""
    if request.param == "sqlite":
        yield from _migrated(f"sqlite:///{tmp_path}/helpdesk.db")
        return
    if not POSTGRES:
        explain = "HELPDESK_TEST_POSTGRES_URL is not set: run by scripts/with-postgres.sh"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(explain)
    schema, admin = f"test_{uuid4().hex}", create_engine(POSTGRES)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    url = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
    yield from _migrated(url.render_as_string(hide_password=False))
    with admin.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()


def _migrated(url: str) -> Iterator[Engine]:
    opened = open_engine(url)
    migrate(opened)
    yield opened
    opened.dispose()
