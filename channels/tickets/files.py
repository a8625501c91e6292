"""Files on tickets, over HTTP: sent as the raw body, sent back in a way that no browser runs anything of them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated
from urllib.parse import quote, unquote

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from bot.actions.ticket_cards import parent_of
from channels.access import Allowed
from channels.bodies import read_limited
from channels.messages import PRINTABLE
from channels.parents import Opened
from channels.services import services
from channels.tickets.routes import actor_of, desk_of, reach_of
from conversations.audit import Look
from core.settings import Settings
from escalation.attachments import Attachment, NewFile, named
from escalation.files import LARGEST, SMALL_SIDE, CleanFile, clean
from escalation.files import small as make_small
from escalation.scanner import scan

_AT_ONCE = 2
"""Files that are opened or kept at once; each takes a processor, and memory for all of its pixels."""
_NAME = Annotated[
    str, Header(alias="X-File-Name", max_length=1000, description="The file's name, UTF-8, percent-encoded.")
]
_KEY = Annotated[
    str | None,
    Header(
        alias="X-File-Key",
        min_length=1,
        max_length=80,
        pattern=PRINTABLE,
        description="Made by the caller: the second file of a ticket with it is the first one again.",
    ),
]
_SMALL = Annotated[bool, Query(description=f"Of an image: at most {SMALL_SIDE} pixels a side, for a list.")]
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            type_: {"schema": {"type": "string", "format": "binary"}}
            for type_ in ("image/jpeg", "image/png", "image/webp", "application/pdf")
        },
    }
}


class Added(BaseModel):
    """A file that is kept now; its size, in bytes, and its type are of what is kept, not of what was sent."""

    id: str
    name: str
    type: str
    size: int


class Intake:
    """Takes files in: a few at once, in worker threads.

    Args:
        settings: names the scanner.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.limiter = CapacityLimiter(_AT_ONCE)

    async def read(self, request: Request, name: str) -> NewFile:
        """Return the file of the call's body, scanned and written anew.

        Raises:
            TooLargeError, FileRefusedError, UnavailableError: it is not to be kept; says why and what to do.
            ClientDisconnect: it was taken back, or the line broke, before it was looked through.
        """
        content = await read_limited(request, LARGEST)
        new = await to_thread.run_sync(self._made, content, name, limiter=self.limiter)
        if await request.is_disconnected():
            raise ClientDisconnect
        return new

    async def served(self, attachment: Attachment, content: bytes, *, small: bool) -> Response:
        """Return the file as a response; a `small` image is made so in a worker thread."""
        if small:
            kept = CleanFile(attachment.type, content)
            content = (await to_thread.run_sync(make_small, kept, limiter=self.limiter)).content
        return served(attachment, content)

    def _made(self, content: bytes, name: str) -> NewFile:
        scan(self._settings.attachment_scanner, content, self._settings.attachment_scanner_seconds)
        return named(unquote(name, errors="replace"), clean(content))


def make_router(settings: Settings) -> APIRouter:
    """Return the routes."""
    router, intake = APIRouter(prefix="/api/v1"), Intake(settings)

    @router.post(
        "/conversations/{conversation_id}/attachments", status_code=201, tags=["conversations"], openapi_extra=_BODY
    )
    async def add_as_parent(
        request: Request,
        conversation: Opened,
        ticket_id: Annotated[
            str | None, Query(max_length=36, description="Which ticket; else the newest unsettled.")
        ] = None,
        name: _NAME = "",
        key: _KEY = None,
    ) -> Added:
        """Add a picture or PDF of at most 10 MB to the conversation's ticket; it stands in the conversation, too."""
        services(request).limits.check(request, conversation)
        tickets = desk_of(request)
        await asyncio.to_thread(tickets.open_to_files, conversation, ticket_id)
        new = await intake.read(request, name)
        parent = parent_of(services(request).desk, conversation)
        keep = partial(tickets.attach_of_parent, conversation, new, parent, ticket_id=ticket_id, key=key)
        _, id_ = await to_thread.run_sync(keep, limiter=intake.limiter)
        return _added(id_, new)

    @router.get("/conversations/{conversation_id}/attachments/{attachment_id}", tags=["conversations"])
    async def read_as_parent(
        request: Request, conversation: Opened, attachment_id: str, small: _SMALL = False
    ) -> Response:
        """Return a file of the conversation's ticket that the parent sent, or that was sent to them."""
        find = desk_of(request).attachment_of_parent
        return await intake.served(*await asyncio.to_thread(find, conversation, attachment_id), small=small)

    @router.post("/tickets/{ticket_id}/attachments", status_code=201, tags=["tickets"], openapi_extra=_BODY)
    async def add_as_staff(
        request: Request,
        who: Allowed,
        ticket_id: str,
        to_parent: Annotated[bool, Query(description="As a reply; else as a note for colleagues.")] = False,
        *,
        waiting: Annotated[bool, Query(description="No step yet: a command of one's own will name it.")] = False,
        name: _NAME = "",
        key: _KEY = None,
    ) -> Added:
        """Add a picture or PDF of at most 10 MB to a ticket."""
        services(request).limits.check(request)
        tickets, reach, by = desk_of(request), reach_of(who), actor_of(who)
        await services(request).desk.store.call(tickets.find, ticket_id, reach)
        new = await intake.read(request, name)
        keep = partial(tickets.attach, ticket_id, new, to_parent, by, reach, key=key)
        if waiting:
            keep = partial(tickets.attach_waiting, ticket_id, new, by, reach, key=key)
        id_ = await to_thread.run_sync(keep, limiter=intake.limiter)
        return _added(id_, new)

    @router.get("/tickets/{ticket_id}/attachments/{attachment_id}", tags=["tickets"])
    async def read_as_staff(
        request: Request, who: Allowed, ticket_id: str, attachment_id: str, small: _SMALL = False
    ) -> Response:
        """Return a file of a ticket, once the audit log has it that it was looked at."""
        actor_of(who)
        found = await asyncio.to_thread(desk_of(request).attachment, ticket_id, attachment_id, reach_of(who))
        ticket, attachment, content = found
        desk, words = services(request).desk, ("ticket", "attachment")
        look = Look(who.id, who.role, ticket.place.city, (ticket.id,), "ticket", words, ticket.conversation_id)
        await desk.store.call(desk.audit.record, look)
        return await intake.served(attachment, content, small=small)

    return router


def served(attachment: Attachment, content: bytes) -> Response:
    """Return the file: shown in place if it is an image, else saved; nothing in it can run or load anything."""
    place = "inline" if attachment.type.startswith("image/") else "attachment"
    headers = {
        "Content-Disposition": f"{place}; filename*=UTF-8''{quote(attachment.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return Response(content, media_type=attachment.type, headers=headers)


def _added(id_: str, new: NewFile) -> Added:
    return Added(id=id_, name=new.name, type=new.file.type, size=len(new.file.content))
