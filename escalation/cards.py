"""What a parent sees of a ticket."""

from __future__ import annotations

from collections.abc import Sequence

from conversations.reply import FileCard, TicketCard
from escalation.attachments import step_of
from escalation.outbox import Announcement
from escalation.routing import Levels
from escalation.rules import FROM, Level, State, Ticket

_AWAITED: tuple[State, ...] = ("new", "assigned", "working")


def card_of_ticket(ticket: Ticket, levels: Levels, happened: str = "dispatch") -> TicketCard:
    """Return the ticket as it is now, after a step of the parent's own."""
    return _card(ticket, levels, happened, state=ticket.state, level=ticket.level)


def card_of_step(step: Announcement, levels: Levels) -> TicketCard:
    """Return what a step that a parent is told of has led to; a note to colleagues is never in it."""
    text = step.text if step.message in ("reply", "ask") else None
    if step.files and text == "\n".join(step_of(one.name, one.type) for one in step.files):
        text = None  # the files speak for themselves
    return _card(step.ticket, levels, step.kind, state=step.state, level=step.level, text=text, files=step.files)


def _card(
    ticket: Ticket,
    levels: Levels,
    happened: str,
    *,
    state: State,
    level: Level,
    text: str | None = None,
    files: Sequence[FileCard] = (),
) -> TicketCard:
    return TicketCard(
        id=ticket.id,
        number=ticket.number,
        happened=happened,
        state=levels.states[state],
        team=levels.team(level, ticket.place),
        due_at=ticket.due_at if state in _AWAITED else None,
        text=text,
        files=list(files),
        takes_files=state in FROM["add"],
    )
