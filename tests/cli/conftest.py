"""What tests of commands that read the settings share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import PREFIX, Settings, settings


@pytest.fixture
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Give the defaults, with a var folder of the test's own."""
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)
    monkeypatch.setenv("HELPDESK_ENV_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("HELPDESK_VAR_DIR", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()
