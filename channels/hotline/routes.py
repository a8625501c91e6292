"""The hotline's routes: the page `/hotline`, its static files, and the API of calls."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from bot.actions.desk import Desk
from channels.access import AllowedPage, session_of
from channels.hotline.calls import CallDesk, add_routes
from channels.hotline.choices import choices
from channels.hotline.shapes import NOTE_MAX
from channels.widget import routes as widget
from channels.widget.assets import Assets
from channels.widget.pages import read_templates, security_policy, send_page
from hotline.calls import CallStore

FOLDER = Path(__file__).parent
SHARED = ("answer_layout.js", "cards.css", "case_card.js", "dates.js", "icon.svg", "template.js", "tokens.css")
"""Files of the parents' chat that the page uses, too."""
PAUSE_MS = 70
"""How long an agent has to pause before suggestions are asked for."""


def make_router(desk: Desk) -> APIRouter:
    """Return the hotline's routes; templates and scripts are read here, once."""
    router = APIRouter(tags=["hotline"])
    add_routes(router, CallDesk(desk, CallStore(desk.store.engine)))
    assets = Assets(FOLDER / "static", "/hotline/static", [widget.FOLDER / "static" / name for name in SHARED])
    assets.add_route(router)
    template = read_templates(FOLDER / "templates", widget.FOLDER / "templates").get_template("hotline.html")
    chosen = choices()

    @router.get("/hotline", include_in_schema=False)
    async def hotline_page(request: Request, who: AllowedPage) -> HTMLResponse:
        session = await session_of(request)
        shown = {"who": who, "session": session, "pause_ms": PAUSE_MS, "note_max": NOTE_MAX, **chosen}
        html = template.render(assets=assets, **shown)
        return send_page(html, security_policy(forms="'self'"))

    return router
