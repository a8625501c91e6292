"""What the desk's page needs beside the tickets, on a running service: conversations, events, who else looks."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from desk_running import Service, running_app
from parent_client import Parent
from sqlalchemy import text as sql
from staff_client import Adviser

from channels.tokens import demo_staff_token
from conversations.storage import open_engine
from escalation.desk import Draft, TicketDesk
from escalation.outbox import Outbox
from escalation.routing import own_rules
from escalation.rules import Actor, Place
from staff.roles import Role

pytestmark = pytest.mark.system
PATH = "/api/v1/tickets"
DISTRICT, SCHOOL = "渝北区", "渝北区第一实验小学"
SCOPE, OTHER = f"chongqing/{DISTRICT}/{SCHOOL}", f"chongqing/{DISTRICT}/另一所小学"
_keys = (f"live-{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_app(tmp_path_factory.mktemp("live")) as running:
        yield running


def made(app: Service, conversation_id: str | None = None, school: str | None = SCHOOL) -> Any:
    engine = open_engine(app.settings.database)
    place = Place("chongqing", DISTRICT, school)
    draft = Draft(next(_keys), place, "孩子的房产证照片传不上去", conversation_id=conversation_id)
    ticket, _ = TicketDesk(engine, own_rules()).create(draft, Actor("parent:x", "家长", "parent"))
    engine.dispose()
    return ticket


@contextmanager
def staff(app: Service, role: str = "school", scope: str = SCOPE) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {demo_staff_token(app.settings, role, scope)}"}
    with httpx.Client(base_url=app.base, headers=headers, timeout=20, trust_env=False) as http:
        yield http


@contextmanager
def parent(app: Service, **known: str) -> Iterator[Parent]:
    one = Parent(app.base, **known)
    yield one
    one.close()


def show_case(app: Service, family: Parent) -> None:
    """Show the family a card of an application in their chat."""
    card = {"id": "CQ-1", "city": "chongqing", "child": "张**", "state": "待核验", "school": None}
    times = {"since": "2026-07-01T00:00:00Z", "as_of": "2026-07-01T00:00:00Z"}
    words = {"problems": [], "window_open": True, "meaning": "…", "next": "…"}
    message = {"type": "case", "brief": False, "application": {**card, **times, **words}}
    engine = open_engine(app.settings.database)
    row = {"c": family.id, "m": json.dumps(message, ensure_ascii=False)}
    with engine.begin() as connection:
        insert = "INSERT INTO said (conversation_id, seq, turn, author, message, at)"
        connection.execute(sql(f"{insert} VALUES (:c, 99, 0, 'bot', :m, '2026-07-01 00:00:00')"), row)
    engine.dispose()


@contextmanager
def adviser(app: Service, family: Parent, role: Role = "school", scope: str = SCOPE) -> Iterator[Adviser]:
    one = Adviser(app.base, app.own_token(role, scope), family.id)
    yield one
    one.close()


def given(who: Adviser, ticket_id: str, act: str, **body: str) -> None:
    """Give a command to the ticket as it is now."""
    version = who.http.get(f"{PATH}/{ticket_id}").json()["version"]
    response = who.http.post(f"{PATH}/{ticket_id}/{act}", json={"version": version, **body})
    assert response.status_code == 200, response.text


def listed(who: Adviser, number: str) -> dict[str, Any]:
    (found,) = who.http.get(PATH, params={"number": number}).json()["tickets"]
    row: dict[str, Any] = found
    return row


@contextmanager
def following(http: httpx.Client, last: str | None = None) -> Iterator[Iterator[dict[str, Any]]]:
    headers = {} if last is None else {"Last-Event-ID": last}
    with http.stream("GET", f"{PATH}/events", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _events(response)


def _events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line.startswith(":"):
            yield {"comment": line}
        elif not line:
            yield event
            event = {}
        else:
            event[name] = json.loads(value) if name == "data" else value


def looks(app: Service) -> list[tuple[str, str, str, str | None]]:
    engine = open_engine(app.settings.database)
    with engine.connect() as connection:
        found = connection.execute(sql("SELECT role, purpose, shown, conversation_id FROM audit_log ORDER BY seq"))
        rows = [tuple(row) for row in found]
    engine.dispose()
    return rows


class TestConversation:
    def test_shows_what_was_asked_what_was_answered_by_which_entry_and_why(self, app: Service) -> None:
        with parent(app, city="chongqing") as family, staff(app) as teacher:
            family.say("刷脸查不到孩子")
            ticket = made(app, family.id)
            before = looks(app)
            talk = teacher.get(f"{PATH}/{ticket.id}/conversation").json()
            assert looks(app)[len(before) :] == [("school", "ticket", "conversation", family.id)]
        assert talk["conversation_id"] == family.id
        assert (talk["owner"]["owner"], talk["owner"]["mine"], talk["owner"]["fence"]) == ("bot", False, 0)
        said = talk["lines"]
        assert [one["seq"] for one in said] == sorted(one["seq"] for one in said)
        asked = next(one for one in said if one["author"] == "parent")
        assert (asked["message"]["text"], asked["why"]) == ("刷脸查不到孩子", None)
        answer = next(one for one in said if one["message"]["type"] == "answer")
        assert answer["message"]["entry"]["id"] == "cq-10"
        assert answer["message"]["entry"]["source"]["document"]
        assert 0.5 < answer["message"]["confidence"] <= 1
        why = next(one["why"] for one in said if one["author"] == "bot" and one["why"])
        assert why["outcome"] == "answered"
        assert why["confidence"] == pytest.approx(answer["message"]["confidence"], abs=0.001)

    def test_a_ticket_without_a_conversation_says_so_and_leaves_no_look(self, app: Service) -> None:
        ticket, before = made(app), looks(app)
        with staff(app) as teacher:
            talk = teacher.get(f"{PATH}/{ticket.id}/conversation").json()
        assert talk == {"conversation_id": None, "owner": None, "lines": []}
        assert looks(app) == before

    @pytest.mark.parametrize(
        ("role", "scope"), [("school", OTHER), ("district", "chongqing/北碚区"), ("city", "qingdao"), ("agent", "")]
    )
    def test_out_of_scope_is_not_found_by_any_way(self, app: Service, role: str, scope: str) -> None:
        with parent(app, city="chongqing") as family, staff(app, role, scope) as stranger:
            ticket, before = made(app, family.id), looks(app)
            assert stranger.get(f"{PATH}/{ticket.id}/conversation").status_code == 404
            assert stranger.post(f"{PATH}/{ticket.id}/presence", json={}).status_code == 404
            assert looks(app) == before

    @pytest.mark.parametrize("known", [{}, {"district": DISTRICT}])
    def test_a_school_enters_where_it_has_a_ticket_and_another_of_its_district_does_not(
        self, app: Service, known: dict[str, str]
    ) -> None:
        with parent(app, city="chongqing", **known) as family:
            mine = Adviser(app.base, demo_staff_token(app.settings, "school", SCOPE), family.id)
            other = Adviser(app.base, demo_staff_token(app.settings, "school", OTHER), family.id)
            assert mine.take_over().status_code == 404
            ticket = made(app, family.id)
            assert mine.take_over().status_code == 200
            assert mine.say("您好，我是学校的老师。").status_code == 200
            other.fence = mine.fence
            refused = (other.take_over(from_fence=1), other.read(), other.say("您好"), other.hand_back())
            assert [one.status_code for one in refused] == [404] * 4
            owner = mine.http.get(f"{PATH}/{ticket.id}/conversation").json()["owner"]
            assert (owner["owner"], owner["role"], owner["mine"], owner["fence"]) == ("person", "school", True, 1)
            assert mine.hand_back().status_code == 200
            mine.close()
            other.close()

    def test_a_case_that_was_shown_in_the_chat_is_named_and_not_shown(self, app: Service) -> None:
        with parent(app, city="chongqing") as family, staff(app) as teacher:
            ticket = made(app, family.id)
            show_case(app, family)
            response = teacher.get(f"{PATH}/{ticket.id}/conversation")
        assert response.json()["lines"][-1]["message"] == {"type": "case"}
        assert "张**" not in response.text

    def test_who_takes_over_reads_that_a_case_was_shown_and_not_the_case(self, app: Service) -> None:
        with parent(app, city="chongqing") as family:
            show_case(app, family)
            agent = Adviser(app.base, demo_staff_token(app.settings, "agent", ""), family.id)
            assert agent.take_over().status_code == 200
            response = agent.read()
            agent.close()
        assert response.json()["messages"][-1]["message"] == {"type": "case"}
        assert "张**" not in response.text


class TestLeaving:
    @pytest.mark.parametrize(
        ("act", "body"),
        [
            ("release", {}),
            ("resolve", {"text": "已经办好"}),
            ("transfer", {"to": "district", "district": "北碚区", "why": "在北碚"}),
        ],
    )
    def test_who_leaves_the_ticket_leaves_its_conversation_to_the_bot(
        self, app: Service, act: str, body: dict[str, str]
    ) -> None:
        with parent(app, city="chongqing") as family, adviser(app, family) as teacher:
            ticket = made(app, family.id)
            given(teacher, ticket.id, "claim")
            assert teacher.take_over().status_code == 200
            assert teacher.say("您好").status_code == 200
            given(teacher, ticket.id, "reply", text="请重新上传")
            assert family.transcript()["owner"] == "person"
            given(teacher, ticket.id, act, **body)
            assert family.transcript()["owner"] == "bot"

    def test_who_leaves_the_ticket_leaves_a_colleague_in_its_conversation(self, app: Service) -> None:
        with (
            parent(app, city="chongqing") as family,
            adviser(app, family) as teacher,
            adviser(app, family, "city", "chongqing") as officer,
        ):
            ticket = made(app, family.id)
            given(teacher, ticket.id, "claim")
            assert officer.take_over().status_code == 200
            given(teacher, ticket.id, "release")
            assert family.transcript()["owner"] == "person"

    def test_who_owns_a_conversation_hands_it_back_wherever_its_ticket_went(self, app: Service) -> None:
        with (
            parent(app, city="chongqing") as family,
            adviser(app, family) as teacher,
            adviser(app, family, "city", "chongqing") as officer,
        ):
            ticket = made(app, family.id)
            assert teacher.take_over().status_code == 200
            given(officer, ticket.id, "transfer", to="district", district="北碚区", why="在北碚")
            assert family.transcript()["owner"] == "person"
            assert teacher.say("您好").status_code == 404
            assert teacher.hand_back().status_code == 200
            assert family.transcript()["owner"] == "bot"

    def test_the_list_tells_since_when_a_person_speaks_with_the_parent(self, app: Service) -> None:
        with parent(app, city="chongqing") as family, adviser(app, family) as teacher:
            ticket = made(app, family.id)
            assert listed(teacher, ticket.number)["person_since"] is None
            teacher.take_over()
            owner = teacher.http.get(f"{PATH}/{ticket.id}/conversation").json()["owner"]
            assert listed(teacher, ticket.number)["person_since"] == owner["since"]
            teacher.hand_back()
            assert listed(teacher, ticket.number)["person_since"] is None


class TestEvents:
    def test_a_step_is_told_at_once_by_name_and_version_and_no_words(self, app: Service) -> None:
        with staff(app) as teacher, staff(app) as colleague, following(colleague) as events:
            first = next(events)
            assert (first["event"], first["data"]) == ("ready", {})
            ticket = made(app)
            assert [next(events)["data"]["kind"] for _ in range(2)] == ["create", "dispatch"]
            teacher.post(f"{PATH}/{ticket.id}/claim", json={"version": ticket.version}).raise_for_status()
            step = next(events)
            assert step["event"] == "step"
            same = {"ticket_id": ticket.id, "number": ticket.number}
            assert step["data"] == {**same, "kind": "claim", "version": 3, "state": "working"}
            assert int(step["id"]) > int(first["id"])

    def test_a_broken_line_goes_on_after_the_last_event_that_came(self, app: Service) -> None:
        engine = open_engine(app.settings.database)
        last = Outbox(engine).last()
        engine.dispose()
        ticket = made(app)
        with staff(app) as teacher, following(teacher, str(last)) as events:
            heard = [next(events) for _ in range(3)]
        assert [one["event"] for one in heard] == ["ready", "step", "step"]
        assert {one["data"]["ticket_id"] for one in heard[1:]} == {ticket.id}
        assert [int(one["id"]) for one in heard] == [last, last + 1, last + 2]

    def test_steps_of_other_schools_are_not_heard(self, app: Service) -> None:
        with staff(app, scope=OTHER) as stranger, following(stranger) as events:
            assert next(events)["event"] == "ready"
            made(app)
            own = made(app, school="另一所小学")
            assert next(events)["data"]["ticket_id"] == own.id

    def test_an_agent_hears_of_own_tickets_only(self, app: Service) -> None:
        with staff(app, "agent", "") as agent, following(agent) as events:
            assert next(events)["event"] == "ready"
            made(app)
            body = {"city": "chongqing", "question": "照片传不上去", "key": next(_keys)}
            own = agent.post(PATH, json=body).json()
            assert next(events)["data"]["ticket_id"] == own["id"]

    @pytest.mark.parametrize("last", ["", "x", "-1", "9" * 30])
    def test_a_last_event_that_cannot_be_begins_now(self, app: Service, last: str) -> None:
        made(app)
        with staff(app) as teacher, following(teacher, last) as events:
            assert next(events)["event"] == "ready"
            ticket = made(app)
            assert next(events)["data"]["ticket_id"] == ticket.id

    def test_a_silent_line_is_kept_alive_by_comments(self, app: Service) -> None:
        with staff(app, scope="chongqing/北碚区/无人小学") as teacher, following(teacher) as events:
            assert next(events)["event"] == "ready"
            assert next(events)["comment"]


class TestPresence:
    def test_two_at_one_ticket_see_each_other_by_name(self, app: Service) -> None:
        ticket = made(app)
        with staff(app) as teacher, staff(app, "district", f"chongqing/{DISTRICT}") as officer:
            address = f"{PATH}/{ticket.id}/presence"
            assert teacher.post(address, json={}).json() == {"others": []}
            assert officer.post(address, json={}).json() == {"others": [{"name": "演示school", "role": "school"}]}
            assert [one["role"] for one in teacher.post(address, json={}).json()["others"]] == ["district"]
            assert officer.post(address, json={"leaving": True}).json() == {"others": []}
            assert teacher.post(address, json={}).json() == {"others": []}

    def test_what_is_no_presence_is_refused(self, app: Service) -> None:
        with staff(app) as teacher:
            for body in ({"leaving": "perhaps"}, {"name": "x"}):
                assert teacher.post(f"{PATH}/{made(app).id}/presence", json=body).status_code == 422
