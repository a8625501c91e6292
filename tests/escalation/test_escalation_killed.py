"""A process killed again and again in the middle of its work: what was done stays done, and is told once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Row, func, select

from channels.tickets import announcing
from conversations.reply import TextMessage, TicketMessage
from conversations.storage import ConversationStore
from conversations.tables import AnnouncementRow, ConversationRow, SaidRow
from core.settings import ROOT
from escalation.outbox import Outbox
from escalation.tables import OutboxRow, TicketEventRow, TicketMessageRow, TicketRow
from tests.escalation.mortal_desk import MortalDesk

KILLS = 110
"""On each of the two databases."""
LONGEST = 0.08
"""Seconds that a process lives at most after the first thing that it has done."""


@pytest.fixture
def database_url(own_database_url: str) -> str:
    return own_database_url


@pytest.fixture
def done(database_url: str, engine: Engine, tmp_path: Path) -> list[list[Any]]:
    """Kill a service so many times at random moments; return all that was acknowledged in it."""
    file, moments = tmp_path / "done", random.Random(7)
    command = [sys.executable, "-m", "tests.escalation.mortal_desk", database_url, str(file)]
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as nursery:  # fmt: skip
        assert nursery.stdin
        assert nursery.stdout
        for _ in range(KILLS):
            before = file.stat().st_size if file.exists() else 0
            nursery.stdin.write("\n")
            nursery.stdin.flush()
            child = int(nursery.stdout.readline())
            wait_for_more(file, before)
            time.sleep(moments.uniform(0, LONGEST))
            os.kill(child, signal.SIGKILL)
            assert nursery.stdout.readline() == "gone\n"
        nursery.stdin.close()
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def wait_for_more(file: Path, before: int) -> None:
    ends = time.monotonic() + 10
    while not file.exists() or file.stat().st_size == before:
        assert time.monotonic() < ends, "the process did nothing for ten seconds"
        time.sleep(0.002)


def rows(engine: Engine, *columns: Any) -> list[Row[Any]]:
    with engine.connect() as connection:
        return [*connection.execute(select(*columns))]


def test_nothing_acknowledged_is_lost_and_each_step_is_told_once(
    done: list[list[Any]], database_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [one for one in done if one[0] == "fault"]
    assert faults == []
    kinds = Counter(one[0] for one in done)
    assert min(kinds[kind] for kind in ("said", "step", "words")) > KILLS / 2, kinds
    assert_all_is_there(engine, done)
    assert_whole(engine)
    monkeypatch.setattr(announcing, "_REPLY_MISSING_AFTER", timedelta(0))
    survivor = MortalDesk(database_url, lambda *_: None)
    while Outbox(engine).take():
        survivor.announce()
    survivor.engine.dispose()
    assert_told_once(engine)
    assert_whole(engine)


def assert_all_is_there(engine: Engine, done: list[list[Any]]) -> None:
    said = Counter((conversation, text) for conversation, text in texts(engine))
    words = Counter(
        (row.ticket_id, row.text) for row in rows(engine, TicketMessageRow.ticket_id, TicketMessageRow.text)
    )
    steps = {(row.ticket_id, row.version) for row in rows(engine, TicketEventRow.ticket_id, TicketEventRow.version)}
    for kind, where, what in done:
        match kind:
            case "said":
                assert said[where, what] == 1
            case "words":
                assert words[where, what] == 1
            case _:
                assert (where, what) in steps


def texts(engine: Engine) -> list[tuple[str, str]]:
    store = ConversationStore(engine)
    conversations = [row.id for row in rows(engine, ConversationRow.id)]
    everything = [(one, said.message) for one in conversations for said in store.said_after(one, 0)]
    return [(one, message.text) for one, message in everything if isinstance(message, TextMessage)]


def assert_whole(engine: Engine) -> None:
    """No half of a transaction is there."""
    numbers = select(func.count()).where(SaidRow.conversation_id == ConversationRow.id).scalar_subquery()
    assert [row for row in rows(engine, ConversationRow.last_seq, numbers) if row[0] != row[1]] == []
    steps = select(func.count()).where(TicketEventRow.ticket_id == TicketRow.id).scalar_subquery()
    to_tell = select(func.count()).where(OutboxRow.ticket_id == TicketRow.id).scalar_subquery()
    assert [row for row in rows(engine, TicketRow.version, steps, to_tell) if len({*row}) != 1] == []


def assert_told_once(engine: Engine) -> None:
    steps = rows(
        engine, OutboxRow.ticket_id, OutboxRow.version, OutboxRow.kind, OutboxRow.to_parent, OutboxRow.announced_at
    )
    assert [step for step in steps if step.announced_at is None] == []
    store = ConversationStore(engine)
    told: Counter[tuple[str, str]] = Counter()
    for row in rows(engine, ConversationRow.id):
        for one in store.said_after(row.id, 0):
            if isinstance(one.message, TicketMessage):
                told[one.message.ticket.id, one.message.ticket.happened] += 1
    assert told == Counter((step.ticket_id, step.kind) for step in steps if step.to_parent)
    keys = {row.key for row in rows(engine, AnnouncementRow.key)}
    later = [step for step in steps if step.to_parent and step.kind != "dispatch"]
    assert {f"ticket:{step.ticket_id}:{step.version}" for step in later} <= keys
