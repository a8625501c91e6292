"""Logs: one JSON object a line on standard error; never a message's text, a name or a number of a person."""

from __future__ import annotations

import logging

from pythonjsonlogger.json import JsonFormatter


def set_up_logs(level: str) -> None:
    """Send all logs as JSON lines to standard error from `level` on."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "uvicorn.access", "jieba", "rasa_sdk", "sanic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
