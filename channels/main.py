"""The ASGI factory that uvicorn calls."""

from __future__ import annotations

from fastapi import FastAPI

from channels.app import create_app
from core.logs import set_up_logs
from core.settings import settings


def create() -> FastAPI:
    """Build the application from the settings."""
    current = settings()
    set_up_logs(current.log_level)
    return create_app(current)
