"""The application that a ticket is about: who on the teams sees it, as a table, and what the audit log has of it."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from desk_running import Service, running_app, wait_for
from parent_client import Parent
from sqlalchemy import Engine, select, text, update

from bot.actions.case_cards import ON_A_CARD
from channels.tickets.cases import FIELDS, SEES, CaseView
from channels.tokens import demo_staff_token
from cli.serve import free_ports
from conversations import purge
from conversations.audit_listing import looks
from conversations.reply import ApplicationCard
from conversations.storage import ConversationStore, open_engine
from conversations.tables import ConversationRow
from core import clock
from core.settings import ROOT
from escalation.desk import Draft, TicketDesk
from escalation.routing import own_rules
from escalation.rows import TICKETS
from escalation.rules import Actor, Level, Place, Ticket
from staff.roles import ROLES

pytestmark = pytest.mark.system
KEY = "ticket-cases-0815"
PLACE = Place("chongqing", "合川区", "示范第三中学")
SCOPE = "chongqing/合川区/示范第三中学"
CHEN, LIU = "CQ2026-0416-0254", "CQ2026-0415-0108"
SCOPES = {"": True, SCOPE: True, "chongqing/合川区/另一所中学": False}
"""Scope → whether it covers the ticket."""
TEAMS = get_args(Level)
_keys = (f"case-{n}" for n in itertools.count())


class Backend:
    """The reference backend as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, (self.port,) = folder, free_ports(1)
        self.process = self.begin()

    def begin(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "enrollment.reference", "--port", str(self.port)]
        command += ["--database", f"sqlite:///{self.folder / 'enrollment.db'}"]
        environment = {**os.environ, "HELPDESK_ENROLLMENT_KEY": KEY, "PYTHONPATH": str(ROOT)}
        log = self.folder / "backend.log"
        with log.open("ab") as file:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
        wait_for(f"http://127.0.0.1:{self.port}/health", process, log)
        return process

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(15)


