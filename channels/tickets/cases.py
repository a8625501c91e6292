"""The application that a ticket is about: the one place that decides which member of staff sees it, and what of it.

Only who holds an unsettled ticket, and only of the guardian who signed in to its conversation, also once that sign-in
is over: nothing that anybody typed leads to a case. The audit log knows of each look before it is shown; if it can't be
written, nothing is shown.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Literal, cast

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from bot.actions.case_cards import ON_A_CARD, application_card
from bot.actions.desk import Desk
from channels.access import Allowed
from channels.hotline.refusals import not_recorded
from channels.services import services
from channels.tickets.routes import desk_of, reach_of
from conversations.audit import Look
from conversations.reply import ApplicationCard, ProblemCard, QuoteCard, ReachedCard
from core.errors import NotFoundError
from core.scope import City
from enrollment.errors import EnrollmentError
from enrollment.models import Application
from escalation.rules import Level, Ticket
from staff.roles import Staff

log = logging.getLogger(__name__)
router = APIRouter(prefix="/api/v1/tickets", tags=["tickets"])
Reason = Literal["shown", "no_application", "not_signed_in", "not_found", "outside_scope", "unavailable"]

FIELDS: dict[str, tuple[str, ...]] = {
    "child": ("id", "child"),
    "state": ("state", "since", "as_of", "window_open", "window_closes"),
    "timeline": ("timeline",),
    "school": ("city", "school"),
    "problems": ("problems",),
    "advice": ("meaning", "next", "then", "official_quote"),
}
"""The fields of a card by the word that the audit log has for them."""
SEES: dict[Level, tuple[str, ...]] = {
    "school": ("child", "state", "school", "problems", "advice"),
    "district": ON_A_CARD,
    "city": ON_A_CARD,
}
"""What each role sees of a card."""


class CaseView(BaseModel):
    """The parent's card of the application, as far as the reader's role sees it: what it does not see is null."""

    id: str | None = None
    city: City | None = None
    child: str | None = None
    state: str | None = None
    since: datetime | None = None
    timeline: list[ReachedCard] | None = None
    school: str | None = None
    problems: list[ProblemCard] | None = None
    window_open: bool | None = None
    window_closes: datetime | None = None
    meaning: str | None = None
    next: str | None = None
    then: str | None = None
    official_quote: QuoteCard | None = None
    as_of: datetime | None = None


class TicketCase(BaseModel):
    """The application that a ticket is about, or why there is none to be seen; `shown` comes with one."""

    case: CaseView | None
    reason: Reason


@router.get("/{ticket_id}/case")
async def read_case(request: Request, response: Response, who: Allowed, ticket_id: str) -> TicketCase:
    """Return the application that one's own ticket is about; the look is recorded."""
    desk = services(request).desk
    response.headers["Cache-Control"] = "no-store"
    ticket = await _in_hand(request, who, ticket_id)
    known = await _guardian(desk, ticket)
    if ticket.application_id is None or known is None:
        return TicketCase(case=None, reason="not_signed_in" if ticket.application_id else "no_application")
    try:
        mine = await desk.backend.applications_of(*known)
    except EnrollmentError as error:
        log.warning("%s: %s", type(error).__name__, error)
        return await _without(desk, who, ticket, "unavailable")
    found = next((one for one in mine if one.id == ticket.application_id), None)
    if found is None:
        return await _without(desk, who, ticket, "not_found")
    if not who.scope.covers(found.city, found.district, found.school):
        return await _without(desk, who, ticket, "outside_scope")
    await _in_hand(request, who, ticket_id)  # the backend took its time; the ticket may be somebody else's by now
    return await _disclose(desk, who, ticket, found)


async def _in_hand(request: Request, who: Staff, ticket_id: str) -> Ticket:
    """Return the ticket that this member of staff holds and that is not settled.

    Raises:
        NotFoundError: there is no such ticket in their scope, it is settled, or they don't hold it.
    """
    ticket = await services(request).desk.store.call(desk_of(request).find, ticket_id, reach_of(who))
    if ticket.settled_at:
        raise NotFoundError("工单已办结，不能再查看报名信息。")
    if ticket.holder != who.id:
        raise NotFoundError("只有认领了这张工单的人可以查看报名信息。")
    return ticket


async def _guardian(desk: Desk, ticket: Ticket) -> tuple[str, City] | None:
    if ticket.conversation_id is None:
        return None
    return cast("tuple[str, City] | None", await desk.store.call(desk.store.guardian_of, ticket.conversation_id))


async def _without(desk: Desk, who: Staff, ticket: Ticket, reason: Reason) -> TicketCase:
    await _record(desk, who, ticket, (ticket.id,), (reason,))
    return TicketCase(case=None, reason=reason)


async def _disclose(desk: Desk, who: Staff, ticket: Ticket, application: Application) -> TicketCase:
    sees = SEES[cast("Level", who.role)]
    case = seen_by(cast("Level", who.role), application_card(desk, application))
    await _record(desk, who, ticket, (ticket.id, application.id), ("card", *sees))
    return TicketCase(case=case, reason="shown")


def seen_by(role: Level, card: ApplicationCard) -> CaseView:
    """Return what the role sees of a card."""
    names = [name for word in SEES[role] for name in FIELDS[word]]
    return CaseView(**{name: getattr(card, name) for name in names})


async def _record(desk: Desk, who: Staff, ticket: Ticket, ids: tuple[str, ...], shown: tuple[str, ...]) -> None:
    look = Look(who.id, who.role, ticket.place.city, ids, "ticket", shown, ticket.conversation_id)
    try:
        await desk.store.call(desk.audit.record, look)
    except (SQLAlchemyError, OSError) as error:
        log.error("audit log: %s; nothing is shown", type(error).__name__)
        raise not_recorded() from error
