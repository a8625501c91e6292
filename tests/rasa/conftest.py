from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from core.settings import ROOT, settings

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def rasa_python() -> Path:
    """Give Rasa's Python: the one of HELPDESK_RASA_PYTHON, else of `.venv-rasa`."""
    python = settings().rasa_python
    if not python.exists():
        explain = f"there is no Rasa environment at {python}: run `make setup`"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(explain)
    return python


@pytest.fixture(scope="session")
def rasa_model() -> Path:
    """Give the trained model; `make train` makes it."""
    model = settings().var_dir / "rasa/helpdesk.tar.gz"
    assert model.exists(), f"there is no Rasa model at {model}: run `make train`"
    return model


@pytest.fixture
def run_rasa(rasa_python: Path) -> Run:
    """Run Rasa's Python on something, in the project's folder, quietly and without telemetry."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RASA_TELEMETRY_ENABLED": "false",
        "HELPDESK_ACTION_URL": "http://127.0.0.1:9/internal/actions",
        "HELPDESK_ACTION_SECRET": "none",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "LOG_LEVEL": "INFO",
    }

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(rasa_python), *map(str, arguments)]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False
        )

    return run
