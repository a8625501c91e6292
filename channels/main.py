"""The ASGI factory that uvicorn calls."""

from __future__ import annotations

import gc

from fastapi import FastAPI

from channels.app import create_app
from core.logs import set_up_logs
from core.settings import settings

_YOUNG = 20_000  # objects made between two collections of the young


def create() -> FastAPI:
    """Build the application from the settings."""
    current = settings()
    set_up_logs(current.log_level)
    app = create_app(current)
    # Models and knowledge stay for good: the garbage collector needs not walk them again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)
    return app
