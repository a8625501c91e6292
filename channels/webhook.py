"""Where Rasa runs the actions: an internal path with a shared secret."""

from __future__ import annotations

import hmac
import logging

from pydantic_core import from_json, to_json
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection, ActionNotFoundException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.actions.rasa_actions import ACTIONS
from core.errors import NotAuthenticatedError

log = logging.getLogger(__name__)
PATH = "/internal/actions"


def make_route(secret: str) -> Route:
    """Return the webhook's route; calls without the secret are refused."""
    executor = ActionExecutor()
    for action in ACTIONS:
        executor.register_action(action())

    async def run_action(request: Request) -> Response:
        # Headers arrive as Latin-1; compared as bytes, since `compare_digest` refuses words with other letters.
        given = request.headers.get("x-helpdesk-secret", "").encode("latin-1")
        if not secret or not hmac.compare_digest(given, secret.encode()):
            raise NotAuthenticatedError("wrong or missing X-Helpdesk-Secret")
        call = from_json(await request.body())
        try:
            result = await executor.run(call)
        except (ActionExecutionRejection, ActionNotFoundException) as error:
            return JSONResponse({"action_name": error.action_name, "error": error.message}, status_code=400)
        return Response(to_json(result), media_type="application/json")

    return Route(PATH, run_action, methods=["POST"])
