"""A family in each state of both cities opens the page and reads how its application stands."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from desk_running import Service
from playwright.sync_api import Frame, Page, expect

from core import clock
from enrollment.reference.families import Family, read_families
from enrollment.states import Advice, State, states

pytestmark = [pytest.mark.system, pytest.mark.browser]
OpenPage = Callable[..., Page]
ChatIn = Callable[[Page], Frame]
FAMILIES = [family for family in read_families() if len(family.children) == 1]
ENDED = "2025年度第三批次口径,以当年官方通知为准"
REPOST = "转载内容,部分为往年口径,以当年官方通知为准"
OTHER_STAGE = "这份问答只讲小学入学,初中入学请以当年官方通知为准"
PLAIN = re.compile(r"\s|[→·]")


def expected(family: Family) -> tuple[str, State, Advice]:
    """Return the state that the family's application is in, and what is advised."""
    (child,) = family.children
    machine = states().cities[family.city]
    name = list(child.path)[-1]
    window_open = family.window[0] <= 0 < family.window[1]
    state = machine.states[name]
    if not (state.closed and not window_open):
        for rule in machine.problems:
            if name in rule.states and {problem.item for problem in child.problems} & set(rule.items):
                return name, state, rule
    return name, state, state.advice(window_open=window_open)


def open_as(service: Service, open_page: OpenPage, guardian: str, city: str) -> Page:
    """Open the demo page as any family; its form knows only some."""
    page = open_page("/demo")
    page.route("**/demo/token", lambda route: route.fulfill(json={"token": service.token(guardian)}))
    page.goto(f"/demo?city={city}&guardian=cq-zhang")
    return page


def plain(text: str) -> str:
    return PLAIN.sub("", text)


def test_the_families_cover_every_state_of_both_cities() -> None:
    covered = {(family.city, expected(family)[0]) for family in FAMILIES}
    assert covered == {(city, name) for city, machine in states().cities.items() for name in machine.states}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.guardian)
def test_the_card_says_the_state_since_when_what_to_do_and_what_then(
    family: Family, service: Service, open_page: OpenPage, chat_in: ChatIn
) -> None:
    name, state, advice = expected(family)
    chat = chat_in(open_as(service, open_page, family.guardian, family.city))
    chat.get_by_role("button", name="我的报名进度").click()
    card = chat.locator(".card--case")
    expect(card.locator(".facts__state")).to_have_text(name)
    told = plain(card.inner_text())
    (child,) = family.children
    wanted = [state.meaning, advice.next, advice.then or "", advice.quote or "", child.school, child.id]
    wanted += [problem.reason for problem in child.problems]
    if advice.quote:
        wanted += [ENDED, "官方"] if family.city == "chongqing" else [REPOST, "转载"]
    assert [words for words in wanted if plain(words) not in told] == []
    assert child.name not in told
    steps = card.locator(".timeline__state")
    assert steps.all_inner_texts() == (list(child.path) if len(child.path) > 1 else [])


def test_of_two_children_each_is_one_line_that_opens(service: Service, open_page: OpenPage, chat_in: ChatIn) -> None:
    chat = chat_in(open_as(service, open_page, "qd-demo-12", "qingdao"))
    chat.get_by_role("button", name="我的报名进度").click()
    lines = chat.locator("details.card--brief")
    expect(lines).to_have_count(2)
    assert [re.sub(r"\s", "", line)[:9] for line in lines.locator("summary").all_inner_texts()] == [
        "老大金**：已录取",
        "老二金**：待补充",
    ]
    expect(lines.nth(1).locator(".facts__row--problems")).to_be_hidden()
    lines.nth(0).locator("summary").press("Enter")
    expect(lines.nth(0).locator(".card__note")).to_contain_text(OTHER_STAGE)
    lines.nth(1).locator("summary").press("Enter")
    expect(lines.nth(1).locator(".facts__row--problems")).to_contain_text("没有上传")
    expect(lines.nth(1).locator(".card__note")).to_have_text(REPOST)


def test_a_change_appears_in_the_open_page(service: Service, open_page: OpenPage, chat_in: ChatIn) -> None:
    chat = chat_in(open_as(service, open_page, "qd-demo-3", "qingdao"))
    chat.get_by_role("button", name="我的报名进度").click()
    expect(chat.locator(".card--case .facts__state")).to_have_text("初审")
    key = service.settings.enrollment_key.get_secret_value()
    step = f"{service.settings.enrollment}/v1/applications/QD2026-0503-0001/steps"
    headers = {"Authorization": f"Bearer {key}"}
    assert httpx.post(step, json={"to": "审核通过"}, headers=headers, trust_env=False).status_code == 200
    expect(chat.locator(".card--case").nth(1).locator(".facts__state")).to_have_text("审核通过", timeout=8000)
    expect(chat.get_by_text("报名状态有变化")).to_be_visible()
    today = f"{clock.today():%Y}年{clock.today().month}月{clock.today().day}日"
    expect(chat.locator(".card--case").nth(1).locator(".facts__since").first).to_contain_text(today)
