"""Tickets as they are shown in the chat."""

from __future__ import annotations

from bot.actions.desk import Desk
from conversations.reply import Choice, Message, Option, OptionsMessage, TicketMessage
from escalation.cards import card_of_step
from escalation.outbox import Announcement


def step_messages(desk: Desk, step: Announcement) -> list[Message]:
    """Return what a parent is told of a step, with what they can do about it."""
    card = TicketMessage(ticket=card_of_step(step, desk.tickets.book.levels))
    match step.kind:
        case "reply" | "resolve":
            return [card, _options(desk, step.ticket.id, "ticket_solved_ask", ("ticket_solved", "ticket_unsolved"))]
        case "ask_parent":
            return [card, _options(desk, step.ticket.id, "ticket_add_ask", ("ticket_add",))]
        case _:
            return [card]


def _options(desk: Desk, ticket_id: str, ask: str, acts: tuple[str, ...]) -> OptionsMessage:
    say = desk.words.say
    options = [
        Option(label=say(f"{act}_option"), choice=Choice.model_validate({"do": act, "ticket_id": ticket_id}))
        for act in acts
    ]
    return OptionsMessage(text=say(ask), purpose="ticket", options=options)
