"""Tickets as they are shown in the chat."""

from __future__ import annotations

from bot.actions.desk import Desk
from conversations.reply import Choice, Message, Option, OptionsMessage, TicketMessage
from escalation.cards import card_of_step, card_of_ticket
from escalation.outbox import Announcement
from escalation.rules import Actor, Ticket


def step_messages(desk: Desk, step: Announcement) -> list[Message]:
    """Return what a parent is told of a step, with what they can do about it."""
    card = TicketMessage(ticket=card_of_step(step, desk.tickets.book.levels))
    match step.kind:
        case "reply" | "resolve":
            acts = ("ticket_solved", "ticket_unsolved")
            return [card, ticket_options(desk, step.ticket.id, "ticket_solved_ask", acts)]
        case "ask_parent":
            return [card, ticket_options(desk, step.ticket.id, "ticket_add_ask", ("ticket_add",))]
        case _:
            return [card]


def parent_of(desk: Desk, conversation_id: str) -> Actor:
    """Return the parent of a conversation, as tickets know them."""
    return Actor(f"parent:{conversation_id}", desk.words.say("ticket_parent"), "parent")


def ticket_card(desk: Desk, ticket: Ticket, happened: str = "dispatch") -> TicketMessage:
    """Return the ticket as it is now, after a step of the parent's own."""
    return TicketMessage(ticket=card_of_ticket(ticket, desk.tickets.book.levels, happened))


def ticket_messages(desk: Desk, ticket: Ticket) -> list[Message]:
    """Return a ticket that is not settled, with what the parent can do: add to it, or make one about something else."""
    options = ticket_options(desk, ticket.id, "ticket_unsettled_ask", ("ticket_add",))
    options.options += new_ticket_options(desk).options
    return [ticket_card(desk, ticket), options]


def new_ticket_options(desk: Desk) -> OptionsMessage:
    """Return the offer of a new ticket."""
    option = Option(label=desk.words.say("ticket_new_option"), choice=Choice(do="ticket", value="new"))
    return OptionsMessage(text=desk.words.say("ticket_new_ask"), purpose="ticket", options=[option])


def pass_on_option(desk: Desk, ticket: Ticket, words: str) -> OptionsMessage:
    """Return the offer to pass words that were typed on to who works on a ticket."""
    choice = Choice(do="ticket_add", ticket_id=ticket.id, value=words)
    option = Option(label=desk.words.say("ticket_pass_on_option"), choice=choice)
    return OptionsMessage(
        text=desk.words.say("ticket_pass_on_ask", number=ticket.number), purpose="ticket", options=[option]
    )


def ticket_options(desk: Desk, ticket_id: str, ask: str, acts: tuple[str, ...]) -> OptionsMessage:
    """Return buttons for a ticket: `ask` is a sentence's name, `acts` what the buttons stand for."""
    say = desk.words.say
    options = [
        Option(label=say(f"{act}_option"), choice=Choice.model_validate({"do": act, "ticket_id": ticket_id}))
        for act in acts
    ]
    return OptionsMessage(text=say(ask), purpose="ticket", options=options)
