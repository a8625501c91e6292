"""How the reference service tells of errors: one shape, and nothing of a case in it or in the log."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from core.errors import ApiError

logger = logging.getLogger(__name__)


def add_error_handlers(service: FastAPI) -> None:
    """Give every error of the service the shape `{"error": {"code", "message", "details"}}`."""
    service.add_exception_handler(ApiError, _tell_api_error)
    service.add_exception_handler(RequestValidationError, _tell_invalid_body)
    service.add_exception_handler(HTTPException, _tell_http_error)
    service.add_exception_handler(SQLAlchemyError, _tell_database_error)


def _shaped(status: int, code: str, message: str, details: dict[str, Any]) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message, "details": details}}, status)


async def _tell_api_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)  # noqa: S101
    return _shaped(error.status, error.code, error.message, error.details)


async def _tell_invalid_body(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    fields = [".".join(str(part) for part in wrong["loc"]) for wrong in error.errors()]
    return _shaped(422, "invalid_body", "请求内容不符合要求。", {"fields": fields})


async def _tell_http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    return _shaped(error.status_code, code, "没有这个接口。", {})


async def _tell_database_error(_request: Request, error: Exception) -> JSONResponse:
    logger.error("database error: %s", type(error).__name__)
    return _shaped(503, "unavailable", "数据库暂时不可用。", {})
