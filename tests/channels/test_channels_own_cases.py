"""How a guardian's own case is looked up: how old what is shown may be, and what the audit log knows of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from backend_made import Backend, application
from desk_made import made_desk
from sqlalchemy import select

from bot.actions.case import show_case
from bot.actions.desk import Desk, Work
from bot.actions.words import Words
from conversations.reply import Choice
from conversations.storage import Conversation, Identity, Turn
from conversations.tables import AuditRow
from core import clock
from core.outcomes import Outcome
from core.scope import Scope
from enrollment.backend import EnrollmentBackend
from enrollment.errors import UnavailableError

HOURS = timedelta(hours=3)
SILENT = UnavailableError("not reached")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with made_desk(tmp_path_factory.mktemp("own_cases")) as desk:
        yield desk


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def desk(made: Desk, backend: Backend) -> Desk:
    made.seen_lately.clear()
    return replace(made, backend=cast("EnrollmentBackend", backend))


def signed_in(desk: Desk) -> Conversation:
    identity = Identity("g-1", "qingdao", str(uuid4()), clock.now() + HOURS)
    return desk.store.create(Scope(), [], identity)[0]


def shown(desk: Desk, choice: Choice | None = None) -> tuple[Outcome, list[dict[str, Any]]]:
    """Ask for the case; return what came of it."""
    conversation = signed_in(desk)
    turn = Turn(str(uuid4()), conversation.id, 1, "我的报名进度", choice)
    reply = asyncio.run(show_case(Work(desk, turn, conversation)))
    return reply.outcome, [one.model_dump(mode="json") for one in reply.messages]


def looks(desk: Desk) -> list[tuple[str, str]]:
    """Return purpose and outcome of each look."""
    with desk.store.engine.connect() as connection:
        rows = connection.execute(select(AuditRow.purpose, AuditRow.shown).order_by(AuditRow.seq))
        return [(row.purpose, row.shown.split()[0]) for row in rows]


def test_a_reply_of_this_moment_is_shown_as_such(desk: Desk) -> None:
    outcome, messages = shown(desk)
    assert (outcome, [one["type"] for one in messages]) == (Outcome.CASE_SHOWN, ["case"])
    assert looks(desk)[-1] == ("asked", "card")


def test_a_reply_that_is_hours_old_is_shown_with_its_time_and_not_as_the_present(desk: Desk, backend: Backend) -> None:
    old = clock.now() - HOURS
    backend.says["g-1"] = [application("g-1", as_of=old)]
    outcome, messages = shown(desk)
    assert outcome is Outcome.CASE_SHOWN
    assert messages[0]["text"] == Words().say("case_as_of", time=clock.shown(old))
    assert messages[1]["type"] == "case"
    assert looks(desk)[-1] == ("asked", "card_seen_lately")


@pytest.mark.parametrize("age", [HOURS, timedelta(minutes=10)])
def test_a_silent_backends_last_word_is_not_shown_once_it_is_ten_minutes_old_by_its_own_time(
    desk: Desk, backend: Backend, age: timedelta
) -> None:
    backend.says["g-1"] = [application("g-1", as_of=clock.now() - age)]
    shown(desk)
    backend.says["g-1"] = SILENT
    assert shown(desk)[0] is Outcome.CASE_UNAVAILABLE
    assert looks(desk)[-1] == ("asked", "unavailable")


def test_a_silent_backends_last_word_is_shown_with_its_time_while_it_is_younger(desk: Desk, backend: Backend) -> None:
    at = clock.now() - timedelta(minutes=9)
    backend.says["g-1"] = [application("g-1", as_of=at)]
    shown(desk)
    backend.says["g-1"] = SILENT
    outcome, messages = shown(desk)
    assert outcome is Outcome.CASE_SHOWN
    assert messages[0]["text"] == Words().say("case_seen_lately", time=clock.shown(at))


def test_a_look_by_a_button_is_recorded_as_chosen(desk: Desk, backend: Backend) -> None:
    twins = [application("g-1", id=f"A-{order}", birth_order=order) for order in (1, 2)]
    backend.says["g-1"] = list(twins)
    shown(desk, Choice(do="child", application_id="A-2"))
    assert looks(desk)[-1] == ("chosen", "card")
    shown(desk)
    assert looks(desk)[-1] == ("asked", "list")
