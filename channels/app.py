"""Build the ASGI application: everything is made here, once, and handed on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from bot.actions import rasa_actions
from bot.actions.desk import Desk
from bot.actions.entities import EntityReader
from bot.actions.words import Words
from channels import handover, health, metrics, news, parents, suggestions, webhook
from channels.access import check_routes
from channels.demo.routes import make_router as make_demo_router
from channels.hotline import cases
from channels.hotline.routes import make_router as make_hotline_router
from channels.keys import TokenKeys
from channels.limits import Limits
from channels.metrics import Metrics
from channels.rasa import RasaClient
from channels.school.routes import make_router as make_school_router
from channels.services import Services
from channels.staff import routes as staff_routes
from channels.staff.door import StaffDoor
from channels.tickets import cases as tickets_cases
from channels.tickets import files as tickets_files
from channels.tickets import incidents as incidents_routes
from channels.tickets import live as tickets_live
from channels.tickets import routes as tickets_routes
from channels.tickets.announcing import keep_announcing
from channels.tickets.climbing import keep_climbing
from channels.tickets.leaving import keep_handing_back
from channels.tickets.notifying import Notifier
from channels.widget.routes import make_router as make_widget_router
from conversations.audit import open_audit_log
from conversations.migrate import migrate
from conversations.news import NewsStore
from conversations.storage import ConversationStore, open_engine
from core.errors import ApiError
from core.settings import Settings
from enrollment.client import open_backend
from enrollment.signing import webhook_signer
from enrollment.states import states
from escalation.desk import TicketDesk
from escalation.routing import load_rules
from knowledge.loader import load_knowledge
from retrieval.branches import load_branches
from retrieval.retriever import load_retriever

log = logging.getLogger(__name__)


class ErrorFacts(BaseModel):
    """Why a call was refused: a code for programs, words in Chinese for people, values that help."""

    code: str
    message: str
    details: dict[str, Any]


class ErrorAnswer(BaseModel):
    """The one shape of every refusal."""

    error: ErrorFacts


def build_desk(settings: Settings) -> Desk:
    """Build the desk: knowledge, models, database, backend."""
    knowledge = load_knowledge()
    states().check_quotes({entry.id: entry.answer for entry in knowledge.entries.values()})
    folder = settings.var_dir / "retrieval"
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    engine = open_engine(settings.database)
    migrate(engine)
    desk = Desk(
        settings=settings,
        knowledge=knowledge,
        retriever=load_retriever(folder, knowledge, settings.encoder_folder),
        branches=load_branches(folder),
        store=ConversationStore(engine, timedelta(hours=settings.sign_in_hours)),
        news=NewsStore(engine),
        tickets=TicketDesk(engine, load_rules(settings.escalation_rules)),
        audit=open_audit_log(settings, engine),
        backend=open_backend(settings),
        words=Words(),
        entities=EntityReader(),
    )
    for city in desk.retriever.rankers:
        desk.retriever.search("预热一下", city)
    return desk


def create_app(settings: Settings, desk: Desk | None = None) -> FastAPI:
    """Build the application; `desk` lets a test give its own."""
    desk = desk or build_desk(settings)
    door = StaffDoor(desk.store.engine, settings, desk.store.call)
    parts = Services(settings, desk, RasaClient(settings), Limits(settings), TokenKeys(settings), Metrics(), door)
    news_desk = news.NewsDesk(desk, webhook_signer(settings), settings.enrollment_poll_seconds)
    notifier = Notifier(settings, desk.store, parts.reading, parts.metrics) if settings.notifier_url else None
    rasa_actions.install(desk)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        door.sessions.delete_ended()
        async with parts.keys.kept_fresh():
            on_mark = notifier.notifications.put if notifier else None
            rounds = [news_desk.run(), keep_climbing(desk.store, desk.tickets)]
            rounds += [keep_announcing(desk, on_mark=on_mark), keep_handing_back(desk)]
            rounds += [notifier.run()] if notifier else []
            tasks = [asyncio.create_task(one) for one in rounds]
            yield
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        await parts.rasa.aclose()
        await desk.backend.aclose()
        desk.audit.close()
        desk.store.engine.dispose()

    refusals: dict[int | str, dict[str, Any]] = {"4XX": {"model": ErrorAnswer, "description": "Refused"}}
    app = FastAPI(title="Enrolment help desk", version="0.1.0", lifespan=lifespan, responses=refusals)
    app.state.services = parts
    app.state.news = news_desk
    app.state.on_said = notifier.notifications.put_said if notifier else None
    for router in (parents.router, handover.router, suggestions.make_router(desk), cases.router, news.router):
        app.include_router(router)
    for router in (tickets_live.router, tickets_routes.router, incidents_routes.router, health.router):
        app.include_router(router)
    app.include_router(tickets_cases.router)
    app.include_router(tickets_files.make_router(settings))
    app.router.routes.append(webhook.make_route(settings.action_secret.get_secret_value()))
    app.include_router(metrics.make_router(settings, parts.metrics))
    app.include_router(make_widget_router(settings))
    app.include_router(make_demo_router(settings))
    staff_routes.install(app, settings)
    app.include_router(make_hotline_router(desk))
    app.include_router(make_school_router(desk))
    check_routes(app)
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)
    return app


def _error(status: int, code: str, message: str, details: dict[str, object], headers: dict[str, str]) -> JSONResponse:
    body = {"error": {"code": code, "message": message, "details": details}}
    return JSONResponse(body, status_code=status, headers=headers)


async def _api_error(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, ApiError):
        raise error
    headers = {"Retry-After": str(error.details["retry_after"])} if "retry_after" in error.details else {}
    return _error(error.status, error.code, error.message, error.details, headers)


async def _malformed(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    fields: dict[str, object] = {".".join(map(str, e["loc"])): e["msg"] for e in error.errors()}
    return _error(422, "malformed_request", "请求格式不对，请检查各字段。", {"fields": fields}, {})


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 400:  # a body that can't be read at all
        return _error(422, "malformed_request", "请求格式不对，请检查各字段。", {}, {})
    code, message = _HTTP_ERRORS.get(error.status_code, ("http_error", "请求无法处理。"))
    return _error(error.status_code, code, message, {}, dict(error.headers or {}))


async def _gone(_: Request, __: Exception) -> Response:
    """Answer whoever went away in the middle of a call: nobody reads it, and nothing of ours went wrong."""
    return Response(status_code=400)


async def _unexpected(_: Request, error: Exception) -> JSONResponse:
    log.error("unexpected error", exc_info=error)
    return _error(500, "internal_error", "系统出了点问题，请稍后再试。", {}, {})


_HTTP_ERRORS = {
    404: ("not_found", "没有这个页面或接口。"),
    405: ("method_not_allowed", "这个接口不支持这种请求方式。"),
    413: ("too_large", "内容太大。"),
}
