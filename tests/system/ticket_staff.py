"""A school's, district's or city's team at the tickets' API."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
from desk_running import Service

from channels.tokens import demo_staff_token

PATH = "/api/v1/tickets"
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class TicketStaff:
    """Gives commands with a staff token; each is somebody else."""

    def __init__(self, service: Service, role: str = "city", scope: str = "") -> None:
        headers = {"Authorization": f"Bearer {demo_staff_token(service.settings, role, scope)}"}
        self.http = httpx.Client(
            base_url=service.base, headers=headers, timeout=30, trust_env=False, verify=_NO_CERTIFICATES
        )

    def read(self, ticket_id: str) -> dict[str, Any]:
        """Read a ticket with its course."""
        return self._call("GET", f"/{ticket_id}")

    def case(self, ticket_id: str) -> dict[str, Any]:
        """Read the application that a ticket is about."""
        return self._call("GET", f"/{ticket_id}/case")

    def listed(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the newest page of tickets."""
        found: list[dict[str, Any]] = self._call("GET", "", params={"limit": 100, **wanted})["tickets"]
        return found

    def give(self, act: str, ticket_id: str, **more: Any) -> dict[str, Any]:
        """Give a command to the present version."""
        version = self.read(ticket_id)["version"]
        return self._call("POST", f"/{ticket_id}/{act}", json={"version": version, **more})

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def _call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        response = self.http.request(method, PATH + path, **body)
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer
