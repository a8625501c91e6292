"""What every folder of tests may use: the whole product, started once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test

sys.path.insert(0, str(Path(__file__).parent / "system"))
pytest.register_assert_rewrite("parent_client", "desk_running")

from desk_running import Service, running_desk  # noqa: E402
from parent_client import Parent  # noqa: E402

ALONE = {"core", "knowledge", "retrieval"}
"""Folders whose tests use no other process, no socket and no clock."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a test that works with processes, sockets or a browser be tried once more: a busy machine stalls for seconds.

    A second try is named in the report, so that a test that needs it again and again is seen. Whatever random input has
    made fail counts at once: the next input may be a kinder one.
    """
    for item in items:
        if item.path.parent.name not in ALONE and not is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.flaky(reruns=1))


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
