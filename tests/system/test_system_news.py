"""News of one's application appears in the open chat, once; a backend that was down is told of when it is back."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest
from desk_running import Service, running_desk, wait_for
from parent_client import Json, Parent

from bot.actions.words import Words
from core.settings import ROOT

pytestmark = pytest.mark.system
NEWS, BACK = Words().say("case_news"), Words().say("case_back")
WITHIN = 5.0


@pytest.fixture(scope="module", params=["webhook", "poll"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a product whose backend posts its changes, and one that asks for them."""
    with running_desk(
        tmp_path_factory.mktemp("news"), HELPDESK_ENROLLMENT_POLL_SECONDS="1" if request.param == "poll" else "0"
    ) as running:
        yield running


def step(service: Service, application_id: str, to: str, *problems: Json) -> None:
    """Move an application at the backend."""
    key = service.settings.enrollment_key.get_secret_value()
    response = httpx.post(
        f"{service.settings.enrollment}/v1/applications/{application_id}/steps",
        json={"to": to, "problems": list(problems)},
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    )
    assert response.status_code == 200, response.text


def said(parent: Parent) -> list[Json]:
    return [one["message"] for one in parent.transcript()["messages"] if one["author"] == "bot"]


def news_in(parent: Parent) -> list[Json]:
    """Return the cases that were told without being asked for."""
    messages = said(parent)
    after = [n for n, message in enumerate(messages) if message.get("text") in (NEWS, BACK)]
    return [messages[n + 1]["application"] for n in after if messages[n + 1]["type"] == "case"]


def until(condition: Callable[[], bool], seconds: float = WITHIN) -> float:
    """Wait for a condition; return how long it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not within {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - started


@contextmanager
def listening(parent: Parent) -> Iterator[list[Any]]:
    """Follow the conversation's events in the background, as the open page does."""
    heard: list[Any] = []
    stop = threading.Event()

    def follow() -> None:
        headers = {"Authorization": f"Bearer {parent.secret}"}
        with (
            httpx.Client(base_url=str(parent.http.base_url), timeout=20, trust_env=False) as http,
            http.stream("GET", f"{parent.address}/events", headers=headers) as response,
        ):
            for line in response.iter_lines():
                if line.startswith("data:"):
                    heard.append(json.loads(line[5:]))
                if stop.is_set():
                    return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    until(lambda: bool(heard))
    yield heard
    stop.set()


def told_in(heard: list[Any]) -> list[str]:
    return [one["message"]["application"]["state"] for one in heard if one.get("message", {}).get("type") == "case"]


def test_1_a_change_appears_in_the_open_chat_within_five_seconds_and_once(service: Service) -> None:
    with closing(Parent(service.base, token=service.token("qd-sun-father"))) as parent, listening(parent) as heard:
        step(service, "QD2026-0411-0019", "审核通过")
        until(lambda: told_in(heard) == ["审核通过"])
        time.sleep(3)
        assert told_in(heard) == ["审核通过"]
        assert [case["state"] for case in news_in(parent)] == ["审核通过"]
        assert news_in(parent)[0]["official_quote"]["entry_id"] == "qd-c02"


def test_2_only_the_guardians_own_conversations_hear_of_it_all_of_them(service: Service) -> None:
    own = [Parent(service.base, token=service.token("cq-liu")) for _ in range(2)]
    others = [Parent(service.base, token=service.token(guardian)) for guardian in ("cq-zhang", "nobody")]
    others.append(Parent(service.base, city="chongqing"))
    before = [parent.transcript()["last_seq"] for parent in others]
    step(service, "CQ2026-0415-0108", "审核")
    until(lambda: all([case["state"] for case in news_in(parent)] == ["审核"] for parent in own))
    time.sleep(1.5)
    assert [parent.transcript()["last_seq"] for parent in others] == before
    for parent in (*own, *others):
        parent.close()


