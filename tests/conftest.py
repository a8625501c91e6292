"""What every folder of tests may use: the whole product, started once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "system"))
pytest.register_assert_rewrite("parent_client", "desk_running")

from desk_running import Service, running_desk  # noqa: E402
from parent_client import Parent  # noqa: E402


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give the whole product, with real Rasa, database and reference backend, on free ports."""
    with running_desk(tmp_path_factory.mktemp("desk")) as running:
        yield running


@pytest.fixture
def a_parent(service: Service) -> Iterator[Callable[..., Parent]]:
    """Give `a_parent(city=…, district=…, stage=…, guardian=…)`: somebody with the chat open."""
    came: list[Parent] = []

    def open_chat(**known: str) -> Parent:
        guardian = known.pop("guardian", None)
        token = {"token": service.token(guardian)} if guardian else {}
        came.append(Parent(service.base, **known, **token))
        return came[-1]

    yield open_chat
    for parent in came:
        parent.close()
