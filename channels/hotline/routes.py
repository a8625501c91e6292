"""The hotline's routes: the API of calls, the page `/hotline`, and the page's static files."""

from __future__ import annotations

from fastapi import APIRouter

from bot.actions.desk import Desk
from channels.hotline.calls import CallDesk, add_routes
from hotline.calls import CallStore
from hotline.school_teams import NoDeskYet


def make_router(desk: Desk) -> APIRouter:
    """Return the hotline's routes."""
    router = APIRouter(tags=["hotline"])
    add_routes(router, CallDesk(desk, CallStore(desk.store.engine), NoDeskYet()))
    return router
