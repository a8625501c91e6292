"""A call becomes a ticket of the school teams' desk; what is said after that is added to the same ticket."""

from __future__ import annotations

from collections.abc import Sequence

from bot.actions.desk import Desk
from channels.hotline.choices import ticket_words
from channels.hotline.shapes import HandOver
from channels.tickets.routes import actor_of
from core.errors import ConflictError, MalformedRequestError, NotFoundError
from core.privacy import mask_personal_data
from enrollment.models import Application
from escalation.desk import Draft
from escalation.rules import Place, Ticket
from hotline.calls import Call
from hotline.questions import questions_of
from knowledge.entry import Entry
from staff.roles import Staff

_ANSWERED = ("copied", "told")


class CityUnknownError(ConflictError):
    """Nobody can be handed a call whose city is not known; it is not marked either."""

    code = "city_unknown"


def draft_of(desk: Desk, call: Call, who: Staff, wanted: HandOver, application: Application | None) -> Draft:
    """Return the ticket that a call is to become.

    Args:
        desk: what the service knows.
        call: the call.
        who: its agent.
        wanted: what the agent adds; a school that they name counts more than the application's.
        application: of the verified caller, in the call's city, if there is one.

    Raises:
        CityUnknownError: the caller's city is not known.
        MalformedRequestError: a school without its district.
        NotFoundError: the place is outside the agent's scope.
    """
    if call.city is None:
        raise CityUnknownError("请先选定来电人的城市，再转学校团队。")
    if wanted.school and not call.district:
        raise MalformedRequestError("填写学校时请一并选择区县。", fields={"body.school": "needs the call's district"})
    place = Place(call.city, call.district, wanted.school)
    if application and not wanted.school:
        place = Place(call.city, desk.entities.district(application.district), application.school)
    if not who.scope.covers(place.city, place.district, place.school):
        raise NotFoundError("来电人的城市、区县不在您的服务范围内，请先核对。")
    entry = _entry(desk, call)
    return Draft(
        key=_key(call),
        place=place,
        question="\n".join(parts_of(call, wanted.question, application)) or ticket_words()["nothing"],
        entry=entry.id if entry else None,
        topic=entry.topic if entry else "other",
        closes_at=application.window_closes if application and application.window_open else None,
        call_id=call.id,
    )


def parts_of(call: Call, typed: str = "", application: Application | None = None) -> list[str]:
    """Return in words what was asked and noted; `typed` is what still stands in the box."""
    words = ticket_words()
    asked = questions_of([*call.questions, mask_personal_data(typed)])
    parts = [words["asked"].format(question=question) for question in asked]
    parts += [words["note"].format(note=call.note)] if call.note.strip() else []
    parts += [words["child"].format(child=application.child)] if application else []
    return parts


def hand_over(desk: Desk, draft: Draft, parts: Sequence[str], who: Staff) -> Ticket:
    """Make the ticket, or add to the one that the call became before those parts that it does not say yet."""
    ticket, new = desk.tickets.create(draft, actor_of(who))
    return ticket if new else desk.tickets.supplement(ticket.id, parts, actor_of(who))


def add_news(desk: Desk, call: Call, who: Staff) -> None:
    """Add what a call's ticket, if it has one, does not say yet."""
    if ticket := desk.tickets.made_with(_key(call), actor_of(who)):
        desk.tickets.supplement(ticket.id, parts_of(call), actor_of(who))


def numbers_of(desk: Desk, calls: Sequence[Call], who: Staff) -> dict[str, str]:
    """Return the tickets' numbers of those calls that became one, by the calls' ids."""
    marked = {_key(call): call.id for call in calls if call.escalated_at}
    return {marked[key]: number for key, number in desk.tickets.numbers_of([*marked], actor_of(who)).items()}


def _key(call: Call) -> str:
    return f"call:{call.id}"


def _entry(desk: Desk, call: Call) -> Entry | None:
    """Return the answer that the agent gave last and did not call wrong after that, if it is of the caller's city."""
    last = {one.entry_id: one.kind for one in call.events if one.kind in (*_ANSWERED, "wrong")}
    given = [one.entry_id for one in call.events if one.kind in _ANSWERED and last[one.entry_id] != "wrong"]
    used = [desk.knowledge.entries[entry_id] for entry_id in reversed(given)]
    return next((entry for entry in used if entry.city == call.city), None)
