from __future__ import annotations

from collections.abc import Iterator

import pytest
from answering_server import TinyDesk, tiny_desk


@pytest.fixture
def desk() -> Iterator[TinyDesk]:
    with tiny_desk() as server:
        yield server
