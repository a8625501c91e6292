"""The agents' page when the network is slow or gone, when something is refused, and when an agent is faster than it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from desk_running import Service, running_app
from hotline_page import CALLS, WATCH_WORDS, Agents, at_the_desk, eventually, first_is
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = [pytest.mark.system, pytest.mark.browser]
SUGGESTIONS = "**/api/v1/suggestions?*"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give the HTTP service with a database of its own."""
    with running_app(tmp_path_factory.mktemp("trouble")) as running:
        yield running


@pytest.fixture
def agents(browser: Browser, app: Service) -> Iterator[Agents]:
    with at_the_desk(Agents(browser, app, app.own_token("agent"))) as opened:
        yield opened


def held_back(page: Page, address: object) -> list[Route]:
    """Hold back every request to an address until the test lets it go on."""
    held: list[Route] = []
    page.route(address, lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks what it is given
    return held


def arrived(page: Page, held: list[Route]) -> None:
    """Wait until a request is held back, with Playwright at work."""
    eventually(lambda: page.wait_for_timeout(20) or held)


def settled(page: Page) -> Page:
    """Wait until the page knows that no call was left open."""
    with page.expect_response(f"**{CALLS}/open"):
        page.reload()
    return page


def only_possible(route: Route) -> None:
    """Answer as if no entry were sure enough."""
    response = route.fetch()
    found = response.json()
    found["answerable"] = False
    for one in found["suggestions"]:
        one["fit"] = "likely"
    route.fulfill(response=response, json=found)


def of_the_case(name: str) -> re.Pattern[str]:
    return re.compile(rf"{CALLS}/.*/{name}$")


def reply_with(page: Page, name: str, status: int, reply: dict[str, Any]) -> None:
    """Answer every request of a case look-up that ends with that name."""
    page.route(of_the_case(name), lambda route: route.fulfill(status=status, json=reply))


def ask_for_code(page: Page) -> None:
    page.keyboard.press("Alt+8")
    page.fill("#case-number", "CQ2026-0415-0108")
    page.select_option("#case-city", "chongqing")
    page.select_option("#case-reason", "progress")
    page.get_by_role("button", name="向登记手机发送验证码").click()


class TestSuggestionsThatAreLate:
    @pytest.mark.parametrize("key", ["Enter", "F2", "F4"])
    def test_nothing_is_done_with_an_answer_to_older_words(self, agents: Agents, key: str) -> None:
        page = agents.open(permissions=["clipboard-read", "clipboard-write"])
        page.keyboard.type("刷脸查不到孩子", delay=10)
        first_is(page, "cq-10")
        page.keyboard.press("Enter")
        page.evaluate("navigator.clipboard.writeText('before')")
        held = held_back(page, SUGGESTIONS)
        page.keyboard.type("房产证要上传哪几页", delay=10)
        page.keyboard.press(key)
        expect(page.locator(".js-status")).to_contain_text("建议还没有更新")
        assert page.evaluate("navigator.clipboard.readText()") == "before"
        arrived(page, held)
        held[-1].continue_()
        page.unroute(SUGGESTIONS)
        first_is(page, "cq-16")
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        call = eventually(lambda: agents.last_call() if agents.last_call()["ended_at"] else None)
        done = [(one["kind"], one["entry_id"]) for one in call["events"] if one["kind"] in {"told", "copied", "wrong"}]
        assert done == [("told", "cq-10"), ("told", "cq-16")]

    def test_another_city_makes_the_answers_on_the_screen_older_ones(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.type("刷脸查不到孩子", delay=10)
        first_is(page, "cq-10")
        held = held_back(page, SUGGESTIONS)
        page.keyboard.press("Alt+0")
        page.keyboard.press("Enter")
        expect(page.locator(".js-status")).to_contain_text("建议还没有更新")
        arrived(page, held)


class TestCasesThatAreLate:
    CARD: ClassVar = {
        "application": {
            "id": "CQ2026-0415-0108",
            "city": "chongqing",
            "child": "刘*",
            "state": "补正",
            "meaning": "材料要改",
            "since": "2026-04-15T00:00:00Z",
            "school": "某小学",
            "problems": [],
            "window_open": True,
            "window_closes": None,
            "next": "重新上传",
            "then": None,
            "as_of": "2026-04-15T00:00:00Z",
            "official_quote": None,
        },
        "spoken": ["您查询的是某小学的报名"],
    }
    REPLIES: ClassVar = {
        "verification": (202, {"message": "", "resend_after": 30}),
        "code": (200, {"verified": True, "tries_left": 3, "locked": False}),
        "case": (200, CARD),
    }

    @pytest.mark.parametrize("late", REPLIES)
    def test_the_next_caller_is_not_shown_what_was_asked_for_the_one_before(self, agents: Agents, late: str) -> None:
        page = agents.open()
        for name, (status, reply) in self.REPLIES.items():
            if name != late:
                reply_with(page, name, status, reply)
        held = held_back(page, of_the_case(late))
        page.keyboard.type("刷脸查不到孩子", delay=10)
        first_is(page, "cq-10")
        ask_for_code(page)
        if late != "verification":
            page.fill("#case-code", "123456")
            page.keyboard.press("Enter")
        arrived(page, held)
        page.locator(".js-next").click()
        expect(page.locator(".js-saved")).to_have_text("已保存")
        status, reply = self.REPLIES[late]
        with page.expect_response(of_the_case(late)):
            held[0].fulfill(status=status, json=reply)
        page.wait_for_timeout(500)
        assert page.locator(".js-case").inner_text() == ""
        expect(page.locator("#case-code")).to_be_hidden()
        assert page.locator(".js-case-status").inner_text() == ""
        assert agents.open_call() is None
        assert page.locator(".js-state").inner_text() == "等待来电"

    def test_a_case_is_shown_and_belongs_to_the_call_in_which_it_was_asked_for(self, agents: Agents) -> None:
        page = agents.open()
        for name, (status, reply) in self.REPLIES.items():
            reply_with(page, name, status, reply)
        ask_for_code(page)
        page.fill("#case-code", "123456")
        page.keyboard.press("Enter")
        expect(page.locator(".js-case-status")).to_have_text("已核实来电人。")
        expect(page.locator(".js-case")).to_contain_text("某小学")
        call = agents.open_call()
        assert call
        assert page.evaluate("localStorage.getItem('hotline-verified-call')") == call["id"]


class TestCallsThatMeetTrouble:
    def test_a_hand_over_that_is_refused_leaves_the_call_and_its_record_as_they_are(
        self, app: Service, browser: Browser
    ) -> None:
        with at_the_desk(Agents(browser, app, app.own_token("agent", "chongqing"))) as agents:
            page = agents.open(may_log="404")
            page.keyboard.type("刷脸查不到孩子", delay=10)
            first_is(page, "cq-10")
            page.keyboard.press("Alt+0")
            eventually(lambda: (agents.open_call() or {}).get("city") == "qingdao")
            call = agents.open_call()
            assert call
            page.keyboard.press("F8")
            expect(page.locator(".js-status")).to_contain_text("不在您的服务范围内")
            page.keyboard.press("F9")
            page.keyboard.type("转交以后写的备注", delay=10)
            eventually(lambda: (agents.open_call() or {}).get("note") == "转交以后写的备注")
            expect(page.get_by_role("alert")).to_be_hidden()
            page.keyboard.press("Escape")
            page.keyboard.press("Escape")
            eventually(lambda: agents.api("GET", f"{CALLS}/{call['id']}")["ended_at"])

    def test_what_is_refused_is_told_and_not_tried_again_and_the_rest_is_kept(self, agents: Agents) -> None:
        page = agents.open(may_log="422")
        page.keyboard.type("刷脸查不到孩子", delay=10)
        first_is(page, "cq-10")
        refused = {"error": {"code": "malformed_request", "message": "没有这条问答。", "details": {}}}
        page.route("**/events", lambda route: route.fulfill(status=422, json=refused), times=1)
        page.keyboard.press("Enter")
        expect(page.locator(".js-status")).to_contain_text("没有记下：没有这条问答。")
        expect(page.locator(".js-saved")).to_have_text("已保存")
        page.keyboard.press("F4")
        page.keyboard.press("F9")
        page.keyboard.type("仍然记下", delay=10)
        call = eventually(lambda: (agents.open_call() or {}).get("note") and agents.open_call())
        eventually(lambda: "wrong" in {one["kind"] for one in (agents.open_call() or {})["events"]})
        assert "told" not in {one["kind"] for one in call["events"]}

    @pytest.mark.parametrize("left", [False, True], ids=["none left open", "one left open"])
    def test_a_note_typed_before_the_page_knows_of_open_calls_is_kept(self, agents: Agents, left: bool) -> None:
        if left:
            earlier = agents.api("POST", CALLS, city="chongqing")
            agents.api("PATCH", f"{CALLS}/{earlier['id']}", note="先前的备注")
        page = agents.open()
        held = held_back(page, f"**{CALLS}/open")
        page.reload(wait_until="commit")
        arrived(page, held)
        page.keyboard.press("F9")
        page.keyboard.type("刚写的备注", delay=10)
        held[-1].continue_()
        page.unroute(f"**{CALLS}/open")
        if left:
            page.get_by_role("button", name="接着处理").click()
        kept = "先前的备注\n刚写的备注" if left else "刚写的备注"
        eventually(lambda: (agents.open_call() or {}).get("note") == kept)
        expect(page.locator(".js-note")).to_have_value(kept)

    @pytest.mark.parametrize("choice", ["结束", "接着处理"])
    def test_a_note_typed_beside_a_call_in_another_tab_is_kept(self, agents: Agents, choice: str) -> None:
        page = settled(agents.open(may_log="409"))
        other = agents.api("POST", CALLS, city="chongqing")
        agents.api("PATCH", f"{CALLS}/{other['id']}", note="那边的备注")
        page.fill(".js-note", "来电人说手机打不开")
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_role("button", name=choice, exact=True).click()
        kept = "来电人说手机打不开" if choice == "结束" else "那边的备注\n来电人说手机打不开"
        eventually(lambda: (agents.open_call() or {}).get("note") == kept)
        assert ((agents.open_call() or {})["id"] == other["id"]) == (choice == "接着处理")
        expect(page.locator(".js-note")).to_have_value(kept)
        expect(page.locator(".js-state")).to_have_text("通话中")

    def test_while_a_call_in_another_tab_is_offered_the_page_does_not_say_that_one_runs(self, agents: Agents) -> None:
        page = settled(agents.open(may_log="409"))
        agents.api("POST", CALLS, city="chongqing")
        page.keyboard.type("户口本", delay=10)
        expect(page.get_by_role("alert")).to_be_visible()
        assert page.locator(".js-state").text_content() == "等待来电"

    def test_a_note_that_is_typed_without_a_pause_is_saved_meanwhile(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.press("F9")
        for letter in "abcdefghijklmnopqrst":
            page.keyboard.type(letter)
            page.wait_for_timeout(150)
        assert len((agents.open_call() or {})["note"]) >= 5


class TestWhatWasAsked:
    @pytest.mark.parametrize("how", ["failing", "never coming"])
    def test_a_question_without_suggestions_is_recorded(self, agents: Agents, how: str) -> None:
        page = agents.open(may_log="Failed to load resource")
        if how == "failing":
            page.route(SUGGESTIONS, lambda route: route.abort())
        else:
            held_back(page, SUGGESTIONS)
        page.keyboard.type("食堂好吃吗", delay=10)
        page.wait_for_timeout(2000)
        page.keyboard.press("Control+A")
        page.keyboard.type("校车怎么坐", delay=10)
        page.keyboard.press("Escape")
        call = eventually(lambda: agents.last_call() if agents.last_call()["ended_at"] else None)
        assert call["questions"] == ["食堂好吃吗", "校车怎么坐"]
        assert {(one["kind"], one["entry_id"]) for one in call["events"]} == {("asked", "")}

    def test_the_last_question_is_recorded_though_the_call_ends_before_its_suggestions_come(
        self, agents: Agents
    ) -> None:
        page = agents.open()
        page.keyboard.type("刷脸查不到孩子", delay=10)
        first_is(page, "cq-10")
        held_back(page, SUGGESTIONS)
        page.keyboard.press("Control+A")
        page.keyboard.type("校车怎么坐", delay=10)
        page.keyboard.press("Escape")
        call = eventually(lambda: agents.last_call() if agents.last_call()["ended_at"] else None)
        assert call["questions"] == ["刷脸查不到孩子", "校车怎么坐"]

    def test_what_was_pressed_last_counts(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.type("刷脸查不到孩子", delay=10)
        first_is(page, "cq-10")
        for key in ("Enter", "F4", "Enter", "Enter"):
            page.keyboard.press(key)
        expect(page.locator("#near-1 .js-done")).to_have_text("已告知")
        page.keyboard.press("Escape")
        call = eventually(lambda: agents.last_call() if agents.last_call()["ended_at"] else None)
        assert [one["kind"] for one in call["events"] if one["kind"] != "displayed"] == ["told", "wrong", "told"]


class TestWhatTheVerdictSays:
    @pytest.mark.parametrize(
        ("status", "words"),
        [(401, "登录已失效"), (429, "系统暂时没有回应"), (503, "系统暂时没有回应"), (0, "网络不通")],
    )
    def test_why_there_are_no_new_suggestions(self, agents: Agents, status: int, words: str) -> None:
        page = agents.open(may_log="Failed to load resource")
        refused = {"error": {"code": "refused", "message": "", "details": {}}}
        page.route(SUGGESTIONS, lambda route: route.fulfill(status=status, json=refused) if status else route.abort())
        page.keyboard.type("刷脸查不到孩子", delay=10)
        expect(page.locator(".verdict__line:visible")).to_contain_text(words)
        page.unroute(SUGGESTIONS)
        first_is(page, "cq-10")

    def test_a_possible_entry_leaves_the_way_out_that_there_is_none(self, agents: Agents) -> None:
        page = agents.open()
        page.evaluate(WATCH_WORDS)
        page.route(SUGGESTIONS, only_possible)
        page.keyboard.type("刷脸查不到孩子", delay=10)
        expect(page.locator("#near-1 .js-fit")).to_have_text("可能")
        verdict = page.locator(".verdict__line:visible")
        expect(verdict).to_contain_text("还不能确定是哪一条")
        expect(verdict).to_contain_text("若都不是，官方问答没有这一条，按 F8")
        assert eventually(lambda: page.evaluate("window.said.some((text) => text.includes('若都不是'))"))
        box, text = verdict.bounding_box(), verdict.locator("span").bounding_box()
        assert box
        assert text
        assert text["height"] <= box["height"]
