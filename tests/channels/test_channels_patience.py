"""Pauses after failures: they grow up to a bound, end with a success, and let others go first."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from channels import patience
from channels.patience import Patience


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Give the clock by which pauses are measured."""
    moment = SimpleNamespace(now=0.0)
    monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=lambda: moment.now))
    return moment


def test_pauses_double_up_to_the_longest(at: SimpleNamespace) -> None:
    waits = Patience(1, 5)
    pauses = []
    for _ in range(5):
        waits.failed("a")
        began = at.now
        while not waits.due(["a"]):
            at.now += 0.5
        pauses.append(at.now - began)
    assert pauses == [1, 2, 4, 5, 5]


def test_what_never_failed_goes_before_what_did_and_that_before_what_failed_more(at: SimpleNamespace) -> None:
    waits = Patience(1, 5)
    for one in ("often", "often", "once"):
        waits.failed(one)
    assert waits.due(["often", "once", "new", "newer"]) == ["new", "newer"]
    at.now = 10
    assert waits.due(["often", "once", "new", "newer"]) == ["new", "newer", "once", "often"]


def test_a_success_ends_it(at: SimpleNamespace) -> None:
    waits = Patience(1, 5)
    waits.failed("a")
    waits.done("a")
    waits.done("never failed")
    assert waits.due(["a"]) == ["a"]
    waits.failed("a")
    at.now = 1
    assert waits.due(["a"]) == ["a"]
