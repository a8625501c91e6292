"""The second door to a case: who gets through it, as a table; what everybody else can learn, which is nothing."""

from __future__ import annotations

import json
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from desk_running import Service, running_desk
from hotline_agent import CITIES, PHONES, Agent, another, audited, last_code, messages, steps
from parent_client import Parent
from sqlalchemy import select

from channels.hotline.pace import STEP
from conversations.audit_listing import looks
from conversations.storage import open_engine
from hotline.tables import CallLookupRow
from staff.roles import ROLES

pytestmark = pytest.mark.system
AnAgent = Callable[..., Agent]
FATHERS = "QD2026-0411-0019"
LIU = "CQ2026-0415-0108"
NO_CASE = "QD2026-7777-0001"
SPARE = [number for number, city in CITIES.items() if city == "chongqing" and number not in (LIU, "CQ2026-0417-0031")]
"""Applications that only the comparison with numbers that are not there asks for."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a whole product of its own: codes for one application are bounded."""
    folder = tmp_path_factory.mktemp("callers")
    more = {"HELPDESK_LOG_LEVEL": "DEBUG", "HELPDESK_HOTLINE_CODES_PER_HOUR": "1000"}
    with running_desk(folder, **more) as running:
        yield running


@pytest.fixture
def agent(service: Service) -> Iterator[AnAgent]:
    """Give `agent(scope, role=…, ended=…)`: a member of staff with a call of their own."""
    came: list[Agent] = []

    def take_call(*scope: str, **more: Any) -> Agent:
        came.append(Agent(service, *scope, **more))
        return came[-1]

    yield take_call
    for one in came:
        one.http.close()


def all_three(caller: Agent) -> list[int]:
    return [caller.case().status_code, caller.check("123456").status_code, caller.send(LIU).status_code]


class TestVerified:
    def test_the_agent_sees_the_parents_card_and_has_it_to_read_aloud(self, service: Service, agent: AnAgent) -> None:
        caller = agent()
        assert caller.verify(LIU).json() == {"verified": True, "tries_left": 3, "locked": False}
        response = caller.case()
        parent = Parent(service.base, token=service.token("cq-liu"))
        (own,) = parent.say("我的报名进度").cases
        parent.close()
        shown = response.json()["application"]
        assert {**shown, "as_of": ""} == {**own, "as_of": ""}
        said = "\n".join(response.json()["spoken"])
        for text in (
            own["state"],
            own["school"],
            own["next"],
            own["problems"][0]["reason"],
            own["official_quote"]["text"],
        ):
            assert text in said
        assert response.headers["cache-control"] == "no-store"

    def test_all_of_it_is_in_the_audit_log_before_the_agent_hears_of_it(self, service: Service, agent: AnAgent) -> None:
        caller = agent()
        caller.send("QD2026-0403-0077", reason="complaint")
        assert steps(service, caller.call) == ["code_sent"]
        code = last_code(service, PHONES["QD2026-0403-0077"])
        caller.check(another(code))
        caller.check(code)
        assert caller.case().status_code == 200
        rows = audited(service, caller.call)
        assert [row["shown"] for row in rows] == [
            "code_sent",
            "code_wrong",
            "code_right",
            "card child state timeline school problems advice",
        ]
        assert {(row["role"], row["city"], row["purpose"]) for row in rows} == {("agent", "qingdao", "complaint")}
        assert len({row["actor"] for row in rows}) == 1
        sent, wrong, right, card = (row["applications"] for row in rows)
        assert sent == right == card != ""
        assert wrong == ""
        assert "QD2026" not in json.dumps(rows)

    def test_the_log_tells_who_looked_at_the_application(self, service: Service, agent: AnAgent) -> None:
        caller = agent("qingdao")
        caller.verify("QD2026-0403-0078")
        caller.case()
        engine = open_engine(service.settings.database)
        found = list(looks(engine, application="QD2026-0403-0078"))
        engine.dispose()
        assert found

    def test_each_look_at_the_card_is_one_row(self, service: Service, agent: AnAgent) -> None:
        caller = agent()
        caller.verify("QD2026-0501-0001")
        for _ in range(3):
            assert caller.case().status_code == 200
        assert steps(service, caller.call) == ["code_sent", "code_right", "card", "card", "card"]

    def test_a_second_child_needs_a_code_of_its_own(self, service: Service, agent: AnAgent) -> None:
        caller = agent()
        caller.verify("QD2026-0512-0001")
        caller.half_a_minute_later()
        assert caller.send("QD2026-0512-0002").status_code == 202
        assert caller.case().status_code == 404
        caller.check(last_code(service, PHONES["QD2026-0512-0002"]))
        assert caller.case().json()["application"]["id"] == "QD2026-0512-0002"

    def test_handed_over_the_call_reaches_the_school_of_the_case(self, service: Service, agent: AnAgent) -> None:
        caller = agent()
        caller.verify("QD2026-0510-0001")
        shown = caller.case().json()["application"]
        caller.http.patch(f"/api/v1/calls/{caller.call}", json={"city": "qingdao"})
        handed = caller.http.post(f"/api/v1/calls/{caller.call}/escalate").json()["ticket"]
        assert (handed["level"], handed["school"]) == ("school", shown["school"])
        assert handed["district"]
        ticket = caller.http.get(f"/api/v1/tickets/{handed['id']}").json()
        assert shown["child"] in ticket["messages"][0]["text"]
        assert audited(service, caller.call)[-1]["shown"] == "handed_over child school"

    def test_a_call_about_the_other_city_takes_nothing_from_the_case(self, service: Service, agent: AnAgent) -> None:
        caller = agent()
        caller.verify("QD2026-0509-0001")
        caller.http.patch(f"/api/v1/calls/{caller.call}", json={"city": "chongqing"})
        handed = caller.http.post(f"/api/v1/calls/{caller.call}/escalate").json()["ticket"]
        assert (handed["city"], handed["district"], handed["school"]) == ("chongqing", None, None)
        assert steps(service, caller.call) == ["code_sent", "code_right"]

    def test_with_the_call_it_ends(self, agent: AnAgent) -> None:
        caller = agent()
        caller.verify("QD2026-0502-0001")
        assert caller.case().status_code == 200
        caller.end()
        assert [caller.case().status_code, caller.check("123456").status_code, caller.send(LIU).status_code] == [
            404
        ] * 3


