"""What the channels share; built once in `app.py` and found on the application's state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Header, Request

from bot.actions.desk import Desk
from channels.keys import TokenKeys
from channels.limits import Limits
from channels.metrics import Metrics
from channels.rasa import RasaClient
from channels.reading import Reading
from channels.staff.door import StaffDoor
from core.errors import NotAuthenticatedError
from core.settings import Settings


@dataclass(frozen=True)
class Services:
    """The parts of the running application."""

    settings: Settings
    desk: Desk
    rasa: RasaClient
    limits: Limits
    keys: TokenKeys
    metrics: Metrics
    staff: StaffDoor
    reading: Reading = field(default_factory=Reading)


def services(request: Request) -> Services:
    """Return the application's parts."""
    return cast("Services", request.app.state.services)


async def bearer(authorization: Annotated[str | None, Header()] = None) -> str:
    """Return what the Authorization header bears.

    Raises:
        NotAuthenticatedError: there is no such header.
    """
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not value:
        raise NotAuthenticatedError("缺少会话密钥，请重新打开咨询窗口。")
    return value.strip()
