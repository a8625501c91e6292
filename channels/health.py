"""Tell whether the service is alive, and which of its parts are ready."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from channels.services import services

router = APIRouter(tags=["health"])


@router.get("/healthz")
def alive() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def ready(request: Request, response: Response) -> dict[str, object]:
    """Name each part; 503 if the service can't answer questions (Rasa and the backend may be down).

    `identity` is whether keys are known by which parents' tokens can be checked.
    """
    parts = services(request)
    rasa, backend, database = await asyncio.gather(
        parts.rasa.ready(), parts.desk.backend.ready(), asyncio.to_thread(_database_ready, parts.desk.store.engine)
    )
    found = {"database": database, "retrieval": True, "rasa": rasa, "enrollment": backend, "identity": parts.keys.known}
    response.status_code = 200 if database else 503
    return {"status": "ok" if all(found.values()) else "degraded", "parts": found}


def _database_ready(engine: object) -> bool:
    from sqlalchemy import Engine
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(engine, Engine):
        return False
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True