VERIFICATIONS: dict[str, dict[str, Any] | None] = {
    "none": None,
    "sent": {"codes_sent": 1},
    "verified": {"codes_sent": 1, "verified": True},
    "locked": {"codes_sent": 1, "codes_wrong": 3, "locked": True},
    "three sent": {"codes_sent": 3},
}
CALLS = {
    "own": (True, False),
    "own, ended": (True, True),
    "another's": (False, False),
    "another's, ended": (False, True),
}
OWN: dict[str, tuple[tuple[int, str], tuple[int, str], tuple[int, str]]] = {
    # verification: send, check a wrong code, show
    "none": ((202, ""), (409, "no_code_sent"), (404, "not_found")),
    "sent": ((202, ""), (200, ""), (404, "not_found")),
    "verified": ((202, ""), (409, "already_verified"), (200, "")),
    "locked": ((409, "verification_locked"), (409, "verification_locked"), (404, "not_found")),
    "three sent": ((409, "no_more_codes"), (200, ""), (404, "not_found")),
}


def expected(role: str, call: str, state: str) -> tuple[tuple[int, str], ...]:
    if role != "agent":
        return ((403, "forbidden"),) * 3
    return OWN[state] if call == "own" else ((404, "not_found"),) * 3


@pytest.fixture(scope="module")
def verified_code(service: Service) -> str:
    """Give the backend's id of a verification that was answered with yes."""
    agent = Agent(service)
    agent.verify("QD2026-0503-0001")
    agent.http.close()
    engine = open_engine(service.settings.database)
    with engine.connect() as connection:
        row = select(CallLookupRow.verification).where(CallLookupRow.call_id == agent.call)
        found = str(connection.execute(row).scalar_one())
    engine.dispose()
    return found


