"""Read a call's JSON body by its shape, for the calls that do without FastAPI's own reading."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

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


def body_of(shape: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI must say of a call that reads its body itself."""
    schema = shape.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
