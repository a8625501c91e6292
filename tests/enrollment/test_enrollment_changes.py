"""The reference service's list of changes over HTTP, and the order that concurrent steps keep in it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest
from running_reference import KEY, running_service
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from enrollment.reference.cases import take_step
from enrollment.reference.changes import changes_after, latest_change
from enrollment.reference.database import open_database
from enrollment.reference.families import seed_families

ZHANG, LIU, CHEN = "CQ2026-0417-0031", "CQ2026-0415-0108", "CQ2026-0416-0254"
HEADERS = {"Authorization": f"Bearer {KEY.get_secret_value()}"}


def test_without_a_cursor_only_the_end_is_told(caller: httpx.Client) -> None:
    assert caller.get("/v1/changes").json() == {"changes": [], "last": 0}
    caller.post(f"/v1/applications/{ZHANG}/steps", json={"to": "审核"})
    told = caller.get("/v1/changes").json()
    assert (told["changes"], told["last"] > 0) == ([], True)


def test_a_change_has_all_its_fields_and_a_refused_step_is_none(caller: httpx.Client) -> None:
    caller.post(f"/v1/applications/{ZHANG}/steps", json={"to": "审核"})
    caller.post(f"/v1/applications/{ZHANG}/steps", json={"to": "未维护"})
    told = caller.get("/v1/changes", params={"after": 0}).json()
    (change,) = told["changes"]
    assert told["last"] == change["id"]
    assert datetime.fromisoformat(change.pop("at")).tzinfo is not None
    del change["id"]
    assert change == {"guardian": "cq-zhang", "city": "chongqing", "application_id": ZHANG, "state": "审核"}


def test_ids_go_on_after_a_restart(database_url: str) -> None:
    found = []
    for to in ("审核", "审核通过", "已录取"):
        with running_service(database_url) as url, httpx.Client(base_url=url, headers=HEADERS) as caller:
            assert caller.post(f"/v1/applications/{ZHANG}/steps", json={"to": to}).status_code == 200
            found.append(caller.get("/v1/changes").json()["last"])
            told = caller.get("/v1/changes", params={"after": found[0] - 1}).json()["changes"]
            assert [change["id"] for change in told] == found
    assert found == sorted(set(found))


@pytest.mark.parametrize("after", ["-1", "x", "1.5", str(2**31), ""])
def test_a_cursor_that_is_none_is_refused(caller: httpx.Client, after: str) -> None:
    answer = caller.get("/v1/changes", params={"after": after})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_body")


@pytest.mark.parametrize("after", [0, 2**31 - 1])
def test_any_other_cursor_is_served(caller: httpx.Client, after: int) -> None:
    assert caller.get("/v1/changes", params={"after": after}).json() == {"changes": [], "last": 0}


@pytest.mark.parametrize("value", ["", "Bearer wrong"])
def test_without_the_key_nothing_is_told(service_url: str, value: str) -> None:
    answer = httpx.get(f"{service_url}/v1/changes", headers={"Authorization": value})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")


def ids_seen(engine: Engine) -> list[int]:
    with Session(engine) as session:
        return [change.id for change in changes_after(session, 0)]


def test_no_change_appears_before_one_with_a_smaller_id(database_url: str) -> None:
    engine, now, second_done = open_database(database_url), datetime.now(UTC), threading.Event()
    with Session(engine) as session, session.begin():
        seed_families(session, now)

    def second() -> None:
        with Session(engine) as session, session.begin():
            take_step(session, LIU, "审核", (), now)
        second_done.set()

    with ThreadPoolExecutor(1) as pool, Session(engine) as first:
        take_step(first, ZHANG, "审核", (), now)  # has its id, and is not committed
        running = pool.submit(second)
        assert not second_done.wait(0.5)
        assert ids_seen(engine) == []
        first.commit()
        running.result(10)
    seen = ids_seen(engine)
    assert len(seen) == 2
    with Session(engine) as session:
        assert [change.application_id for change in changes_after(session, 0)] == [ZHANG, LIU]
        assert latest_change(session) == seen[-1]
    engine.dispose()


def test_of_two_who_move_the_same_case_at_once_one_is_refused(caller: httpx.Client) -> None:
    def move(to: str) -> int:
        return caller.post(f"/v1/applications/{CHEN}/steps", json={"to": to}).status_code

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(move, ["审核通过", "不通过"]))
    assert sorted(ended) == [200, 409]
    assert len(caller.get("/v1/changes", params={"after": 0}).json()["changes"]) == 1


def test_a_reader_that_follows_concurrent_steps_misses_none(service_url: str) -> None:
    ways = [(ZHANG, ["审核", "审核通过", "已录取"]), (LIU, ["审核", "不通过"]), (CHEN, ["审核通过", "已录取"])]

    def go(way: tuple[str, list[str]]) -> None:
        with httpx.Client(base_url=service_url, headers=HEADERS) as caller:
            for to in way[1]:
                assert caller.post(f"/v1/applications/{way[0]}/steps", json={"to": to}).status_code == 200

    seen: list[tuple[str, str]] = []
    with ThreadPoolExecutor(3) as pool, httpx.Client(base_url=service_url, headers=HEADERS) as reader:
        going = [pool.submit(go, way) for way in ways]
        cursor, ends = 0, time.monotonic() + 20
        while len(seen) < 7 and time.monotonic() < ends:
            for change in reader.get("/v1/changes", params={"after": cursor}).json()["changes"]:
                assert change["id"] > cursor
                cursor = change["id"]
                seen.append((change["application_id"], change["state"]))
        for one in going:
            one.result(10)
    for application, states in ways:
        assert [state for number, state in seen if number == application] == states


def test_an_older_database_gets_the_tables_that_it_lacks(database_url: str) -> None:
    engine = open_database(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE outgoing_changes")
        connection.exec_driver_sql("DROP TABLE seen_nonces")
    engine.dispose()
    with running_service(database_url) as url, httpx.Client(base_url=url, headers=HEADERS) as caller:
        assert caller.post(f"/v1/applications/{ZHANG}/steps", json={"to": "审核"}).status_code == 200
    check = create_engine(database_url)
    with Session(check) as session:
        assert len(changes_after(session, 0)) == 1
    check.dispose()
