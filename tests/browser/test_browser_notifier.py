"""A signed-in parent's phone: what the open page shows is not told by the notifier, what comes after it closed is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pytest
from desk_running import Service, running_app
from hotline_page import eventually
from notifier_server import KEY, NotifierServer, notifier_up
from parent_client import Parent
from playwright.sync_api import Browser, Frame, Page, expect
from school_page import DISTRICT, Team, at_work

from escalation.rules import Ticket
from staff.roles import Staff

pytestmark = [pytest.mark.system, pytest.mark.browser]
ChatIn = Callable[[Page], Frame]
ADDRESS = f"/demo?city=chongqing&district={DISTRICT}&guardian=cq-liu"
AFTER = 2.0
SIGNED = """() => Object.keys(localStorage).filter((key) => key.endsWith(':signed'))
  .map((key) => JSON.parse(localStorage.getItem(key)).id)[0]"""


@pytest.fixture(scope="module")
def server() -> Iterator[NotifierServer]:
    with notifier_up(NotifierServer()) as up:
        yield up


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory, server: NotifierServer) -> Iterator[Service]:
    """Give a service that has a notifier, without Rasa and backend."""
    values = {"NOTIFIER_URL": server.url, "NOTIFIER_KEY": KEY, "NOTIFIER_AFTER_SECONDS": str(AFTER)}
    overrides = {f"HELPDESK_{name}": value for name, value in values.items()}
    with running_app(tmp_path_factory.mktemp("telling"), **overrides) as running:
        yield running


@pytest.fixture
def team(browser: Browser, telling: Service) -> Iterator[Team]:
    with at_work(Team(browser, telling)) as opened:
        yield opened


def reply(team: Team, ticket: Ticket, wang: Staff, words: str) -> None:
    team.give(ticket, "reply", wang, text=words)


def counted(service: Service) -> str:
    return httpx.get(f"{service.base}/metrics", trust_env=False).text


def test_an_open_page_is_enough_and_a_closed_one_is_told_of_once(
    team: Team, telling: Service, server: NotifierServer, chat_in: ChatIn
) -> None:
    page = team.phone(ADDRESS)
    chat_in(page)
    conversation = eventually(lambda: page.evaluate(SIGNED))
    wang = team.hire("王老师")
    ticket = team.make(conversation_id=conversation)
    team.give(ticket, "claim", wang)
    reply(team, ticket, wang, "请重新获取最新数据。")
    card = chat_in(page).locator(".card--ticket")
    expect(card.last).to_contain_text("请重新获取最新数据", timeout=5000)
    time.sleep(2 * AFTER)
    assert server.got == []
    kept = page.context.storage_state()
    page.context.close()

    reply(team, ticket, wang, "办好了，请再看一下。")
    eventually(lambda: server.taken, 15)
    time.sleep(2 * AFTER)
    assert [(one["guardian"], one["city"], one["number"]) for one in server.got] == [
        ("cq-liu", "chongqing", ticket.number)
    ]
    assert server.faults == []
    assert "请再看一下".encode() not in server.raw[0]
    for outcome in ("seen", "taken"):
        assert f'helpdesk_notifications_total{{outcome="{outcome}"}} 1.0' in counted(telling)
    page = team.phone(ADDRESS, kept)
    expect(chat_in(page).locator(".card--ticket", has_text="办好了")).to_have_count(1)


def test_a_notifier_that_hangs_delays_neither_chat_nor_desk(
    team: Team, telling: Service, server: NotifierServer
) -> None:
    wang = team.hire("王老师")
    asked = len(server.got)
    server.answers.clear()
    with closing(Parent(telling.base, token=telling.token("cq-chen"))) as away:
        ticket = team.make(conversation_id=away.id)
        team.give(ticket, "claim", wang)
        reply(team, ticket, wang, "请重新获取最新数据。")
        eventually(lambda: len(server.got) == asked + 1, 15)  # and now it hangs
        with closing(Parent(telling.base, city="chongqing")) as other:
            begun = time.monotonic()
            assert other.say("刷脸查不到孩子").entries == ["cq-10"]
            reply(team, ticket, wang, "还有一句。")
            eventually(lambda: "还有一句" in str(away.transcript()), 3)
            assert time.monotonic() - begun < 4
    server.answers.set()


def test_who_only_asks_for_what_is_new_has_seen_it_too(team: Team, telling: Service, server: NotifierServer) -> None:
    wang = team.hire("王老师")
    with closing(Parent(telling.base, token=telling.token("cq-zhang"))) as asking:
        ticket = team.make(conversation_id=asking.id)
        team.give(ticket, "claim", wang)
        reply(team, ticket, wang, "请重新获取最新数据。")
        eventually(lambda: "请重新获取" in str(asking.transcript()))
        time.sleep(2 * AFTER)
        assert ticket.number not in {one["number"] for one in server.got}
        reply(team, ticket, wang, "还有一句。")
        eventually(lambda: ticket.number in {one["number"] for one in server.got}, 15)
