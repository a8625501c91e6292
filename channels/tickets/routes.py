"""The tickets' API: everybody sees what is in their scope; whole tickets are shown after the audit log knows it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Engine, select

from bot.actions.desk import Desk
from channels.access import Allowed
from channels.services import services
from channels.tickets.shapes import (
    CommandBody,
    ListQuery,
    NewTicket,
    TicketMade,
    TicketPage,
    TicketView,
    event_view,
    made,
    row,
    view,
)
from conversations import handover
from conversations.audit import Look
from core import clock
from core.errors import IllegalTransitionError, MalformedRequestError, NotFoundError, StaleFenceError
from escalation.desk import WITH_FILES, Draft, StaleTicketError, TicketDesk, TicketFile
from escalation.listing import Reach
from escalation.rules import ACTS, Act, Actor, Command, Place, Ticket
from hotline.tables import CallRow
from knowledge.loader import Knowledge
from staff.roles import Staff

router = APIRouter(prefix="/api/v1/tickets", tags=["tickets"])
_LEAVE: frozenset[Act] = frozenset({"release", "transfer", "resolve"})
"""Commands with which somebody leaves a ticket, and so its conversation."""


@router.post("", status_code=201)
async def make_ticket(request: Request, response: Response, who: Allowed, body: NewTicket) -> TicketMade:
    """Make a ticket; the same `key` again returns the one that it made, with 200."""
    parts, tickets = services(request), desk_of(request)
    parts.limits.check(request)
    call = parts.desk.store.call
    if not who.scope.covers(body.city, body.district, body.school):
        raise NotFoundError("不在您的服务范围内。")
    if body.call_id and not await call(_is_own_call, parts.desk.store.engine, body.call_id, who):
        raise NotFoundError("没有这通来电。")
    ticket, new = await call(tickets.create, _draft(body, parts.desk.knowledge), actor_of(who))
    response.status_code = 201 if new else 200
    return made(ticket, tickets.book, actor_of(who), clock.now())


@router.get("")
async def list_tickets(request: Request, who: Allowed, wanted: Annotated[ListQuery, Query()]) -> TicketPage:
    """Return the tickets in one's scope, those to answer first come first; settled ones last."""
    tickets, store, now = desk_of(request), services(request).desk.store, clock.now()
    page = await store.call(tickets.listed, wanted.filter(who.id), reach_of(who), now)
    chats = [one.conversation_id for one in page.tickets if one.conversation_id]
    talks = await store.call(handover.stretches_in, store.engine, chats)
    shown = [row(one, tickets.book, actor_of(who), now, talks.get(one.conversation_id or "")) for one in page.tickets]
    return TicketPage(tickets=shown, cursor=page.cursor)


@router.get("/{ticket_id}")
async def read_ticket(request: Request, who: Allowed, ticket_id: str) -> TicketView:
    """Return one ticket with its course."""
    file = await services(request).desk.store.call(desk_of(request).read, ticket_id, reach_of(who))
    return await shown(request, who, file)


def _make_route(act: Act) -> Callable[..., Coroutine[Any, Any, TicketView]]:
    async def give(request: Request, who: Allowed, ticket_id: str, body: CommandBody) -> TicketView:
        parts, tickets = services(request), desk_of(request)
        parts.limits.check(request)
        if body.attachments and act not in WITH_FILES:
            raise MalformedRequestError("这一步不能带文件。", fields={"body.attachments": "not with this command"})
        command = Command(act, body.version, body.text, body.why, body.to, body.district, body.school)
        try:
            file = await parts.desk.store.call(
                tickets.act, ticket_id, command, actor_of(who), reach_of(who), body.attachments
            )
        except StaleTicketError as stale:
            now = await shown(request, who, stale.file)
            changed = [event_view(one).model_dump(mode="json") for one in stale.file.events if one.version > stale.seen]
            stale.details |= {"ticket": now.model_dump(mode="json"), "changed": changed, **_words(body)}
            raise
        except IllegalTransitionError as refused:
            refused.details |= _words(body)
            raise
        if act in _LEAVE:
            await _hand_back(parts.desk, file.ticket, who)
        return await shown(request, who, file)

    return give


for _act in ACTS:
    router.post(f"/{{ticket_id}}/{_act}", name=f"{_act}_ticket", summary=f"Give the command `{_act}`.")(
        _make_route(_act)
    )


async def _hand_back(desk: Desk, ticket: Ticket, who: Staff) -> None:
    """Give the ticket's conversation back to the bot if it is the caller's: the bot tells the step, and goes on."""
    engine, call = desk.store.engine, desk.store.call
    mine = await call(handover.stretch_of, engine, ticket.conversation_id or "", who.id)
    if mine:
        with suppress(StaleFenceError, NotFoundError):  # handed back, relieved or erased in this moment
            await call(handover.hand_back, engine, mine.hold, desk.words.say("back_from_person"))


async def shown(request: Request, who: Staff, file: TicketFile) -> TicketView:
    """Return the ticket as this member of staff may see it, once the audit log has it that they did."""
    desk, ticket = services(request).desk, file.ticket
    words = ("ticket", "messages", "events")
    look = Look(who.id, who.role, ticket.place.city, (ticket.id,), "ticket", words, ticket.conversation_id)
    await desk.store.call(desk.audit.record, look)
    return view(file, desk_of(request).book, actor_of(who), clock.now())


def desk_of(request: Request) -> TicketDesk:
    """Return the application's desk."""
    return services(request).desk.tickets


def actor_of(who: Staff) -> Actor:
    """Return the member of staff as the rules know them.

    Raises:
        NotFoundError: their role has no part in tickets.
    """
    match who.role:
        case "admin" | "editor":
            raise NotFoundError("没有这张工单。")
        case role:
            return Actor(who.id, who.name, role)


def reach_of(who: Staff) -> Reach:
    """Return which tickets the member of staff may see: those in their scope; an agent those made by themselves."""
    scope = who.scope
    return Reach(scope.city, scope.district, scope.school, who.id if who.role == "agent" else None)


def _draft(body: NewTicket, knowledge: Knowledge) -> Draft:
    """Return the draft, checked against what there is.

    Raises:
        MalformedRequestError: a school without its district, or an entry or branch that the city does not have.
    """
    entry = knowledge.entries.get(body.entry_id) if body.entry_id else None
    if body.school and not body.district:
        raise MalformedRequestError("填写学校时请一并填写区县。", fields={"body.district": "needed with school"})
    if body.entry_id and (entry is None or entry.city != body.city):
        raise MalformedRequestError("没有这条官方问答。", fields={"body.entry_id": "not an entry of the city"})
    if body.branch and (entry is None or body.branch not in {branch.id for branch in entry.branches}):
        raise MalformedRequestError("官方问答没有这种情况。", fields={"body.branch": "not a branch of the entry"})
    return Draft(
        key=body.key,
        place=Place(body.city, body.district, body.school),
        question=body.question,
        entry=body.entry_id,
        branch=body.branch,
        topic=entry.topic if entry else body.topic or "other",
        urgency=body.urgency,
        closes_at=body.closes_at,
        call_id=body.call_id,
    )


def _is_own_call(engine: Engine, call_id: str, who: Staff) -> bool:
    mine = select(CallRow.id).where(CallRow.id == call_id, CallRow.staff == who.id)
    with engine.connect() as connection:
        return connection.execute(mine).scalar() is not None


def _words(body: CommandBody) -> dict[str, str]:
    """Return what the caller wrote: nothing of it was kept, so nothing of it may be lost."""
    return {"text": body.text, "why": body.why}
