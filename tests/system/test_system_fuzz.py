"""The whole API as it describes itself, called by staff of one place and by nobody: no crash, nothing of another's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from desk_running import Service, running_app
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from conversations.reply import TextMessage
from conversations.storage import ConversationStore, open_engine
from core.scope import Scope
from escalation.attachments import NewFile
from escalation.desk import Draft, TicketDesk
from escalation.files import CleanFile
from escalation.incident_desk import NewIncident
from escalation.incidents import Matter
from escalation.listing import Reach
from escalation.routing import own_rules
from escalation.rules import Actor, Command, Place, Ticket
from hotline.calls import CallStore
from staff.roles import Role, StaffScope
from staff.tokens import StaffTokens

pytestmark = pytest.mark.system
BOUNDED = settings(
    max_examples=20,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
FIRST, SECOND = Place("chongqing", "渝北区", "第一小学"), Place("chongqing", "渝北区", "第二小学")
SHINAN, SHIBEI = Place("qingdao", "市南区"), Place("qingdao", "市北区")
SCOPES: dict[Role, str] = {
    "school": "chongqing/渝北区/第一小学",
    "district": "qingdao/市南区",
    "city": "qingdao",
    "agent": "chongqing",
}
MARKS = {FIRST: "记号一小", SECOND: "记号二小", SHINAN: "记号市南", SHIBEI: "记号市北"}
FOREIGN_AGENT, OTHER_AGENT = "记号别的坐席的工单", "记号别的坐席的来电"
CHAT, SCHOOL_CHATS = "记号家长的会话", {FIRST: "记号一小家长的会话", SECOND: "记号二小家长的会话"}
INCIDENT = "记号市北的突发事件"
STREAM = "/api/v1/tickets/events"
"""Never ends for who may read it; what it tells whom is tested by itself."""


@dataclass
class Caller:
    """Somebody who calls: a token or none, ids to try, what must and what must not be found in answers."""

    name: str
    token: str
    own: set[str]
    foreign: set[str]
    ids: dict[str, list[str]]
    statuses: Counter[int] = field(default_factory=Counter)
    found: set[str] = field(default_factory=set)


class World:
    """A running service with tickets, calls and conversations of everybody."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.engine = open_engine(service.settings.database)
        self.desk = TicketDesk(self.engine, own_rules())
        self.agent = StaffTokens(self.engine)
        self.marked: dict[str, set[str]] = {}
        self.tickets: list[str] = []
        self.calls: list[str] = []
        self.files: list[str] = []
        self.numbers_in_chats: set[str] = set()
        for place, mark in MARKS.items():
            for n in range(4):
                self.ticket(place, mark, f"{mark}-{n}", Actor("agent-elsewhere", "某坐席", "agent"))
        store = ConversationStore(self.engine)
        self.conversations = [store.create(Scope("qingdao", "市北区"), [TextMessage(text=CHAT)])[0].id for _ in "12"]
        for place, words in SCHOOL_CHATS.items():
            chat = store.create(Scope("chongqing", "渝北区"), [TextMessage(text=words)])[0].id
            self.conversations.append(chat)
            self.ticket(place, MARKS[place], f"{words}-ticket", Actor(f"parent:{chat}", "家长", "parent"), chat)
        matter, officer = Matter("qingdao", "市北区", "other", "qd-10"), Actor("city-1", "某市级", "city")
        self.incidents = [self.desk.incidents.open(NewIncident(matter, INCIDENT, INCIDENT, ()), officer, Reach()).id]
        calls = CallStore(self.engine)
        self.calls += [calls.start(f"agent-{n}", "chongqing", OTHER_AGENT).id for n in "12"]
        response = httpx.get(f"{service.base}/openapi.json", trust_env=False)
        self.schema = schemathesis.openapi.from_dict(response.json())

    def ticket(self, place: Place, mark: str, key: str, by: Actor, chat: str | None = None) -> None:
        """Make a ticket whose words, number, course and file hold the mark."""
        ticket, _ = self.desk.create(Draft(key, place, f"{mark}的家长提问", conversation_id=chat), by)
        officer = Actor(f"staff-{mark}", f"{mark}的老师", "city")
        file = self.desk.act(ticket.id, Command("note", ticket.version, text=f"{mark}的备注"), officer, Reach())
        added = NewFile(f"{mark}.pdf", CleanFile("application/pdf", mark.encode()))
        self.files.append(self.desk.attach(ticket.id, added, False, officer, Reach()))
        self.note(file.ticket, mark)
        if chat:
            self.numbers_in_chats.add(ticket.number)

    def note(self, ticket: Ticket, mark: str) -> None:
        self.marked.setdefault(mark, {mark}).add(ticket.number)
        self.tickets.append(ticket.id)

    def caller(self, role: Role | None) -> Caller:
        """Return somebody of that role, or nobody."""
        marks = {one: {one} for one in (FOREIGN_AGENT, OTHER_AGENT, CHAT, INCIDENT, *SCHOOL_CHATS.values())}
        marks |= self.marked
        own, token = set[str](), ""
        if role:
            token, known = self.agent.add(f"fuzz-{role}", role, StaffScope.parse(SCOPES[role]), timedelta(hours=1))
            if role == "agent":
                by = Actor(f"token:{known.id}", known.name, "agent")
                for n in range(3):
                    self.ticket(FIRST, "记号自己的", f"own-{n}", by)
                own = self.marked["记号自己的"] | {*SCHOOL_CHATS.values()} | self.numbers_in_chats
            elif role == "school":
                own = self.marked[MARKS[FIRST]] | {SCHOOL_CHATS[FIRST]}
            elif role == "district":
                own = self.marked[MARKS[SHINAN]]
            else:
                own = self.marked[MARKS[SHINAN]] | self.marked[MARKS[SHIBEI]] | {CHAT, INCIDENT}
        foreign = {word for words in marks.values() for word in words} - own
        ids = {
            "ticket_id": self.tickets,
            "call_id": self.calls,
            "conversation_id": self.conversations,
            "attachment_id": self.files,
            "incident_id": self.incidents,
            "version": ["1"],
            "name": ["staff.css", "hotline.js"],
        }
        return Caller(role or "nobody", token, own, foreign, {name: [*some] for name, some in ids.items()})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_app(tmp_path_factory.mktemp("fuzz")) as service:
        made = World(service)
        yield made
        made.engine.dispose()


