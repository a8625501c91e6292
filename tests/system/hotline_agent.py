"""An agent with a call, as the HTTP API sees them, and the telephones to which codes go."""

from __future__ import annotations

import re
import ssl
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from desk_running import Service
from sqlalchemy import insert, select, update

from channels.tokens import demo_staff_token
from conversations.storage import open_engine
from conversations.tables import AuditRow
from enrollment.reference.families import read_families
from hotline.tables import CallLookupRow, CallRow

PHONES = {child.id: family.phone for family in read_families() for child in family.children}
CITIES = {child.id: str(family.city) for family in read_families() for child in family.children}
# Tests speak plain HTTP; to read the machine's certificates for each agent would take long.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Agent:
    """A member of staff who has just taken a call, which is written into the database as it stands."""

    def __init__(self, service: Service, scope: str = "", role: str = "agent", ended: bool = False) -> None:
        self.service = service
        self.staff, self.call = f"demo:{role}:{scope}", str(uuid.uuid4())
        now = datetime.now(UTC)
        values = {"staff": self.staff, "note": "", "started_at": now, "ended_at": now if ended else None}
        self._write(insert(CallRow).values(id=self.call, **values))
        headers = {"Authorization": f"Bearer {demo_staff_token(service.settings, role, scope)}"}
        self.http = httpx.Client(
            base_url=service.base, timeout=30, trust_env=False, verify=_NO_CERTIFICATES, headers=headers
        )

    def send(self, number: str, city: str | None = None, reason: str = "progress") -> httpx.Response:
        """Ask for a code."""
        city = city or ("chongqing" if number.startswith("CQ") else "qingdao")
        body = {"number": number, "city": city, "reason": reason}
        return self.http.post(f"{self._address}/verification", json=body)

    def check(self, code: str) -> httpx.Response:
        """Enter a code."""
        return self.http.post(f"{self._address}/verification/code", json={"code": code})

    def case(self) -> httpx.Response:
        """Ask for the card."""
        return self.http.get(f"{self._address}/case")

    def verify(self, number: str) -> httpx.Response:
        """Ask for a code, and enter the one that came."""
        assert self.send(number).status_code == 202
        return self.check(last_code(self.service, PHONES[number]))

    def half_a_minute_later(self) -> None:
        """Make the last code older, as if the agent had waited."""
        earlier = datetime.now(UTC) - timedelta(seconds=31)
        self._write(update(CallLookupRow).where(CallLookupRow.call_id == self.call).values(at=earlier))

    def end(self) -> None:
        """Hang up."""
        self._write(update(CallRow).where(CallRow.id == self.call).values(ended_at=datetime.now(UTC)))

    def put(self, **values: Any) -> None:
        """Put the look-up into a state."""
        now = datetime.now(UTC) - timedelta(minutes=1)
        row = {"city": "", "reason": "", "codes_sent": 0, "codes_wrong": 0, "verified": False, "locked": False}
        self._write(insert(CallLookupRow).values(call_id=self.call, at=now, **{**row, **values}))

    @property
    def _address(self) -> str:
        return f"/api/v1/calls/{self.call}"

    def _write(self, statement: Any) -> None:
        engine = open_engine(self.service.settings.database)
        with engine.begin() as connection:
            connection.execute(statement)
        engine.dispose()


def messages(service: Service) -> list[tuple[str, str]]:
    """Return phone and text of every message that was sent."""
    headers = {"Authorization": f"Bearer {service.settings.enrollment_key.get_secret_value()}"}
    found = httpx.get(f"{service.settings.enrollment}/v1/text-messages", headers=headers, trust_env=False).json()
    return [(one["phone"], one["text"]) for one in found["messages"]]


def last_code(service: Service, phone: str) -> str:
    """Return the code of the last message to a telephone."""
    texts = [text for to, text in messages(service) if to == phone]
    return str(re.findall(r"\d{6}", texts[-1])[0])


def another(code: str) -> str:
    """Return a code that is not this one."""
    return f"{(int(code) + 1) % 10**6:06d}"


def audited(service: Service, call: str) -> list[dict[str, Any]]:
    """Return the audit log's rows of a call, in order."""
    engine = open_engine(service.settings.database)
    with engine.connect() as connection:
        of_call = select(AuditRow.__table__).where(AuditRow.conversation_id == call).order_by(AuditRow.seq)
        rows = connection.execute(of_call).mappings()
        found = [dict(row) for row in rows]
    engine.dispose()
    return found


def steps(service: Service, call: str) -> list[str]:
    """Return the outcomes of a call's steps, as the audit log has them."""
    return [row["shown"].split()[0] for row in audited(service, call)]
