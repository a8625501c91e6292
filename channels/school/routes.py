"""The page `/school` of those who work on tickets, and its static files; its data come by the tickets' API."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from bot.actions.desk import Desk
from channels.access import AllowedPage, session_of
from channels.handover import LONGEST
from channels.hotline import routes as hotline
from channels.school.words import page_words
from channels.widget import routes as widget
from channels.widget.assets import Assets
from channels.widget.pages import OWN_AND_FETCHED, read_templates, security_policy, send_page
from escalation.desk import WITH_FILES
from escalation.files import LARGEST, SUFFIXES

FOLDER = Path(__file__).parent
FROM_CHAT = (
    "answer_layout.js",
    "cards.css",
    "case_card.js",
    "dates.js",
    "file_shelf.js",
    "icon.svg",
    "template.js",
    "tokens.css",
    "upload.js",
)
FROM_HOTLINE = ("api.js", "frame.css", "searcher.js", "tabs.js", "words.js")
"""Files of the other pages that this one uses, too."""
PAUSE_MS = 250
"""How long somebody has to pause before suggestions are asked for."""


def make_router(desk: Desk) -> APIRouter:
    """Return the page's routes; templates and scripts are read here, once."""
    router = APIRouter(tags=["tickets"])
    shared = [
        *(widget.FOLDER / "static" / name for name in FROM_CHAT),
        *(hotline.FOLDER / "static" / name for name in FROM_HOTLINE),
    ]
    assets = Assets(FOLDER / "static", "/school/static", shared)
    assets.add_route(router)
    template = read_templates(FOLDER / "templates", widget.FOLDER / "templates").get_template("school.html")
    words = page_words(desk.tickets.book.levels)
    policy = security_policy(forms="'self'", images=OWN_AND_FETCHED)
    files = {"file_types": list(SUFFIXES), "file_most": LARGEST, "with_files": WITH_FILES}

    @router.get("/school", include_in_schema=False)
    async def school_page(request: Request, who: AllowedPage) -> HTMLResponse:
        session = await session_of(request)
        shown = {"who": who, "session": session, "pause_ms": PAUSE_MS, "longest_words": LONGEST, **files, **words}
        return send_page(template.render(assets=assets, **shown), policy)

    return router
