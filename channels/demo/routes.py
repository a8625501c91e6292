"""`/demo`: an invented government app that embeds the widget, and the tokens of its invented families."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from jinja2 import Template
from pydantic import BaseModel, ConfigDict

from channels.demo.choices import CITIES, DISTRICTS, FAMILIES, MODES, STAGES, FamilyId
from channels.widget.assets import Assets
from channels.widget.pages import read_templates, security_policy, send_page
from core.errors import NotFoundError
from core.scope import City, Stage
from core.settings import Settings

FOLDER = Path(__file__).parent
POLICY = security_policy(frames="'self'", ancestors="'self'", forms="'self'")


class DemoVisitor(BaseModel):
    """Whose token is wanted."""

    model_config = ConfigDict(extra="forbid")

    guardian: FamilyId


class DemoToken(BaseModel):
    """A token that the running demo accepts."""

    token: str


def make_router(settings: Settings) -> APIRouter:
    """Return the demo's routes; without a demo key each of them answers 404."""
    router = APIRouter()
    assets = Assets(FOLDER / "static", "/demo/static")
    assets.add_route(router)
    template = read_templates(FOLDER / "templates").get_template("demo.html")

    @router.get("/demo", include_in_schema=False)
    def demo_page(
        city: City | Literal[""] = "",
        district: str = "",
        stage: Stage | Literal[""] = "",
        guardian: FamilyId | Literal[""] = "",
        mode: Literal["inline", "floating"] = "inline",
    ) -> HTMLResponse:
        _refuse_without_key(settings)
        chosen = {"city": city, "district": district, "stage": stage, "guardian": guardian, "mode": mode}
        return send_page(_render(template, assets, chosen), POLICY)

    @router.post("/demo/token", include_in_schema=False)
    def demo_token(visitor: DemoVisitor) -> DemoToken:
        from channels.tokens import demo_token as make_token

        _refuse_without_key(settings)
        return DemoToken(token=make_token(settings, visitor.guardian))

    return router


def _refuse_without_key(settings: Settings) -> None:
    if settings.demo_key_file is None:
        raise NotFoundError("没有演示页面。")


def _render(template: Template, assets: Assets, chosen: dict[str, str]) -> str:
    # A district of the other city would say two things at once: it is dropped.
    if chosen["district"] not in DISTRICTS.get(chosen["city"], []):
        chosen["district"] = ""
    return template.render(
        assets=assets, chosen=chosen, cities=CITIES, districts=DISTRICTS, stages=STAGES, families=FAMILIES, modes=MODES
    )
