"""The incidents' API on a running service: who may open, write, close and read which, and what parents are told."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from desk_running import Service, running_app

from channels.tokens import demo_staff_token

pytestmark = pytest.mark.system
PATH = "/api/v1/incidents"
YUBEI, BEIBEI, CITY = "chongqing/渝北区", "chongqing/北碚区", "chongqing"
SCHOOL = "chongqing/渝北区/某小学"
TEXT = "刷脸系统正在抢修。"
_keys = (f"key-{n}" for n in itertools.count())
_clients: list[httpx.Client] = []


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_app(tmp_path_factory.mktemp("incidents")) as running:
        yield running
    for client in _clients:
        client.close()


class Desk:
    """A member of staff at the API."""

    def __init__(self, app: Service, role: str, scope: str = "") -> None:
        headers = {"Authorization": f"Bearer {demo_staff_token(app.settings, role, scope)}"}
        self.http = httpx.Client(base_url=app.base, headers=headers, timeout=30, trust_env=False)
        _clients.append(self.http)

    def call(self, method: str, path: str = "", expect: int = 200, **body: Any) -> dict[str, Any]:
        response = self.http.request(method, PATH + path, **({"json": body} if method == "POST" else {}))
        assert response.status_code == expect, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def open(self, expect: int = 201, **more: Any) -> dict[str, Any]:
        body = {"city": "chongqing", "district": "渝北区", "topic": "login_trouble", "title": "刷脸故障", "text": TEXT}
        return self.call("POST", "", expect, **{**body, **more})

    def ticket(self, **more: Any) -> dict[str, Any]:
        body = {"key": next(_keys), "city": "chongqing", "district": "渝北区", "question": "刷脸查不到孩子", **more}
        answer: dict[str, Any] = self.http.post("/api/v1/tickets", json=body).json()
        return answer

    def read_ticket(self, ticket: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.get(f"/api/v1/tickets/{ticket['id']}").json()
        return answer


@pytest.fixture(scope="module")
def city(app: Service) -> Desk:
    return Desk(app, "city")


def told(city: Desk, ticket: dict[str, Any]) -> dict[str, Any]:
    """Return the ticket once it has the incident's text."""
    ends = time.monotonic() + 10
    while TEXT not in str((shown := city.read_ticket(ticket))["messages"]):
        assert time.monotonic() < ends, "the ticket was not told"
        time.sleep(0.1)
    return shown


WRITERS = {
    ("city", ""): {"district", "whole", "qingdao"},
    ("city", CITY): {"district", "whole"},
    ("district", YUBEI): {"district"},
    ("district", BEIBEI): set[str](),
    ("city", "qingdao"): {"qingdao"},
    ("school", SCHOOL): None,
    ("agent", CITY): None,
    ("admin", ""): None,
}
"""Role and scope → which incidents they may open, write to and close; None: the role may not at all."""
READERS = {
    ("city", ""): {"district", "whole", "qingdao"},
    ("district", YUBEI): {"district", "whole"},
    ("district", BEIBEI): {"whole"},
    ("school", SCHOOL): {"district", "whole"},
    ("agent", CITY): {"district", "whole"},
    ("agent", "qingdao"): {"qingdao"},
}
PLACES: dict[str, dict[str, Any]] = {
    "district": {"city": "chongqing", "district": "渝北区"},
    "whole": {"city": "chongqing", "district": None},
    "qingdao": {"city": "qingdao", "district": "市南区"},
}


