"""Read a call's body where FastAPI's own reading is done without: JSON by its shape, or bytes up to a limit."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from core.errors import MalformedRequestError, TooLargeError

_Body = TypeVar("_Body", bound=BaseModel)


async def read_body(request: Request, shape: type[_Body]) -> _Body:
    """Return the body.

    Raises:
        RequestValidationError: it is not JSON of that shape.
    """
    try:
        return shape.model_validate_json(await request.body())
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(found) from error


async def read_limited(request: Request, most: int) -> bytes:
    """Return the body's bytes.

    Raises:
        TooLargeError: it has more than `most` bytes, or says so; the rest of it is not read.
        MalformedRequestError: it is empty.
    """
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told[:19]) > most:
        raise _too_large(most)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise _too_large(most)
    if not body:
        raise MalformedRequestError("文件是空的，请重新选择。")
    return bytes(body)


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(f"文件不能超过 {most // 1024**2} MB，请压缩或截图后再传。", most=most)


def body_of(shape: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI must say of a call that reads its body itself."""
    schema = shape.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