@pytest.mark.parametrize("role", ["school", "district", "city", "agent", None])
def test_no_crash_no_undocumented_answer_and_nothing_of_another_place(world: World, role: Role | None) -> None:
    caller = world.caller(role)
    with requests.Session() as session:
        session.trust_env = False
        for result in world.schema.get_all_operations():
            if role is None or result.ok().path != STREAM:
                fuzz_operation(world, caller, result.ok(), session)
    assert max(caller.statuses) < 500
    assert caller.statuses[422] > 20, "hardly anything was refused as malformed"
    if role:
        assert caller.statuses[200] > 20
        assert caller.statuses[404] > 20, "hardly anything of others was asked for"
        assert caller.found & caller.own, "a mark would not have been found"
    else:
        assert caller.statuses[401] > 100


def fuzz_operation(world: World, caller: Caller, operation: Any, session: requests.Session) -> None:
    """Call one operation with what fits its description, and with what does not; ids are mostly real ones."""

    @BOUNDED
    @given(data=st.data())
    def call(data: st.DataObject) -> None:
        names = [one.name for one in operation.path_parameters]
        real = {name: data.draw(st.sampled_from(caller.ids[name])) for name in names if name in caller.ids}
        mode = GenerationMode.POSITIVE if data.draw(st.integers(0, 3)) else GenerationMode.NEGATIVE
        known = real if data.draw(st.integers(0, 4)) else {}
        case = data.draw(operation.as_strategy(mode, path_parameters=known))
        if isinstance(case.body, dict) and "version" in case.body:
            case.body["version"] = data.draw(st.sampled_from([4, 4, 5, 6, case.body["version"]]))
        check(world, caller, case, session)

    call()


def check(world: World, caller: Caller, case: Case, session: requests.Session) -> None:
    headers = {"Authorization": f"Bearer {caller.token}"} if caller.token else {}
    response = case.call(base_url=world.service.base, session=session, headers=headers, allow_redirects=False)
    caller.statuses[response.status_code] += 1
    shown = f"{caller.name}: {case.method} {case.formatted_path} {case.query} {case.body!r} → {response.status_code}"
    assert response.status_code < 500, f"{shown} {response.text[:300]}"
    answer = response.text + json.dumps(dict(response.headers), ensure_ascii=False)
    assert not [word for word in caller.foreign if word in answer], f"{shown} {response.text[:2000]}"
    caller.found |= {word for word in caller.own if word in answer}
    checks = [status_code_conformance, content_type_conformance, response_schema_conformance]
    case.validate_response(response, checks=checks)