@pytest.mark.parametrize(("role", "scope"), WRITERS)
def test_offices_open_write_and_close_in_their_scope_and_nobody_else(
    app: Service, city: Desk, role: str, scope: str
) -> None:
    who, mine = Desk(app, role, scope), WRITERS[role, scope]
    for name, place in PLACES.items():
        refused = 403 if mine is None else 404
        topic = f"{role}_{'_'.join(filter(str.isascii, scope.split('/')))}_{name}"
        may = mine is not None and name in mine
        opened = who.open(201 if may else refused, topic=topic, **place)
        incident = opened if may else city.open(topic=topic, **place)
        who.call("POST", f"/{incident['id']}/text", 200 if may else refused, version=1, text="二")
        closing = {"version": 2 if may else 1, "text": "完"}
        who.call("POST", f"/{incident['id']}/close", 200 if may else refused, **closing)
        seen = city.call("GET", f"/{incident['id']}")["incident"]
        assert (seen["state"], seen["text"]) == (("closed", "完") if may else ("open", TEXT))
        if not may:
            city.call("POST", f"/{incident['id']}/close", version=1, text="完")


@pytest.mark.parametrize(("role", "scope"), READERS)
def test_everybody_reads_those_of_their_district_and_of_its_city(
    app: Service, city: Desk, role: str, scope: str
) -> None:
    who = Desk(app, role, scope)
    for name, place in PLACES.items():
        incident = city.open(topic="policy", **place)
        may = name in READERS[role, scope]
        who.call("GET", f"/{incident['id']}", 200 if may else 404)
        listed = {one["id"] for one in who.call("GET")["incidents"]}
        assert (incident["id"] in listed) == may
        city.call("POST", f"/{incident['id']}/close", version=1, text="完")


def test_a_pile_is_proposed_opened_and_its_tickets_are_told_and_shown(app: Service, city: Desk) -> None:
    officer, agent = Desk(app, "district", YUBEI), Desk(app, "agent", CITY)
    mine, theirs = agent.ticket(entry_id="cq-10"), [city.ticket(entry_id="cq-10") for _ in range(4)]
    assert Desk(app, "district", BEIBEI).call("GET", "/proposals")["proposals"] == []
    proposed = officer.call("GET", "/proposals")
    assert [(one["entry_id"], one["tickets"]) for one in proposed["proposals"]] == [("cq-10", 5)]
    assert proposed["minutes"] == 60
    assert proposed["proposals"][0]["question"]
    incident = officer.open(topic=None, entry_id="cq-10")
    assert (incident["tickets"], incident["version"], incident["may_write"]) == (5, 1, True)
    assert officer.call("GET", "/proposals")["proposals"] == []
    assert len(officer.call("GET", f"/{incident['id']}")["tickets"]) == 5
    assert [one["id"] for one in agent.call("GET", f"/{incident['id']}")["tickets"]] == [mine["id"]]
    later = city.ticket(entry_id="cq-10")
    for ticket in (mine, *theirs, later):
        shown = told(city, ticket)
        assert shown["incident"] == {"id": incident["id"], "title": "刷脸故障", "state": "open"}
        assert [one["text"] for one in shown["messages"]].count(TEXT) == 1
        assert shown["state"] == "assigned"
    officer.call("POST", f"/{incident['id']}/close", version=1, text="已恢复。")


@pytest.mark.parametrize(
    "wrong",
    [
        {"topic": None},
        {"entry_id": "cq-10"},
        {"topic": None, "entry_id": "qd-b03"},
        {"title": ""},
        {"title": " "},
        {"text": "字" * 2001},
        {"city": "beijing"},
        {"ticket_ids": []},
        {"ticket_ids": ["nowhere"]},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(city: Desk, wrong: dict[str, Any]) -> None:
    assert city.open(422, **{"topic": "materials", **wrong})["error"]["code"] == "malformed_request"


def test_the_same_twice_and_an_old_version_are_conflicts(city: Desk) -> None:
    incident = city.open(topic="autofill_wrong")
    assert city.open(409, topic="autofill_wrong")["error"]["code"] == "conflict"
    city.call("POST", f"/{incident['id']}/text", version=1, text="二")
    error = city.call("POST", f"/{incident['id']}/close", 409, version=1, text="完")["error"]
    assert (error["code"], error["details"]) == ("version_conflict", {"version": 2})
    city.call("POST", f"/{incident['id']}/close", version=2, text="完")
    assert city.call("POST", f"/{incident['id']}/text", 409, version=3, text="四")["error"]["code"] == (
        "illegal_transition"
    )
