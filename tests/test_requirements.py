"""The pins that something hangs on."""

from __future__ import annotations

import re

import pytest

from core.settings import ROOT

FOLDER = ROOT / "requirements"
FILES = ("app.txt", "dev.txt", "rasa.txt")
_PIN = re.compile(r"^[A-Za-z0-9][\w.\-]*(\[[\w,\-]+\])?==[\w.!+]+$")


def lines_of(name: str) -> list[str]:
    lines = (line.split("#")[0].strip() for line in (FOLDER / name).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("-r ")]


@pytest.mark.parametrize("name", FILES)
def test_every_package_is_pinned(name: str) -> None:
    assert [line for line in lines_of(name) if not _PIN.match(line)] == []


@pytest.mark.parametrize("name", FILES)
def test_no_package_is_pinned_twice(name: str) -> None:
    names = [re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines_of(name)]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("name", "pin", "reason"),
    [
        ("rasa.txt", "jsonschema==3.2.0", "4.17 re-checks a schema at every call: three quarters of a turn"),
        ("rasa.txt", "rasa==3.6.21", "the last open release"),
        ("app.txt", "torch==2.13.0", "another version draws gigabytes of CUDA"),
    ],
)
def test_pin_stays(name: str, pin: str, reason: str) -> None:
    assert pin in lines_of(name), reason
