"""The way from a call to the school teams' desk."""

from __future__ import annotations

from typing import Protocol

from hotline.calls import Call


class TicketDesk(Protocol):
    """Where a call becomes a ticket."""

    def open_ticket(self, call: Call) -> str | None:
        """Hand a call over; return the ticket's number, or None while there is no desk.

        A call that was handed over before gets the number that it has.
        """


class NoDeskYet:
    """Stands where the desk will be: no ticket is made, and the caller is told so."""

    def open_ticket(self, _: Call) -> str | None:
        """Make none."""
        return None
