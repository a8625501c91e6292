"""A call becomes a ticket of the school teams' desk."""

from __future__ import annotations

from bot.actions.desk import Desk
from channels.hotline.choices import ticket_words
from channels.tickets.routes import actor_of
from core.errors import NotFoundError
from escalation.desk import Draft
from escalation.rules import Place
from hotline.calls import Call
from knowledge.entry import Entry
from staff.roles import Staff

_DEEDS = ("chosen", "copied", "told", "wrong")


def check_scope(call: Call, who: Staff) -> None:
    """Check that a call's place is one that the agent may send tickets to.

    Raises:
        NotFoundError: it is outside their scope.
    """
    if call.city and not who.scope.covers(call.city, call.district, None):
        raise NotFoundError("来电人的城市、区县不在您的服务范围内，请先核对。")


def make_ticket(desk: Desk, call: Call, who: Staff) -> str | None:
    """Make the call's ticket, once; return its number, or None while the caller's city is not known."""
    if call.city is None:
        return None
    entry = _entry(desk, call)
    draft = Draft(
        key=f"call:{call.id}",
        place=Place(call.city, call.district),
        question=_question(call),
        entry=entry.id if entry else None,
        topic=entry.topic if entry else "other",
        call_id=call.id,
    )
    ticket, _ = desk.tickets.create(draft, actor_of(who))
    return ticket.number


def _entry(desk: Desk, call: Call) -> Entry | None:
    """Return the entry that the agent used last, if it is one of the caller's city."""
    used = [desk.knowledge.entries[one.entry_id] for one in call.events if one.kind in _DEEDS]
    return next((entry for entry in reversed(used) if entry.city == call.city), None)


def _question(call: Call) -> str:
    words = ticket_words()
    lines = [words["asked"].format(question=question) for question in call.questions]
    lines += [words["note"].format(note=call.note)] if call.note.strip() else []
    return "\n".join(lines) or words["nothing"]