@pytest.mark.parametrize("state", VERIFICATIONS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("role", ROLES)
def test_the_table_of_who_may_do_what(agent: AnAgent, verified_code: str, role: str, call: str, state: str) -> None:
    own, ended = CALLS[call]
    who = agent(role=role, ended=ended)
    values = VERIFICATIONS[state]
    target = who if own else agent("chongqing", role=role, ended=ended)
    who.call = target.call
    if values is not None:
        target.put(**{"city": "qingdao", "reason": "progress", "verification": verified_code, **values})
    show, check, send = who.case(), who.check("000000"), who.send(NO_CASE)
    found = tuple((r.status_code, r.json().get("error", {}).get("code", "")) for r in (send, check, show))
    assert found == expected(role, call, state)


def test_the_table_has_each_state_and_a_call_that_is_not_there_is_as_anothers(agent: AnAgent) -> None:
    assert set(OWN) == set(VERIFICATIONS)
    mine, theirs, nowhere = agent(), agent("qingdao"), agent()
    mine.call, nowhere.call = theirs.call, "b5d0c2f4-0000-4000-8000-000000000000"
    for ask in (lambda a: a.case(), lambda a: a.check("123456"), lambda a: a.send(NO_CASE)):
        assert ask(mine).content == ask(nowhere).content


@pytest.mark.parametrize("token", [None, "x", "a.b.c", "a parent's"])
def test_nobody_without_a_token_and_no_parent_gets_in(service: Service, agent: AnAgent, token: str | None) -> None:
    caller = agent()
    del caller.http.headers["Authorization"]
    if token:
        bearer = service.token("cq-liu") if token == "a parent's" else token
        caller.http.headers["Authorization"] = f"Bearer {bearer}"
    assert all_three(caller) == [401] * 3


class TestTheOtherParent:
    """The mother knows the number, the child, the school; the father registered, and has the telephone."""

    def test_with_every_fact_about_the_child_they_get_nothing(self, service: Service, agent: AnAgent) -> None:
        caller, before = agent(), len(messages(service))
        assert caller.send(FATHERS).status_code == 202
        assert [phone for phone, _ in messages(service)[before:]] == [PHONES[FATHERS]]
        code = last_code(service, PHONES[FATHERS])
        heard = []
        for tries_left in (2, 1, 0):
            code = another(code)
            response = caller.check(code)
            heard.append(response.text)
            assert response.json() == {"verified": False, "tries_left": tries_left, "locked": tries_left == 0}
            assert caller.case().status_code == 404
        right = caller.check(last_code(service, PHONES[FATHERS]))
        assert (right.status_code, right.json()["error"]["code"]) == (409, "verification_locked")
        caller.half_a_minute_later()
        assert caller.send(FATHERS).json()["error"]["code"] == "verification_locked"
        heard += [right.text, caller.case().text, caller.send(FATHERS).text]
        assert caller.case().status_code == 404
        tried = [*["code_wrong", "refused"] * 2, "code_wrong", "locked", "refused"]  # the case is asked for after each
        assert steps(service, caller.call) == ["code_sent", *tried, *["refused"] * 5]
        for fact in ("孙", "崂山区", "样板街小学", "初审", FATHERS, PHONES[FATHERS], "qd-sun"):
            assert not [text for text in heard if fact in text]

    def test_three_wrong_codes_over_several_sends_lock_too(self, agent: AnAgent) -> None:
        caller = agent()
        for wrong in range(3):
            assert caller.send(NO_CASE).status_code == 202
            assert caller.check("000000").json()["locked"] is (wrong == 2)
            caller.half_a_minute_later()
        assert caller.send(NO_CASE).json()["error"]["code"] == "verification_locked"

    def test_a_code_of_one_call_opens_no_other(self, service: Service, agent: AnAgent) -> None:
        fathers, mothers = agent(), agent()
        assert fathers.send(FATHERS).status_code == 202
        fathers_code = last_code(service, PHONES[FATHERS])
        assert mothers.send(FATHERS).status_code == 202
        mothers_code = last_code(service, PHONES[FATHERS])
        if fathers_code != mothers_code:
            assert mothers.check(fathers_code).json()["verified"] is False
        assert mothers.case().status_code == 404
        assert fathers.check(fathers_code).json()["verified"] is True
        assert mothers.case().status_code == 404

    def test_guessing_in_many_calls_is_bounded_by_the_codes_that_are_sent(
        self, service: Service, agent: AnAgent
    ) -> None:
        number, before = "QD2026-0504-0001", len(messages(service))
        replies = set()
        for _ in range(8):
            caller = agent()
            replies.add(caller.send(number).content)
            for _ in range(3):
                caller.check("000000")
            assert caller.case().status_code == 404
        assert len(replies) == 1
        assert [phone for phone, _ in messages(service)[before:]] == [PHONES[number]] * 5


class TestScope:
    @pytest.mark.parametrize("scope", ["chongqing/渝北区", "chongqing/北碚区/示范第九小学"])
    def test_outside_the_agents_scope_the_right_code_is_a_wrong_one(
        self, service: Service, agent: AnAgent, scope: str
    ) -> None:
        inside, outside = agent(), agent(scope)
        right, wrong = outside.verify("CQ2026-0417-0031" if "北碚" in scope else LIU), None
        inside.send(NO_CASE)
        wrong = inside.check("000000")
        assert (right.status_code, right.content) == (wrong.status_code, wrong.content)
        assert outside.case().status_code == 404
        assert outside.case().content == inside.case().content
        shown = ["code_sent", "code_wrong outside_scope", "refused", "refused"]  # the last two: asked for all the same
        assert [row["shown"] for row in audited(service, outside.call)] == shown

    def test_inside_a_district_or_school_it_opens(self, agent: AnAgent) -> None:
        for scope in ("chongqing/渝北区", "chongqing/渝北区/示范第一小学"):
            caller = agent(scope)
            assert caller.verify("CQ2026-0417-0031").json()["verified"] is True
            assert caller.case().json()["application"]["state"] == "待审核"

    @pytest.mark.parametrize("number", ["QD2026-0403-0077", NO_CASE])
    def test_another_city_is_refused_before_anybody_is_asked(
        self, service: Service, agent: AnAgent, number: str
    ) -> None:
        caller, before = agent("chongqing"), messages(service)
        response = caller.send(number, "qingdao")
        assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden")
        assert messages(service) == before
        assert steps(service, caller.call) == []


class TestWhatIsTyped:
    @pytest.mark.parametrize("typed", ["13812345678", "110101199003071239", "138 1234 5678"])
    def test_a_number_of_a_person_is_refused_and_kept_nowhere(
        self, service: Service, agent: AnAgent, typed: str
    ) -> None:
        caller = agent()
        response = caller.send(typed)
        assert (response.status_code, response.json()["error"]["code"]) == (422, "personal_number")
        assert typed not in response.text
        assert places_of(service, typed) == []
        assert places_of(service, typed.replace(" ", "")) == []

    @pytest.mark.parametrize(
        "body",
        [
            {"number": LIU, "city": "chongqing"},
            {"number": LIU, "city": "chongqing", "reason": "curiosity"},
            {"number": LIU, "city": "chongqing", "reason": ""},
            {"number": LIU, "city": "beijing", "reason": "progress"},
            {"number": "张某", "city": "chongqing", "reason": "progress"},
            {"number": LIU, "city": "chongqing", "reason": "progress", "more": 1},
        ],
    )
    def test_without_a_number_or_a_reason_of_the_list_nothing_is_sent(
        self, service: Service, agent: AnAgent, body: dict[str, Any]
    ) -> None:
        caller, before = agent(), messages(service)
        response = caller.http.post(f"/api/v1/calls/{caller.call}/verification", json=body)
        assert (response.status_code, response.json()["error"]["code"]) == (422, "malformed_request")
        assert LIU not in response.text
        assert messages(service) == before

    @pytest.mark.parametrize("code", ["", "12", "abcdef", "123456789012"])
    def test_what_is_no_code_costs_no_try(self, agent: AnAgent, code: str) -> None:
        caller = agent()
        caller.send(NO_CASE)
        assert caller.check(code).status_code == 422
        assert caller.check("000000").json()["tries_left"] == 2

    def test_the_next_code_comes_after_half_a_minute(self, agent: AnAgent) -> None:
        caller = agent()
        assert caller.send(NO_CASE).status_code == 202
        response = caller.send(NO_CASE)
        assert (response.status_code, response.json()["error"]["code"]) == (429, "too_many_requests")
        assert 20 <= int(response.headers["retry-after"]) <= 30


@pytest.fixture(scope="module")
def compared(service: Service) -> dict[bool, dict[str, Any]]:
    """Give what is seen of a code that is sent, and of a wrong one, with and without an application."""
    seen: dict[bool, dict[str, Any]] = {
        exists: {"replies": set(), "lines": set(), "counts": set(), "send": [], "check": []} for exists in (True, False)
    }
    logs = sorted(service.folder.glob("*.log"))
    for count, number in enumerate(SPARE * 3):
        for exists in (True, False) if count % 2 else (False, True):
            asked = number if exists else number.replace("2026-", "2026-9")
            assert (asked in CITIES) is exists
            sizes, counts = [log.stat().st_size for log in logs], metrics(service)
            caller = Agent(service)
            begun = time.perf_counter()
            sent = caller.send(asked, "chongqing")
            between = time.perf_counter()
            checked = caller.check("000000")
            ended = time.perf_counter()
            found = seen[exists]
            found["send"].append(between - begun)
            found["check"].append(ended - between)
            shown = caller.case()
            for reply in (sent, checked, shown):
                headers = {name: value for name, value in reply.headers.items() if name != "date"}
                found["replies"].add((reply.status_code, json.dumps(headers), reply.content))
            found["lines"].add(tuple(lines_since(logs, sizes)))
            found["counts"].add(metrics(service) == counts)
            caller.http.close()
    return seen


class TestWhetherThereIsACaseCannotBeTold:
    def test_enough_was_compared(self, compared: dict[bool, dict[str, Any]]) -> None:
        assert all(len(compared[exists][what]) >= 40 for exists in (True, False) for what in ("send", "check"))

    def test_replies_are_equal_byte_for_byte(self, compared: dict[bool, dict[str, Any]]) -> None:
        assert compared[True]["replies"] == compared[False]["replies"]
        assert len(compared[True]["replies"]) == 3

    def test_log_lines_are_equal(self, compared: dict[bool, dict[str, Any]]) -> None:
        assert compared[True]["lines"] == compared[False]["lines"]

    def test_nothing_is_counted_that_could_tell(self, compared: dict[bool, dict[str, Any]]) -> None:
        assert compared[True]["counts"] == compared[False]["counts"] == {True}

    @pytest.mark.parametrize("step", ["send", "check"])
    def test_times_are_equal(self, compared: dict[bool, dict[str, Any]], step: str) -> None:
        pairs = zip(compared[True][step], compared[False][step], strict=True)  # measured side by side, in turns
        differences = [there - not_there for there, not_there in pairs]
        assert abs(statistics.median(differences)) < STEP / 10


def metrics(service: Service) -> str:
    return httpx.get(f"{service.base}/metrics", trust_env=False).text


def lines_since(logs: list[Path], sizes: list[int]) -> Iterator[str]:
    """Yield the log lines that came since, without their times."""
    for log, size in zip(logs, sizes, strict=True):
        with log.open("rb") as file:
            file.seek(size)
            for line in file.read().decode().splitlines():
                told = json.loads(line) if line.startswith("{") else {"message": line}
                yield f"{log.name}: {told.get('level')} {told.get('logger')} {told['message']}"


def places_of(service: Service, text: str) -> list[str]:
    """Return which logs and which tables of ours hold a text."""
    forms = {text, json.dumps(text)[1:-1]}
    found = [
        log.name
        for log in sorted(service.folder.glob("*.log"))
        if any(form in log.read_text(encoding="utf-8", errors="replace") for form in forms)
    ]
    with sqlite3.connect(f"file:{service.folder / 'helpdesk.db'}?mode=ro", uri=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            rows = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            if any(form in str(value) for row in rows for value in row for form in forms):
                found.append(table)
    connection.close()
    return found


def test_nothing_of_a_case_is_in_a_log_or_a_table_of_ours_but_behind_its_pseudonym(
    service: Service, agent: AnAgent
) -> None:
    caller = agent()
    caller.verify("QD2026-0511-0001")
    code = last_code(service, PHONES["QD2026-0511-0001"])
    assert caller.case().json()["application"]["problems"] == [{"item": "户口簿", "reason": "缺少儿童本人页"}]
    assert places_of(service, "QD2026-0511-0001") == ["pseudonyms"]
    for text in ("缺少儿童本人页", PHONES["QD2026-0511-0001"], code):
        assert places_of(service, text) == []
    for text in ("严*", "样板街小学", "示例街小学"):  # a call that was handed over tells child and school to its ticket
        assert set(places_of(service, text)) <= {"tickets"}