def test_3_steps_in_quick_succession_end_in_the_newest_state(service: Service) -> None:
    with closing(Parent(service.base, token=service.token("cq-chen"))) as parent:
        step(service, "CQ2026-0416-0254", "补正", {"item": "户口簿", "reason": "缺少首页"})
        step(service, "CQ2026-0416-0254", "审核")
        until(lambda: bool(news_in(parent)) and news_in(parent)[-1]["state"] == "审核")
        time.sleep(2.5)
        told = [case["state"] for case in news_in(parent)]
        assert told in (["审核"], ["补正", "审核"], ["审核", "审核"])


def test_4_a_conversation_opened_later_is_not_told_old_news(service: Service) -> None:
    with closing(Parent(service.base, token=service.token("cq-liu"))) as parent:
        time.sleep(2.5)
        assert news_in(parent) == []


def test_5_news_between_two_messages_disturbs_neither(service: Service) -> None:
    with closing(Parent(service.base, token=service.token("cq-zhang"))) as parent:
        parent.say("房产证照片传错了怎么办")
        step(service, "CQ2026-0417-0031", "审核")
        turns = [parent.say("注册不了怎么办") for _ in range(8)]
        until(lambda: [case["state"] for case in news_in(parent)] == ["审核"])
        assert all(turn.entries == ["cq-02"] for turn in turns)
        sequence = [one["seq"] for one in parent.transcript()["messages"]]
        assert sequence == list(range(1, len(sequence) + 1))


def test_6_what_was_seen_lately_is_shown_with_its_time_while_the_backend_is_silent(service: Service) -> None:
    known = Parent(service.base, token=service.token("cq-zhang"))
    unknown = Parent(service.base, token=service.token("qd-wang"))
    fresh = known.say("我的报名进度").cases[0]
    backend = service.child("reference backend")
    backend.process.kill()
    backend.process.wait(10)
    turn = known.say("我的报名进度")
    assert (turn.kind, [case["as_of"] for case in turn.cases]) == ("case", [fresh["as_of"]])
    assert "暂时没有回应" in turn.words
    assert unknown.say("我的报名进度").outcome == "case_unavailable"
    promised = unknown.press(Words().say("tell_later_option"))
    assert (promised.kind, promised.outcome) == ("case", "case_will_be_told")
    with closing(Parent(service.base, token=service.token("cq-demo-1"))) as elsewhere:
        offered = elsewhere.say("我的报名进度")
        assert (offered.outcome, offered.entries) == ("case_unavailable", [])
        assert offered.labels == [Words().say("tell_later_option"), Words().say("person_option")]
    with restarted(service):
        until(lambda: [case["state"] for case in news_in(unknown)] == ["审核通过", "已录取"][:1], 10)
        messages = said(unknown)
        shown = [m["application"]["state"] for m in messages[[m.get("text") for m in messages].index(BACK) :][1:3]]
        assert shown == ["审核通过", "已录取"]
        time.sleep(2.5)
        assert [m.get("text") for m in said(unknown)].count(BACK) == 1
        assert BACK not in [m.get("text") for m in said(known)]
    for parent in (known, unknown):
        parent.close()


@contextmanager
def restarted(service: Service) -> Iterator[None]:
    """Run the backend again, on the same database and port."""
    key = service.settings.enrollment_key.get_secret_value()
    log = service.folder / "reference-backend-again.log"
    command = [sys.executable, "-m", "enrollment.reference", "--port", str(service.settings.reference_port)]
    with log.open("ab") as file:
        process = subprocess.Popen(
            [*command, "--database", f"sqlite:///{service.folder / 'enrollment.db'}"],
            cwd=ROOT,
            env={"HELPDESK_ENROLLMENT_KEY": key, "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=file,
        )
    try:
        wait_for(f"{service.settings.enrollment}/health", process, log)
        yield
    finally:
        process.terminate()
        process.wait(15)
