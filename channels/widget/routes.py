"""`/widget.js`, which a host page embeds; `/widget`, the page in the frame; its static files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from channels.widget.assets import Assets
from channels.widget.pages import OWN_AND_FETCHED, read_origins, read_templates, security_policy, send_page
from core.settings import Settings
from escalation.files import LARGEST, SUFFIXES

FOLDER = Path(__file__).parent


def make_router(settings: Settings) -> APIRouter:
    """Return the widget's routes; templates and scripts are read here, once."""
    router = APIRouter()
    assets = Assets(FOLDER / "static", "/widget/static")
    assets.add_route(router)
    _add_embed_script(router)
    _add_page(router, settings, assets)
    return router


def _add_embed_script(router: APIRouter) -> None:
    words = json.loads((FOLDER / "embed_words.json").read_text("utf-8"))
    script = (FOLDER / "embed.js").read_text("utf-8").replace("__WORDS__", json.dumps(words)).encode()
    etag = f'"{hashlib.sha256(script).hexdigest()[:16]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

    @router.get("/widget.js", include_in_schema=False)
    def embed_script(request: Request) -> Response:
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")]
        if etag in known:
            return Response(status_code=304, headers=headers)
        return Response(script, media_type="text/javascript", headers=headers)


def _add_page(router: APIRouter, settings: Settings, assets: Assets) -> None:
    origins = read_origins(settings.embed_origins)
    policy = security_policy(ancestors=" ".join(["'self'", *origins]), images=OWN_AND_FETCHED)
    files = {"file_types": list(SUFFIXES), "file_most": LARGEST}
    # Every visitor gets the same page: what the host says about its visitor is read from the address by the script.
    html = (
        read_templates(FOLDER / "templates")
        .get_template("widget.html")
        .render(assets=assets, origins=origins, max_chars=settings.message_max_chars, **files)
    )

    @router.get("/widget", include_in_schema=False)
    def widget_page() -> HTMLResponse:
        return send_page(html, policy)
