from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from running_reference import KEY, running_service
from sqlalchemy import create_engine

from enrollment.reference.tables import Base

pytest.register_assert_rewrite("backend_contract")

DATABASES = ["sqlite", "postgresql"]
POSTGRES = os.environ.get("HELPDESK_TEST_POSTGRES_URL", "")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give an empty database."""
    return empty_database(request.param, tmp_path)


@pytest.fixture(scope="module", params=DATABASES)
def shared_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the service, one for all tests of a module; who changes a family in it changes it for all."""
    with running_service(empty_database(request.param, tmp_path_factory.mktemp("backend"))) as url:
        yield url


def empty_database(kind: str, folder: Path) -> str:
    """Return an empty database: SQLite always, PostgreSQL where HELPDESK_TEST_POSTGRES_URL names one to be emptied."""
    if kind == "sqlite":
        return f"sqlite:///{folder / 'enrollment.db'}"
    if not POSTGRES:
        pytest.skip("HELPDESK_TEST_POSTGRES_URL is not set")
    engine = create_engine(POSTGRES)
    Base.metadata.drop_all(engine)
    engine.dispose()
    return POSTGRES


@pytest.fixture
def service_url(database_url: str) -> Iterator[str]:
    with running_service(database_url) as url:
        yield url


@pytest.fixture
def caller(service_url: str) -> Iterator[httpx.Client]:
    """Give a client of the service that sends the right key."""
    headers = {"Authorization": f"Bearer {KEY.get_secret_value()}"}
    with httpx.Client(base_url=service_url, headers=headers, trust_env=False) as client:
        yield client
