"""Tickets, messages and events as rows of their tables, and back."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import Row, Table

from escalation.rules import Actor, Event, Message, Place, Ticket
from escalation.tables import TicketEventRow, TicketMessageRow, TicketRow

TICKETS, MESSAGES, EVENTS = (
    cast("Table", row.__table__) for row in (TicketRow, TicketMessageRow, TicketEventRow)
)  # fmt: skip


def ticket_of(row: Row[Any]) -> Ticket:
    """Return the ticket that a row of `tickets` holds."""
    values = dict(row._mapping)
    values.pop("client_key")
    place = Place(values.pop("city"), values.pop("district"), values.pop("school"))
    return Ticket(place=place, **values)


def columns_of(ticket: Ticket) -> dict[str, Any]:
    """Return the values of the row that holds the ticket, but for `client_key`."""
    values = {name: getattr(ticket, name) for name in Ticket.__slots__ if name != "place"}
    return {**values, "city": ticket.place.city, "district": ticket.place.district, "school": ticket.place.school}


def event_of(row: Row[Any]) -> Event:
    """Return the event that a row of `ticket_events` holds."""
    facts = (row.version, row.kind, _actor(row), row.at, row.why, row.before, row.after, row.level_before, row.level)
    return Event(*facts)


def message_of(row: Row[Any]) -> Message:
    """Return the message that a row of `ticket_messages` holds."""
    return Message(row.version, row.kind, _actor(row), row.at, row.text)


def _actor(row: Row[Any]) -> Actor:
    return Actor(row.actor, row.actor_name, row.role)
