"""The reference service over HTTP: families, legal and illegal steps, the key, the shape of errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from running_reference import KEY, running_service
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from core.errors import SettingsError
from core.scope import CITIES, City
from enrollment.models import Application, mask_name
from enrollment.reference.database import open_database
from enrollment.reference.families import read_families
from enrollment.reference.service import create_service
from enrollment.reference.tables import ApplicationEvent, ApplicationRow
from enrollment.states import ENTRY_PREFIX, states

ZHANG = "CQ2026-0417-0031"
WRONG = [{"item": "户口簿", "reason": "缺少首页"}]


def look_up(caller: httpx.Client, guardian: str, city: City) -> list[Application]:
    answer = caller.post("/v1/applications/query", json={"guardian": guardian, "city": city})
    assert answer.status_code == 200
    return [Application.model_validate_json(json.dumps(item)) for item in answer.json()["applications"]]


def step(caller: httpx.Client, application: str, to: str, problems: Any = ()) -> httpx.Response:
    return caller.post(f"/v1/applications/{application}/steps", json={"to": to, "problems": list(problems)})


def put(engine: Engine, **values: Any) -> None:
    with Session(engine) as session, session.begin():
        session.execute(update(ApplicationRow).where(ApplicationRow.id == ZHANG).values(**values))


class TestFamilies:
    def test_all_of_design_md_are_there(self, caller: httpx.Client) -> None:
        found = {
            (guardian, city): [
                (a.district, a.state, a.birth_order, a.window_open) for a in look_up(caller, guardian, city)
            ]
            for guardian in ("cq-zhang", "cq-liu", "cq-chen", "qd-wang", "qd-sun-father", "qd-sun-mother", "nobody")
            for city in CITIES
        }
        assert {key: value for key, value in found.items() if value} == {
            ("cq-zhang", "chongqing"): [("渝北区", "待审核", 1, True)],
            ("cq-liu", "chongqing"): [("北碚区", "补正", 1, True)],
            ("cq-chen", "chongqing"): [("合川区", "审核", 1, True)],
            ("qd-wang", "qingdao"): [("市北区", "审核通过", 1, False), ("市北区", "已录取", 2, False)],
            ("qd-sun-father", "qingdao"): [("崂山区", "初审", 1, True)],
        }

    @pytest.mark.parametrize("city", CITIES)
    def test_every_state_of_a_city_is_shown_by_one_and_each_that_advises_otherwise_by_one_that_came_too_late(
        self, caller: httpx.Client, city: City
    ) -> None:
        shown = {
            (application.state, application.window_open)
            for family in read_families()
            if family.guardian.startswith(ENTRY_PREFIX[city])
            for application in look_up(caller, family.guardian, city)
        }
        machine = states().cities[city].states
        assert {state for state, window_open in shown if window_open} == set(machine)
        assert {name for name, state in machine.items() if state.closed} <= {
            state for state, is_open in shown if not is_open
        }

    def test_two_children_of_one_guardian_stand_in_order_of_birth_with_different_states(
        self, caller: httpx.Client
    ) -> None:
        elder, younger = look_up(caller, "qd-demo-12", "qingdao")
        assert [(a.birth_order, a.state, a.stage, a.child) for a in (elder, younger)] == [
            (1, "已录取", "小升初", "金**"),
            (2, "待补充", "幼升小", "金**"),
        ]
        assert (elder.problems, younger.window_open) == ((), False)

    def test_a_history_tells_each_state_with_its_day_and_ends_in_the_present_one(self, caller: httpx.Client) -> None:
        (he,) = look_up(caller, "qd-demo-5", "qingdao")
        assert [reached.state for reached in he.history] == ["填报中", "已提交", "初审", "待补充", "已提交修改"]
        assert [(he.as_of - reached.since).days for reached in he.history] == [12, 10, 8, 5, 2]

    def test_dates_are_relative_to_the_start(self, caller: httpx.Client) -> None:
        (zhang,) = look_up(caller, "cq-zhang", "chongqing")
        assert timedelta(0) <= datetime.now(UTC) - zhang.as_of < timedelta(minutes=1)
        assert timedelta(days=2) <= zhang.as_of - zhang.since < timedelta(days=2, minutes=1)

    @pytest.mark.parametrize("family", read_families(), ids=lambda family: family.guardian)
    def test_their_paths_obey_the_machine(self, family: Any) -> None:
        machine = states().cities[family.city].states
        for child in family.children:
            path = list(child.path)
            assert all(machine[here].may_go(there, window_open=True) for here, there in pairwise(path))
            assert list(child.path.values()) == sorted(child.path.values())
            assert bool(child.problems) or not machine[path[-1]].problems_named

    def test_a_second_start_changes_nothing_but_dates(self, database_url: str) -> None:
        with running_service(database_url):
            pass
        engine = open_database(database_url)
        with Session(engine) as session, session.begin():
            before = session.scalars(select(ApplicationEvent.to_state).order_by(ApplicationEvent.id)).all()
            session.execute(update(ApplicationRow).values(window_closes=datetime(2020, 1, 1, tzinfo=UTC)))
        with running_service(database_url), Session(engine) as session:
            assert session.scalars(select(ApplicationEvent.to_state).order_by(ApplicationEvent.id)).all() == before
            assert session.get_one(ApplicationRow, ZHANG).window_open(datetime.now(UTC))
        engine.dispose()

    def test_a_moved_case_stays_where_it_is_over_a_restart(self, database_url: str) -> None:
        headers = {"Authorization": f"Bearer {KEY.get_secret_value()}"}
        for wanted in ("审核", "审核通过"):
            with running_service(database_url) as url, httpx.Client(base_url=url, headers=headers) as caller:
                assert step(caller, ZHANG, wanted).json()["state"] == wanted

    @pytest.mark.parametrize(("name", "shown"), [("张三", "张*"), ("王某甲", "王**"), ("张", "张*"), ("", "*")])
    def test_names_are_masked(self, name: str, shown: str) -> None:
        assert mask_name(name) == shown


class TestSteps:
    def test_a_case_goes_its_way(self, caller: httpx.Client) -> None:
        for to, problems in [("审核", ()), ("补正", WRONG), ("审核", ()), ("审核通过", ()), ("已录取", ())]:
            taken = step(caller, ZHANG, to, problems)
            assert (taken.status_code, taken.json()["state"]) == (200, to)
            (zhang,) = look_up(caller, "cq-zhang", "chongqing")
            assert zhang.state == to
            assert [problem.model_dump() for problem in zhang.problems] == list(problems)
            assert zhang.as_of - zhang.since < timedelta(minutes=1)

    @pytest.mark.parametrize("city", CITIES)
    @pytest.mark.parametrize("window_open", [True, False])
    def test_every_illegal_step_is_refused(
        self, caller: httpx.Client, database_url: str, city: City, window_open: bool
    ) -> None:
        engine, machine = open_database(database_url), states().cities[city].states
        closes = datetime.now(UTC) + timedelta(days=1 if window_open else -1)
        for here, state in machine.items():
            for to in [*machine, "不存在"]:
                put(engine, city=city, state=here, window_closes=closes)
                taken = step(caller, ZHANG, to, WRONG)
                if state.may_go(to, window_open=window_open):
                    assert taken.status_code == 200
                else:
                    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "illegal_step")
        engine.dispose()

    @pytest.mark.parametrize(("city", "here", "to"), [("chongqing", "审核", "补正"), ("qingdao", "初审", "待补充")])
    def test_what_is_wrong_has_to_be_named(
        self, caller: httpx.Client, database_url: str, city: City, here: str, to: str
    ) -> None:
        engine = open_database(database_url)
        put(engine, city=city, state=here)
        engine.dispose()
        assert step(caller, ZHANG, to).status_code == 409

    def test_a_refused_step_leaves_no_event(self, caller: httpx.Client, database_url: str) -> None:
        step(caller, ZHANG, "已录取")
        engine = open_database(database_url)
        with Session(engine) as session:
            assert all(event.seeded for event in session.get_one(ApplicationRow, ZHANG).events)
        engine.dispose()

    def test_an_unknown_case_is_not_found(self, caller: httpx.Client) -> None:
        assert step(caller, "CQ0000", "审核").status_code == 404


class TestDoor:
    @pytest.mark.parametrize("value", ["", "Bearer", "Bearer wrong", "Basic test-key-4711", "test-key-4711"])
    @pytest.mark.parametrize("path", ["query", f"{ZHANG}/steps"])
    def test_without_the_key_nothing_opens(self, service_url: str, path: str, value: str) -> None:
        answer = httpx.post(f"{service_url}/v1/applications/{path}", headers={"Authorization": value}, json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")

    def test_health_needs_none(self, service_url: str) -> None:
        assert httpx.get(f"{service_url}/health").json() == {"status": "ok"}

    @pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/"])
    def test_nothing_else_is_served(self, service_url: str, path: str) -> None:
        assert httpx.get(service_url + path).status_code == 404

    @pytest.mark.parametrize("key", ["", "  "])
    def test_without_a_key_it_is_not_built(self, database_url: str, key: str) -> None:
        with pytest.raises(SettingsError, match="HELPDESK_ENROLLMENT_KEY is empty"):
            create_service(database_url, SecretStr(key))

    @pytest.mark.parametrize(
        "address", ["nonsense", "sqlite://", "sqlite:///:memory:", "what://x", "sqlite:////proc/x/y.db"]
    )
    def test_a_database_that_cannot_be_used_is_refused(self, address: str) -> None:
        with pytest.raises(SettingsError, match="--database"):
            create_service(address, KEY)

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"guardian": "x"},
            {"guardian": "", "city": "qingdao"},
            {"guardian": "x", "city": "beijing"},
            [],
            {"a": 1},
        ],
    )
    def test_a_wrong_body_is_told_in_the_one_shape_without_its_values(self, caller: httpx.Client, body: Any) -> None:
        answer = caller.post("/v1/applications/query", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_body")
        assert "beijing" not in answer.text

    def test_a_broken_database_is_told_plainly(self, caller: httpx.Client, database_url: str) -> None:
        engine = open_database(database_url)
        with Session(engine) as session, session.begin():
            session.execute(delete(ApplicationEvent))
            session.connection().exec_driver_sql("DROP TABLE outgoing_changes")
            session.connection().exec_driver_sql("DROP TABLE application_events")
            session.connection().exec_driver_sql("DROP TABLE applications")
        engine.dispose()
        answer = caller.post("/v1/applications/query", json={"guardian": "x", "city": "qingdao"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