class World:
    """A running service without Rasa, its backend and its database."""

    def __init__(self, app: Service, backend: Backend) -> None:
        self.app, self.backend = app, backend
        self.engine: Engine = open_engine(app.settings.database)
        self.desk = TicketDesk(self.engine, own_rules())
        self.family = self.parent("cq-chen")

    def parent(self, guardian: str | None) -> str:
        """Return the conversation of somebody who is signed in, or is not."""
        known = {"token": self.app.token(guardian)} if guardian else {"city": "chongqing"}
        parent = Parent(self.app.base, **known)
        parent.close()
        return parent.id

    def ticket(self, holder: str | None = None, *, settled: bool = False, **more: Any) -> Ticket:
        """Make a ticket of the chat, held and settled as given."""
        wanted = {"conversation_id": self.family, "application_id": CHEN, "place": PLACE, **more}
        draft = Draft(next(_keys), question="房产核验没有通过", **wanted)
        ticket, _ = self.desk.create(draft, Actor(f"parent:{draft.conversation_id}", "家长", "parent"))
        values = {"holder": holder, "holder_name": holder, "state": "resolved" if settled else "working"}
        with self.engine.begin() as connection:
            mine = update(TICKETS).where(TICKETS.c.id == ticket.id)
            connection.execute(mine.values(**values, settled_at=clock.now() if settled else None))
        return replace(ticket, holder=holder)

    def case(self, ticket: Ticket, role: str, scope: str = "") -> httpx.Response:
        token = demo_staff_token(self.app.settings, role, scope)
        address = f"{self.app.base}/api/v1/tickets/{ticket.id}/case"
        return httpx.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=20, trust_env=False)

    def own(self, role: str, scope: str = "", **more: Any) -> dict[str, Any]:
        """Return what a member of staff reads about a ticket that they hold."""
        response = self.case(self.ticket(f"demo:{role}:{scope}", **more), role, scope)
        assert response.status_code == 200, response.text
        assert response.headers["cache-control"] == "no-store"
        answer: dict[str, Any] = response.json()
        return answer

    def shown(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Return role, outcome with fields, and ids of all looks at cases, oldest first."""
        with self.engine.connect() as connection:
            found = connection.execute(text("SELECT role, purpose, shown, applications FROM audit_log ORDER BY seq"))
            return [(row.role, row.shown, tuple(row.applications.split())) for row in found if row.purpose == "ticket"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("ticket-case")
    backend = Backend(folder)
    more = {"URL": f"http://127.0.0.1:{backend.port}", "KEY": KEY, "TIMEOUT": "2", "CIRCUIT_SECONDS": "1"}
    try:
        with running_app(folder, **{f"HELPDESK_ENROLLMENT_{name}": value for name, value in more.items()}) as app:
            made = World(app, backend)
            yield made
            made.engine.dispose()
    finally:
        backend.end()


@pytest.mark.parametrize("role", ROLES)
def test_who_holds_an_unsettled_ticket_in_scope_sees_its_application_and_nobody_else_does(
    world: World, role: str
) -> None:
    seen = 0
    for scope, holds, settled, has in itertools.product(SCOPES, (True, False), (True, False), (True, False)):
        me = f"demo:{role}:{scope}"
        ticket = world.ticket(me if holds else "somebody-else", settled=settled, application_id=CHEN if has else None)
        before = world.shown()
        response = world.case(ticket, role, scope)
        case = (role, scope, holds, settled, has)
        expected = 200 if SCOPES[scope] and holds and not settled else 404
        if role not in TEAMS:
            expected = 403
        assert response.status_code == expected, case
        opened = expected == 200 and has
        assert (CHEN in response.text) == opened, case
        assert len(world.shown()) == len(before) + opened, case
        if expected == 200:
            assert response.json()["reason"] == ("shown" if has else "no_application"), case
        seen += opened
    assert seen == (2 if role in TEAMS else 0)


def test_a_ticket_that_nobody_holds_and_one_without_an_id_show_nothing(world: World) -> None:
    assert world.case(world.ticket(None), "city").status_code == 404
    assert world.case(replace(world.ticket(None), id="nothing"), "city").status_code == 404


@pytest.mark.parametrize("role", TEAMS)
def test_each_role_sees_its_fields_of_the_parents_own_card_and_the_log_names_them(world: World, role: Level) -> None:
    before = len(world.shown())
    case = world.own(role, SCOPE)["case"]
    fields = {name for word in SEES[role] for name in FIELDS[word]}
    assert {name for name in case if name not in fields and case[name] is not None} == set()
    assert (case["id"], case["child"], case["state"]) == (CHEN, "陈*", "审核")
    assert case["problems"] == [{"item": "房产核验", "reason": "没有匹配到对应的房产信息"}]
    assert case["next"]
    assert bool(case["timeline"]) == (role != "school")
    (look,) = world.shown()[before:]
    assert (look[0], look[1]) == (role, " ".join(("card", *SEES[role])))
    assert len(look[2]) == 2


def test_look_can_be_found_by_the_application_with_who_it_was(world: World) -> None:
    world.own("district", "chongqing/合川区")
    last = list(looks(world.engine, application=CHEN))[-1]
    assert (last.actor, last.role, last.purpose) == ("demo:district:chongqing/合川区", "district", "ticket")


def test_every_field_of_the_parents_card_stands_in_the_table_or_is_left_out_on_purpose() -> None:
    told = {name for names in FIELDS.values() for name in names}
    assert told == set(CaseView.model_fields) == set(ApplicationCard.model_fields) - {"order"}
    assert set(FIELDS) == set(ON_A_CARD)
    assert set(SEES) == set(TEAMS)
    assert all(set(words) <= set(FIELDS) for words in SEES.values())


def test_only_an_application_of_who_signed_in_to_the_conversation_is_shown(world: World) -> None:
    before = len(world.shown())
    assert world.own("city", conversation_id=world.parent("cq-liu")) == {"case": None, "reason": "not_found"}
    assert world.own("city", conversation_id=world.parent(None)) == {"case": None, "reason": "not_signed_in"}
    assert world.own("city", application_id="CQ2026-0000-0000") == {"case": None, "reason": "not_found"}
    assert world.own("city", conversation_id=None, application_id=None)["reason"] == "no_application"
    assert [look[1] for look in world.shown()[before:]] == ["not_found"] * 2


def test_an_application_can_be_looked_at_though_the_guardian_signed_in_a_day_ago(world: World) -> None:
    conversation, yesterday = world.parent("cq-chen"), clock.now() - timedelta(days=1)
    mine = update(ConversationRow).where(ConversationRow.id == conversation)
    with world.engine.begin() as connection:
        connection.execute(mine.values(signed_in_until=yesterday))
    assert ConversationStore(world.engine).get(conversation).guardian is None
    answer = world.own("city", conversation_id=conversation)
    assert (answer["reason"], answer["case"] and answer["case"]["id"]) == ("shown", CHEN)


def test_a_ticket_that_went_to_another_place_than_the_application_shows_nothing_there(world: World) -> None:
    other = Place("chongqing", "渝北区", "渝北区第一实验小学")
    scope = "chongqing/渝北区/渝北区第一实验小学"
    assert world.own("school", scope, place=other) == {"case": None, "reason": "outside_scope"}
    assert world.own("district", "chongqing/渝北区", place=other) == {"case": None, "reason": "outside_scope"}
    assert world.own("city", "chongqing", place=other)["reason"] == "shown"


def test_nothing_is_shown_if_the_look_can_not_be_recorded(world: World) -> None:
    refuse = "CREATE TRIGGER refuse BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
    ticket = world.ticket("demo:city:")
    with world.engine.begin() as connection:
        connection.execute(text(refuse))
    try:
        response = world.case(ticket, "city")
    finally:
        with world.engine.begin() as connection:
            connection.execute(text("DROP TRIGGER refuse"))
    assert (response.status_code, response.json()["error"]["code"]) == (503, "audit_unavailable")
    assert CHEN not in response.text
    assert world.case(ticket, "city").json()["reason"] == "shown"


def test_a_backend_that_is_gone_is_told_as_that_recorded_and_the_log_names_nobody(world: World) -> None:
    before = len(world.shown())
    world.backend.end()
    try:
        assert world.own("city") == {"case": None, "reason": "unavailable"}
    finally:
        world.backend.process = world.backend.begin()
    assert [look[1] for look in world.shown()[before:]] == ["unavailable"]
    log = (world.app.folder / "app.log").read_text(encoding="utf-8")
    assert not any(word in log for word in (CHEN, "cq-chen", "陈*", "合川"))


def test_who_lost_the_ticket_while_the_backend_was_asked_sees_nothing(world: World) -> None:
    ticket, before = world.ticket("demo:city:"), len(world.shown())
    world.backend.process.send_signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(world.case, ticket, "city")
            time.sleep(0.5)
            with world.engine.begin() as connection:
                connection.execute(update(TICKETS).where(TICKETS.c.id == ticket.id).values(holder="another"))
            world.backend.process.send_signal(signal.SIGCONT)
            response = asked.result(20)
    finally:
        world.backend.process.send_signal(signal.SIGCONT)
    assert response.status_code == 404
    assert CHEN not in response.text
    assert len(world.shown()) == before


def test_purge_erases_which_application_a_ticket_was_about(world: World) -> None:
    conversation = world.parent("cq-liu")
    ticket = world.ticket("demo:city:", conversation_id=conversation, application_id=LIU)
    assert world.case(ticket, "city").json()["reason"] == "shown"
    of = select(TICKETS.c.id).where(TICKETS.c.application_id == LIU)
    with world.engine.connect() as connection:
        assert connection.execute(of).scalars().all() == [ticket.id]
    purge.purge(world.engine, purge.Guardian("cq-liu"), pause=0)
    with world.engine.connect() as connection:
        assert connection.execute(of).scalars().all() == []
        assert connection.execute(text("SELECT count(*) FROM pseudonyms WHERE value = :v"), {"v": LIU}).scalar() == 0
