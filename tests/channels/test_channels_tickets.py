"""The tickets' API on a running service: who may call what, who sees what, who was first."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from desk_running import Service, running_app
from sqlalchemy import create_engine, text

from channels.access import ACCESS
from channels.tokens import demo_staff_token
from escalation.rules import ACTS
from staff.roles import ROLES

pytestmark = pytest.mark.system
PATH = "/api/v1/tickets"
SCHOOL = "chongqing/渝北区/渝北区第一实验小学"
PLACE = dict(zip(("city", "district", "school"), SCHOOL.split("/"), strict=True))
PLACES = {
    "school": PLACE,
    "other school": {**PLACE, "school": "另一所小学"},
    "district": {"city": "chongqing", "district": "渝北区"},
    "other district": {"city": "chongqing", "district": "北碚区", "school": PLACE["school"]},
    "city": {"city": "chongqing"},
    "other city": {"city": "qingdao", "district": "市南区", "school": "某小学"},
}
SCOPES = {
    "": set(PLACES),
    "chongqing": set(PLACES) - {"other city"},
    "chongqing/渝北区": {"school", "other school", "district"},
    SCHOOL: {"school"},
    "chongqing/渝北区/另一所小学": {"other school"},
    "chongqing/北碚区": {"other district"},
    "qingdao": {"other city"},
    "qingdao/渝北区": set(),
}
"""Scope → the tickets that it covers."""
TEAMS = ("school", "district", "city")
_keys = (f"key-{n}" for n in itertools.count())
_clients: list[httpx.Client] = []


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_app(tmp_path_factory.mktemp("tickets")) as running:
        yield running
    for client in _clients:
        client.close()


class Desk:
    """A member of staff at the API; each client is somebody else."""

    def __init__(self, app: Service, role: str, scope: str = "") -> None:
        headers = {"Authorization": f"Bearer {demo_staff_token(app.settings, role, scope)}"}
        self.http = httpx.Client(base_url=app.base, headers=headers, timeout=30, trust_env=False)
        _clients.append(self.http)

    def call(self, method: str, path: str = "", expect: int = 200, **body: Any) -> dict[str, Any]:
        response = self.http.request(method, PATH + path, **({"json": body} if method == "POST" else {"params": body}))
        assert response.status_code == expect, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def make(self, expect: int = 201, **more: Any) -> dict[str, Any]:
        return self.call("POST", "", expect, **{"key": next(_keys), "question": "照片传不上去", **PLACE, **more})

    def give(self, act: str, ticket: dict[str, Any], expect: int = 200, **more: Any) -> dict[str, Any]:
        return self.call("POST", f"/{ticket['id']}/{act}", expect, version=ticket["version"], **more)

    def error(self, act: str, ticket: dict[str, Any], status: int, code: str, **more: Any) -> dict[str, Any]:
        error = self.give(act, ticket, status, **more)["error"]
        assert error["code"] == code
        details: dict[str, Any] = error["details"]
        return details


@pytest.fixture(scope="module")
def school(app: Service) -> Desk:
    return Desk(app, "school", SCHOOL)


@pytest.fixture(scope="module")
def city(app: Service) -> Desk:
    return Desk(app, "city")


@pytest.fixture(scope="module")
def everywhere(city: Desk) -> dict[str, dict[str, Any]]:
    """Give a ticket in each place."""
    return {name: city.make(**{"district": None, "school": None, **place}) for name, place in PLACES.items()}


class TestWork:
    def test_the_way_from_question_to_answer(self, app: Service, school: Desk) -> None:
        agent = Desk(app, "agent")
        ticket = agent.make(entry_id="cq-22")
        assert (ticket["level"], ticket["team"], ticket["state_name"]) == ("school", "招生咨询服务团队", "已派发")
        assert ticket["hours_left"] == pytest.approx(7, abs=0.01)
        assert "messages" not in ticket
        windows = [["09:00", "12:00"], ["14:00", "18:00"]]
        assert ticket["service"] == {"weekdays": [0, 1, 2, 3, 4], "windows": windows}
        taken = school.give("claim", ticket)
        assert (taken["state"], taken["mine"], taken["version"]) == ("working", True, 3)
        assert "reply" in taken["may"]
        asked = school.give("ask_parent", taken, text="请补充户口簿首页")
        assert (asked["state_name"], asked["hours_left"], asked["late_soon"]) == ("待家长补充", 0, False)
        replied = school.give("reply", asked, text="已核对，请重新提交")
        noted = school.give("note", replied, text="家长来过电话")
        done = school.give("resolve", noted)
        closed = school.give("close", done)
        reopened = agent.give("reopen", closed, why="家长说还是不行")
        assert [one["kind"] for one in reopened["events"]] == [
            "create", "dispatch", "claim", "ask_parent", "reply", "note", "resolve", "close", "reopen",
        ]  # fmt: skip
        assert [one["kind"] for one in reopened["messages"]] == ["question", "ask", "reply", "note"]
        assert all(one["by"] and one["at"] for one in reopened["events"])

    def test_name_on_the_birth_certificate_goes_to_the_district_up_to_the_city_and_back(
        self, app: Service, school: Desk
    ) -> None:
        district, city = Desk(app, "district", "chongqing/渝北区"), Desk(app, "city", "chongqing")
        ticket = Desk(app, "agent").make(entry_id="cq-11", branch="birth_name")
        assert (ticket["level"], ticket["team"]) == ("district", "区教委")
        assert "重新获取最新数据" in district.call("GET", f"/{ticket['id']}")["guidance"]
        school.error("claim", ticket, 409, "illegal_transition")
        up = district.give("transfer", district.give("claim", ticket), to="city", why="佐证材料已核对")
        assert (up["level"], up["team"], up["holder"]) == ("city", "“一件事”专班", None)
        down = city.give("transfer", city.give("claim", up), to="school", why="请通知家长重新获取")
        assert (down["level"], down["state"]) == ("school", "assigned")
        assert school.give("claim", down)["mine"]

    def test_same_key_makes_one_ticket(self, school: Desk) -> None:
        first = school.make(key="the-same")
        again = school.make(200, key="the-same")
        assert again["id"] == first["id"]
        assert again["number"] == first["number"]


class TestConflict:
    def test_second_writer_gets_the_present_ticket_what_changed_and_the_own_words_back(
        self, app: Service, school: Desk
    ) -> None:
        ticket = school.make()
        colleague = Desk(app, "school", "chongqing/渝北区")
        taken = colleague.give("claim", ticket)
        details = school.error("note", ticket, 409, "version_conflict", text="家长刚来过电话13800138000")
        assert details["ticket"]["version"] == taken["version"]
        assert details["ticket"]["holder"] == taken["holder"]
        assert details["ticket"]["mine"] is False
        assert [one["kind"] for one in details["changed"]] == ["claim"]
        assert details["text"] == "家长刚来过电话13800138000"
        again = school.give("note", details["ticket"], text=details["text"])
        assert again["messages"][-1]["text"] == "家长刚来过电话[手机号]"

    def test_illegal_command_gives_the_words_back(self, school: Desk) -> None:
        details = school.error("reply", school.make(), 409, "illegal_transition", text="没有认领")
        assert (details["command"], details["state"], details["text"]) == ("reply", "assigned", "没有认领")

    def test_nobody_takes_what_another_holds(self, app: Service, school: Desk) -> None:
        taken = school.give("claim", school.make())
        colleague = Desk(app, "school", "chongqing/渝北区")
        colleague.error("claim", taken, 409, "illegal_transition")
        colleague.error("reply", taken, 409, "illegal_transition", text="我来")


class TestIsolation:
    @pytest.mark.parametrize("role", ROLES)
    def test_each_route_is_for_the_roles_of_the_table(self, app: Service, city: Desk, role: str) -> None:
        ticket, somebody = city.make(), Desk(app, role)
        routes = [(method, path) for method, path in ACCESS if path.startswith(PATH)]
        assert len(routes) == 9 + len(ACTS)
        for method, path in routes:
            address = path.replace("{ticket_id}", ticket["id"])
            with somebody.http.stream(method, address, json={} if method == "POST" else None) as response:
                status = response.status_code  # a stream of events never ends
            may = role in ACCESS[method, path]
            assert (status != 403) == may, (method, path)
            assert httpx.request(method, app.base + address, trust_env=False).status_code == 401
        assert not may or role in ("agent", *TEAMS)

    @pytest.mark.parametrize("scope", SCOPES)
    @pytest.mark.parametrize("role", TEAMS)
    def test_each_sees_their_scope_and_of_the_rest_not_even_that_it_is_there(
        self, app: Service, everywhere: dict[str, dict[str, Any]], role: str, scope: str
    ) -> None:
        somebody = Desk(app, role, scope)
        listed: set[str] = set()
        cursor: dict[str, str] = {}
        while True:
            page = somebody.call("GET", "", limit=3, **cursor)
            listed |= {one["id"] for one in page["tickets"]}
            if page["cursor"] is None:
                break
            cursor = {"cursor": page["cursor"]}
        assert {name for name, one in everywhere.items() if one["id"] in listed} == SCOPES[scope]
        for name, ticket in everywhere.items():
            seen = name in SCOPES[scope]
            somebody.call("GET", f"/{ticket['id']}", 200 if seen else 404)
            for act in ACTS:
                if not seen:
                    somebody.error(act, ticket, 404, "not_found", text="…", why="…", to="city")
            made = somebody.make(201 if seen else 404, **{"district": None, "school": None, **PLACES[name]})
            assert seen == ("id" in made)

    def test_agent_sees_the_own_ones_only(self, app: Service, everywhere: dict[str, dict[str, Any]]) -> None:
        agent, other = Desk(app, "agent", "chongqing"), Desk(app, "agent", "chongqing/渝北区")
        ticket = agent.make()
        assert [one["id"] for one in agent.call("GET")["tickets"]] == [ticket["id"]]
        assert other.call("GET")["tickets"] == []
        other.call("GET", f"/{ticket['id']}", 404)
        other.error("note", ticket, 404, "not_found", text="记录")
        agent.call("GET", f"/{everywhere['school']['id']}", 404)
        agent.make(404, city="qingdao")
        agent.make(404, call_id="somebody-elses-call")

    def test_every_view_of_a_whole_ticket_is_recorded_and_a_list_shows_no_words(
        self, app: Service, school: Desk
    ) -> None:
        engine = create_engine(app.settings.database)

        def looks() -> list[tuple[str, str, str]]:
            with engine.connect() as connection:
                rows = connection.execute(text("SELECT role, purpose, shown FROM audit_log ORDER BY seq")).all()
            return [tuple(row) for row in rows]

        ticket = school.make(question="查一下张三的房产证")
        before = len(looks())
        listed = school.http.get(PATH)
        assert "房产证" not in listed.text
        assert len(looks()) == before
        school.call("GET", f"/{ticket['id']}")
        school.give("claim", ticket)
        school.error("note", ticket, 409, "version_conflict", text="记录")
        assert looks()[before:] == [("school", "ticket", "ticket messages events")] * 3
        engine.dispose()


class TestBounds:
    @pytest.mark.parametrize(
        "body",
        [
            {"city": "beijing"},
            {"question": ""},
            {"question": "x" * 4001},
            {"question": "\x00"},
            {"question": "\ud800"},
            {"district": None},
            {"entry_id": "qd-b03"},
            {"entry_id": "cq-99"},
            {"entry_id": "cq-11", "branch": "no_such"},
            {"branch": "birth_name"},
            {"closes_at": "2026-07-01T00:00:00"},
            {"urgency": "very"},
            {"holder": "me"},
        ],
    )
    def test_what_makes_no_ticket_is_refused(self, city: Desk, body: dict[str, Any]) -> None:
        content = json.dumps({"question": "照片传不上去", **PLACE, **body}).encode()
        response = city.http.post(PATH, content=content, headers={"Content-Type": "application/json"})
        assert (response.status_code, response.json()["error"]["code"]) == (422, "malformed_request")

    @pytest.mark.parametrize("body", [{}, {"version": 0}, {"version": 2**40}, {"version": 2, "to": "moon"}])
    def test_what_is_no_command_is_refused(self, city: Desk, body: dict[str, Any]) -> None:
        ticket = city.make()
        assert city.http.post(f"{PATH}/{ticket['id']}/transfer", json=body).status_code == 422

    @pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=x", "state=lost", "mine=perhaps", "color=red"])
    def test_what_is_no_list_is_refused(self, city: Desk, query: str) -> None:
        assert city.http.get(f"{PATH}?{query}").status_code == 422

    @pytest.mark.parametrize("ticket_id", ["nowhere", "%00", "x" * 3000, "%F0%9F%98%80"])
    def test_what_is_not_there_is_not_found(self, city: Desk, ticket_id: str) -> None:
        assert city.http.get(f"{PATH}/{ticket_id}").status_code == 404

    def test_filters(self, app: Service) -> None:
        district = Desk(app, "district", "chongqing/大足区")
        place = {"district": "大足区", "school": "大足区某小学"}
        plain, urgent = district.make(**place), district.make(**place, urgency="urgent")
        taken = district.give("claim", district.make(**place))

        def ids(query: str) -> list[str]:
            return [one["id"] for one in district.http.get(f"{PATH}?{query}").json()["tickets"]]

        assert ids("")[0] == urgent["id"]
        assert set(ids("")) == {plain["id"], urgent["id"], taken["id"]}
        assert ids("urgency=urgent") == [urgent["id"]]
        assert ids("mine=true") == ids("state=working&state=replied") == [taken["id"]]
        assert set(ids("level=school")) == set(ids("school=大足区某小学")) == set(ids(""))
        assert ids("late_soon=true") == []
        assert ids(f"number={plain['number']}") == [plain["id"]]
