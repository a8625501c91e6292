"""The task that lets tickets climb: it goes on after a fault, and ends when it is cancelled."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from channels.tickets.climbing import keep_climbing
from conversations.migrate import migrate
from conversations.storage import ConversationStore, open_engine
from core import clock
from escalation.attachments import ATTACHMENTS, named
from escalation.desk import Draft, TicketDesk
from escalation.files import clean
from escalation.listing import Reach
from escalation.routing import own_rules
from escalation.rules import Actor, Place
from tests.escalation.files_made import image


class FaultyDesk(TicketDesk):
    """A desk whose database is away the first time."""

    faults = 1

    def climb_due(self, now: datetime) -> int:
        if self.faults:
            self.faults -= 1
            raise OperationalError("SELECT", {}, Exception("the database is away"))
        return super().climb_due(now)


def files(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(ATTACHMENTS)).scalar_one()


def test_ticket_climbs_and_a_forgotten_file_goes_by_themselves_also_after_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'helpdesk.db'}")
    migrate(engine)
    desk = FaultyDesk(engine, own_rules())
    place = Place("chongqing", "渝北区", "某小学")
    ticket, _ = desk.create(Draft("k-1", place, "照片传不上去"), Actor("agent-1", "坐席", "agent"))
    assert ticket.climb_at
    climbs = ticket.climb_at
    with monkeypatch.context() as before:
        before.setattr(clock, "now", lambda: climbs - timedelta(days=1))
        desk.attach_waiting(ticket.id, named("户口本.jpg", clean(image())), Actor("agent-1", "坐席", "agent"), Reach())
    monkeypatch.setattr(clock, "now", lambda: climbs)

    async def run() -> None:
        task = asyncio.create_task(keep_climbing(ConversationStore(engine), desk, 0.01))
        async with asyncio.timeout(10):
            while desk.find(ticket.id, Reach()).level == "school" or files(engine):
                await asyncio.sleep(0.01)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert desk.faults == 0
    assert desk.read(ticket.id, Reach()).ticket.level == "district"
    engine.dispose()
