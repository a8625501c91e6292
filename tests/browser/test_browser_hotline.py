"""A hotline agent at work: typing as agents type, reading aloud, recording calls, with crashes and a bad network."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from desk_running import Service, running_app
from hotline_page import CALLS, WATCH_WORDS, Agents, at_the_desk, eventually, first_is, typed_in_steps
from playwright.sync_api import Browser, Error, Page, Route, expect
from test_browser_accessibility import violations

from channels.hotline.routes import PAUSE_MS
from core.settings import ROOT
from knowledge.loader import load_knowledge

pytestmark = [pytest.mark.system, pytest.mark.browser]
ENTRIES = load_knowledge().entries
PICTURES = ROOT / "docs/images"
TOLD = re.compile(r"已转.+，工单号 \d{4}-\d{4}，预计.+前答复；之后记下的，再按 F8 补进工单")
SUGGESTIONS = "**/api/v1/suggestions?*"
FOCUSED = """() => {
  const node = document.activeElement;
  const shown = node.matches('[type=radio]') ? node.nextElementSibling : node;
  const style = shown ? getComputedStyle(shown) : {};
  const isSeen = parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== 'none';
  return node === document.body ? null
    : [node.id || node.name || node.className, isSeen, shown.getBoundingClientRect().left > 1000 ? 2 : 1];
}"""
"""The focused control: its name, whether the focus is to be seen, and its column."""
WATCH_TOUCHES = """() => {
  window.touched = [];
  new MutationObserver((all) => all.forEach((one) => window.touched.push(one.target.className || one.target.data)))
    .observe(document.querySelector('.js-nearest'), { childList: true, characterData: true, subtree: true });
}"""
ADD_SECRET = """() => {
  const meta = document.createElement('meta');
  Object.assign(meta, { name: 'csrf', content: 's3cret' });
  document.head.appendChild(meta);
}"""
TOO_WIDE = """() => [document.scrollingElement, ...document.querySelectorAll('*')]
  .filter((node) => node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0)
  .filter((node) => node === document.scrollingElement || /auto|scroll/.test(getComputedStyle(node).overflowX))
  .filter((node) => !node.matches('input, textarea'))
  .map((node) => `${node.tagName}.${node.className} ${node.scrollWidth} > ${node.clientWidth}`)"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give the HTTP service with a database of its own."""
    with running_app(tmp_path_factory.mktemp("hotline")) as running:
        yield running


@pytest.fixture
def agents(browser: Browser, app: Service) -> Iterator[Agents]:
    with at_the_desk(Agents(browser, app, app.own_token("agent"))) as opened:
        yield opened


def squeezed(text: str) -> str:
    return re.sub(r"[\s→]", "", text)


class TestTyping:
    @pytest.mark.parametrize(
        "steps",
        [
            ["刷脸查不到孩子"],
            ["刷连", "<Backspace>", "脸查补到", "<Backspace>", "<Backspace>", "不到孩子"],
            ["shualian查不到haizi"],
            ["孩子查不到", "<Home>", "刷脸", "<End>", "啊"],
        ],
        ids=["fast", "corrected", "pinyin", "amid"],
    )
    def test_the_right_answer_stands_first_however_it_is_typed(self, agents: Agents, steps: list[str]) -> None:
        page = agents.open()
        assert list(typed_in_steps(page, steps)) == steps
        first_is(page, "cq-10")
        expect(page.locator("#near-1 .js-fit")).to_have_text("吻合")
        expect(page.locator(".js-chosen-question")).to_have_text(ENTRIES["cq-10"].question)

    def test_nothing_moves_and_nothing_is_touched_that_stays_the_same(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.type("刷脸查不到孩子怎么办", delay=60)
        first_is(page, "cq-10")
        page.wait_for_timeout(300)
        page.evaluate(WATCH_TOUCHES)
        with page.expect_response(SUGGESTIONS):
            page.keyboard.type("？")
        page.wait_for_timeout(200)
        assert page.evaluate("window.touched") == []
        page.keyboard.press("Control+A")
        page.keyboard.type("双胞胎怎么报名", delay=30)
        first_is(page, "qd-b12")
        page.wait_for_timeout(600)
        assert len(page.evaluate("window.touched")) > 0
        assert page.evaluate("window.seen.shift") == 0

    def test_suggestions_are_on_the_screen_soon_after_the_pause(self, agents: Agents) -> None:
        page = agents.open()
        for question in ("刷脸查不到孩子", "双胞胎怎么报名", "购房合同传哪几页", "忘记密码", "户口迁了地址没变"):
            waited = []
            for _ in range(6):  # what else the machine does may slow some rounds down, not all of them
                page.fill(".js-question", "")
                page.wait_for_timeout(60)
                page.keyboard.type(question, delay=15)
                waited.append(eventually(lambda: page.evaluate("window.seen.delay")) - PAUSE_MS)
            assert min(waited) <= 100, (question, waited)

    def test_a_late_reply_to_older_words_is_dropped(self, agents: Agents) -> None:
        page = agents.open()
        page.evaluate("AbortController.prototype.abort = () => {}")  # as if the abort came too late
        replies: list[str] = []

        def delay(route: Route) -> None:
            response = route.fetch()
            if not replies:
                replies.append("first")
                page.wait_for_timeout(700)
            replies.append("sent")
            route.fulfill(response=response)

        page.route(SUGGESTIONS, delay)
        page.keyboard.type("双胞胎怎么报名", delay=5)
        page.wait_for_timeout(200)
        page.keyboard.press("Control+A")
        page.keyboard.type("刷脸查不到孩子", delay=5)
        first_is(page, "cq-10")
        page.wait_for_timeout(1200)
        assert len(replies) >= 3
        assert page.locator("#near-1").get_attribute("data-entry") == "cq-10"

    def test_an_input_method_that_composes_has_all_keys_to_itself(self, agents: Agents) -> None:
        page = agents.open()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "suggestions" in request.url else None)
        session = page.context.new_cdp_session(page)
        for text in ("s", "shua", "shua'lian"):
            session.send(
                "Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)}
            )
            page.wait_for_timeout(150)
        assert asked == []
        for key in ("Enter", "Escape", "ArrowDown", "F2"):
            for how in ({"isComposing": True}, {"keyCode": 229}):
                page.dispatch_event(".js-question", "keydown", {"key": key, "bubbles": True, **how})
        assert page.input_value(".js-question") == "shua'lian"
        session.send("Input.insertText", {"text": "刷脸查不到孩子"})
        first_is(page, "cq-10")
        assert len(asked) == 1
        page.wait_for_timeout(1500)
        kinds = {event["kind"] for event in (agents.open_call() or {})["events"]}
        assert kinds == {"displayed"}

    def test_when_none_is_good_enough_it_says_so_above_the_nearest_and_what_to_do(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.type("食堂好吃吗", delay=20)
        verdict = page.locator(".verdict__line:visible")
        expect(verdict).to_contain_text("官方问答没有这一条")
        expect(verdict).to_contain_text("转学校招生咨询团队")
        assert page.locator(".js-near:visible").count() == 3
        assert page.locator(".js-fit").all_inner_texts() == ["不确定"] * 3
        above, first = verdict.bounding_box(), page.locator("#near-1").bounding_box()
        assert above
        assert first
        assert above["y"] + above["height"] <= first["y"]

    def test_the_city_narrows_the_suggestions_and_can_be_switched_by_key(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.type("收不到验证码", delay=20)
        page.wait_for_selector(".js-near:visible")
        for key, cities in (("Alt+0", {"重庆"}), ("Alt+0", {"青岛"})):
            with page.expect_response(SUGGESTIONS):
                page.keyboard.press(key)
            page.wait_for_timeout(150)
            assert set(page.locator(".js-city").all_inner_texts()) == cities
        eventually(lambda: (agents.open_call() or {}).get("city") == "qingdao")
        expect(page.locator(".js-question")).to_be_focused()


class TestReading:
    def test_the_part_that_applies_stands_first_then_the_whole_then_the_text_as_published(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.type("手机上怎么进子女信息维护", delay=20)
        first_is(page, "cq-01")
        parts = page.locator(".chosen__part:visible")
        assert parts.count() == 3
        assert "用手机办理" in parts.nth(0).inner_text()
        steps = parts.nth(0).locator(".steps li").all_inner_texts()
        assert steps[1:] == ["教育入学一件事", "智能导办", "选择区县", "个人空间", "我的子女", "新增子女。"]
        assert page.locator(".js-published").text_content() == ENTRIES["cq-01"].answer

    def test_every_spoken_form_on_the_page_has_the_published_words(self, agents: Agents) -> None:
        page = agents.open()
        for entry in ENTRIES.values():
            with page.expect_response(SUGGESTIONS):
                page.fill(".js-question", entry.question)
            page.wait_for_timeout(30)
            page.locator(f".js-near[data-entry='{entry.id}']").click()
            expect(page.locator(".js-chosen-question")).to_have_text(entry.question)
            assert squeezed(page.locator(".js-spoken").text_content() or "") == squeezed(entry.answer), entry.id
            assert page.locator(".js-published").text_content() == entry.answer
            assert entry.number in page.locator(".js-chosen-source").inner_text()

    def test_words_that_the_caller_used_are_marked(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.type("刷脸查不到孩子", delay=20)
        first_is(page, "cq-10")
        assert page.locator("#near-1 mark").all_inner_texts() == ["刷脸"]

    def test_official_and_reposted_answers_are_told_apart(self, agents: Agents) -> None:
        page = agents.open()
        for question, entry, mark in (("刷脸查不到孩子", "cq-10", "官方"), ("双胞胎怎么报名", "qd-b12", "转载")):
            page.fill(".js-question", question)
            first_is(page, entry)
            assert page.locator("#near-1 .js-tag").inner_text() == mark
            assert ENTRIES[entry].document
            expect(page.locator(".js-chosen-tag")).to_have_text(mark)

    def test_new_suggestions_are_announced_after_the_pause_and_not_at_every_keystroke(self, agents: Agents) -> None:
        page = agents.open()
        page.evaluate(WATCH_WORDS)
        page.keyboard.type("刷脸查不到孩子", delay=150)
        page.wait_for_timeout(1500)
        question = ENTRIES["cq-10"].question
        assert page.evaluate("window.said") == [f"3条建议，第一条：{question}，吻合"]


class TestKeys:
    def test_a_call_goes_by_the_keyboard_alone(self, agents: Agents) -> None:
        page = agents.open(permissions=["clipboard-read", "clipboard-write"])
        page.keyboard.type("刷脸查不到孩子", delay=30)
        first_is(page, "cq-10")
        page.wait_for_timeout(1100)  # displayed
        page.keyboard.press("ArrowDown")
        second = page.locator("#near-2").get_attribute("data-entry")
        expect(page.locator("#near-2")).to_have_attribute("aria-selected", "true")
        expect(page.locator(".js-question")).to_have_attribute("aria-activedescendant", "near-2")
        page.wait_for_timeout(700)  # chosen
        page.keyboard.press("F4")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("F2")
        expect(page.locator(".js-status")).to_have_text("已复制答复和出处")
        page.keyboard.press("Enter")
        expect(page.locator("#near-1 .js-done")).to_have_text("已告知")
        expect(page.locator("#near-2 .js-done")).to_have_text("答非所问")
        expect(page.locator(".js-question")).to_be_focused()
        page.wait_for_timeout(600)
        page.keyboard.press("Escape")
        expect(page.locator(".js-status")).to_contain_text("上一通已记为“已答复”")
        call = eventually(lambda: agents.last_call() if agents.last_call()["ended_at"] else None)
        kinds = {(event["kind"], event["entry_id"]) for event in call["events"]}
        assert {("displayed", "cq-10"), ("copied", "cq-10"), ("told", "cq-10")} <= kinds
        assert {("displayed", second), ("chosen", second), ("wrong", second)} <= kinds
        assert (call["result"], call["questions"]) == ("answered", ["刷脸查不到孩子"])

    def test_one_key_copies_the_answer_with_its_source(self, agents: Agents) -> None:
        page = agents.open(permissions=["clipboard-read", "clipboard-write"])
        page.keyboard.type("购房合同传哪几页", delay=20)
        first_is(page, "cq-16")
        page.keyboard.press("F2")
        expect(page.locator(".js-status")).to_have_text("已复制答复和出处")
        copied = page.evaluate("navigator.clipboard.readText()")
        entry = ENTRIES["cq-16"]
        assert copied.splitlines()[:2] == [entry.question, entry.answer]
        assert all(word in copied for word in ("来源：", "重庆市人民政府网站", "第16条", "官方", "以当年官方通知为准"))

    def test_a_browser_that_forbids_the_clipboard_copies_the_old_way(self, agents: Agents) -> None:
        page = agents.open()
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('forbidden')); }")
        page.keyboard.type("购房合同传哪几页", delay=20)
        first_is(page, "cq-16")
        page.keyboard.press("F2")
        expect(page.locator(".js-status")).to_have_text("已复制答复和出处")
        page.keyboard.press("Control+A")
        page.keyboard.press("Control+V")
        assert ENTRIES["cq-16"].answer in page.input_value(".js-question")

    def test_escape_on_an_untouched_call_stays(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.press("Escape")
        expect(page.locator(".js-status")).to_have_text("这通来电还没有内容")
        assert agents.open_call() is None

    def test_enter_without_a_suggestion_records_nothing(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.press("Enter")
        expect(page.locator(".js-status")).to_have_text("还没有选中答复")

    @pytest.mark.parametrize(("key", "result"), [("Alt+1", "answered"), ("Alt+3", "called_back"), ("Alt+4", "dropped")])
    def test_a_result_is_chosen_by_key_and_kept(self, agents: Agents, key: str, result: str) -> None:
        page = agents.open()
        page.keyboard.type("食堂好吃吗", delay=10)
        page.keyboard.press(key)
        page.keyboard.press("Escape")
        eventually(lambda: agents.last_call()["result"] == result and agents.last_call()["ended_at"])

    def test_the_note_is_one_key_away_and_escape_leads_back(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.press("F9")
        page.keyboard.type("请回电13812345678", delay=10)
        eventually(lambda: (agents.open_call() or {}).get("note") == "请回电[手机号]")
        page.keyboard.press("Escape")
        expect(page.locator(".js-question")).to_be_focused()
        expect(page.locator(".js-note")).to_have_value("请回电[手机号]")

    def test_letters_typed_beside_the_box_go_into_it(self, agents: Agents) -> None:
        page = agents.open()
        page.locator(".js-chosen").click()
        page.keyboard.type("ab", delay=10)
        assert page.input_value(".js-question") == "ab"

    def test_every_control_is_reached_by_tab_in_order_and_shows_its_focus(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.type("刷脸查不到孩子", delay=10)
        first_is(page, "cq-10")
        page.focus("[name=city]:checked")
        page.keyboard.press("Shift+Tab")
        reached = []
        for _ in range(40):
            page.keyboard.press("Tab")
            here = page.evaluate(FOCUSED)
            if here is None or here in reached:
                break
            reached.append(here)
        names = [name for name, _, _ in reached]
        assert [name for name, visible, _ in reached if not visible] == []
        assert names[:4] == ["city", "district", "school", "question"]
        assert {"note", "tab-asked", "result"} <= set(names)
        columns = [column for _, _, column in reached]
        assert columns == sorted(columns), names


class TestCalls:
    def test_a_crash_loses_nothing_and_the_call_is_offered_again(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.type("刷脸查不到孩子", delay=20)
        first_is(page, "cq-10")
        page.keyboard.press("Enter")
        page.keyboard.press("F9")
        page.keyboard.type("家长说孩子在外地出生", delay=10)
        page.wait_for_timeout(1200)
        for process in psutil.Process().children(recursive=True):
            if "--type=renderer" in process.cmdline():
                process.kill()
        with pytest.raises(Error, match="crash"):
            page.wait_for_timeout(3000)
        again = agents.open()
        expect(again.get_by_role("alert")).to_contain_text("上一通来电还没有结束")
        expect(again.get_by_role("alert")).to_contain_text("刷脸查不到孩子")
        again.get_by_role("button", name="接着处理").click()
        expect(again.locator(".js-note")).to_have_value("家长说孩子在外地出生")
        expect(again.locator(".asked__item")).to_contain_text("刷脸查不到孩子")
        expect(again.locator("[name=result][value=answered]")).to_be_checked()
        assert again.locator(".js-timer").inner_text() >= "00:02"
        expect(again.locator(".js-question")).to_be_focused()
        again.keyboard.type("双胞胎怎么报名", delay=10)
        first_is(again, "qd-b12")
        again.keyboard.press("Enter")
        again.keyboard.press("Escape")
        call = eventually(lambda: agents.last_call() if agents.last_call()["ended_at"] else None)
        assert call["questions"] == ["刷脸查不到孩子", "双胞胎怎么报名"]
        assert call["note"] == "家长说孩子在外地出生"

    def test_a_call_left_open_can_be_ended_and_what_was_typed_since_is_the_next(self, agents: Agents) -> None:
        left = agents.api("POST", CALLS, city="chongqing")
        page = agents.open()
        page.keyboard.type("双胞胎怎么报名", delay=10)
        first_is(page, "qd-b12")
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        expect(page.locator(".js-status")).to_contain_text("请先处理上一通来电")
        page.get_by_role("button", name="结束", exact=True).click()
        eventually(lambda: agents.api("GET", f"{CALLS}/{left['id']}")["result"] == "dropped")
        call = eventually(lambda: (agents.open_call() or {}).get("events") and agents.open_call())
        assert call["id"] != left["id"]
        assert "told" in {event["kind"] for event in call["events"]}

    def test_what_stands_unsaved_when_the_page_is_left_is_sent_all_the_same(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.type("户口本", delay=10)
        eventually(agents.open_call)
        page.keyboard.press("F9")
        page.keyboard.type("马上离开", delay=0)
        page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide'))")
        page.context.close()
        eventually(lambda: (agents.open_call() or {}).get("note") == "马上离开")

    def test_a_network_that_fails_is_told_and_nothing_is_lost(self, agents: Agents) -> None:
        page = agents.open(may_log="Failed to load resource")
        page.keyboard.type("刷脸查不到孩子", delay=10)
        first_is(page, "cq-10")
        eventually(agents.open_call)
        page.context.set_offline(True)
        page.keyboard.press("Enter")
        page.keyboard.press("F9")
        page.keyboard.type("断网时写的备注", delay=10)
        expect(page.locator(".js-saved")).to_contain_text("没有保存上，内容还在")
        page.keyboard.press("Escape")
        page.keyboard.press("End")
        page.keyboard.type("啊", delay=10)
        expect(page.locator(".verdict__line:visible")).to_contain_text("网络不通")
        page.keyboard.press("Escape")  # the call ends while the network is away
        expect(page.locator(".js-note")).to_have_value("")
        page.context.set_offline(False)
        expect(page.locator(".js-saved")).to_have_text("已保存", timeout=15_000)
        call = agents.last_call()
        assert (call["note"], call["result"]) == ("断网时写的备注", "answered")
        assert "told" in {event["kind"] for event in call["events"]}

    @pytest.mark.parametrize("when", ["during", "after"])
    def test_one_key_hands_the_call_to_the_school_teams_and_tells_the_tickets_number(
        self, agents: Agents, when: str
    ) -> None:
        page = agents.open()
        page.keyboard.type("食堂好吃吗", delay=10)
        eventually(agents.open_call)
        if when == "after":
            page.keyboard.press("Escape")
            eventually(lambda: agents.last_call()["ended_at"])
        page.keyboard.press("F8")
        expect(page.locator(".js-status")).to_contain_text("请先在上方选定来电人的城市，再按 F8")
        assert agents.last_call()["escalated_at"] is None
        assert page.locator("[name=result][value=escalated]").is_checked() is False
        page.keyboard.press("Alt+0")
        page.select_option("#district", "渝北区")
        page.fill("#school", "实验小学")
        page.focus(".js-question")
        page.keyboard.press("F8")
        expect(page.locator(".js-status")).to_have_text(TOLD)
        call = agents.last_call()
        assert call["ticket"] in page.locator(".js-status").inner_text()
        ticket = agents.ticket_of(call)
        assert (ticket["level"], ticket["school"]) == ("school", "实验小学")
        assert ticket["messages"][0]["text"] == "来电咨询：食堂好吃吗"
        if when == "during":
            page.keyboard.press("Escape")
            expect(page.locator(".js-status")).to_contain_text(f"工单号 {call['ticket']}")
            eventually(lambda: agents.last_call()["result"] == "escalated")

    def test_what_was_just_typed_and_noted_after_it_reaches_the_school(self, agents: Agents) -> None:
        page = agents.open(may_log="Failed to load resource")
        page.keyboard.press("Alt+0")
        page.route(SUGGESTIONS, lambda route: route.abort())  # none come before the key
        page.keyboard.type("食堂好吃吗")
        page.keyboard.press("F8")
        expect(page.locator(".js-status")).to_have_text(TOLD)
        page.keyboard.press("F9")
        page.keyboard.type("孩子过敏")
        page.keyboard.press("Escape")
        page.keyboard.press("F8")
        said = ["来电咨询：食堂好吃吗", "坐席备注：孩子过敏"]
        eventually(lambda: [one["text"] for one in agents.ticket_of(agents.last_call())["messages"]] == said)

    def test_a_school_without_its_district_is_asked_for_it(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.press("Alt+0")
        page.keyboard.type("食堂好吃吗", delay=10)
        eventually(agents.open_call)
        page.fill("#school", "实验小学")
        page.keyboard.press("F8")
        expect(page.locator(".js-status")).to_contain_text("请一并选择区县")
        assert agents.last_call()["escalated_at"] is None

    def test_a_result_alone_hands_nothing_over_and_says_so(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.type("食堂好吃吗", delay=10)
        eventually(agents.open_call)
        page.keyboard.press("Alt+2")
        page.keyboard.press("Escape")
        expect(page.locator(".js-status")).to_contain_text("还没有工单，请按 F8 转学校团队")

    def test_a_call_of_the_day_is_handed_over_to_its_own_city(self, agents: Agents) -> None:
        past = agents.api("POST", CALLS, district=None)
        agents.api("POST", f"{CALLS}/{past['id']}/end", result="called_back")
        page = agents.open()
        page.keyboard.press("Alt+0")
        page.keyboard.press("Alt+0")
        page.keyboard.type("双胞胎怎么报名", delay=10)
        running = eventually(agents.open_call)
        page.keyboard.press("Alt+9")
        line = page.locator(".past").nth(1)
        line.locator("summary").click()
        line.get_by_role("button", name="转学校团队").click()
        expect(page.locator(".js-today-status")).to_contain_text("请先选定这通来电的城市")
        line.get_by_label("城市").select_option("chongqing")
        line.get_by_role("button", name="转学校团队").click()
        expect(page.locator(".js-today-status")).to_contain_text(re.compile(r"工单号 \d{4}-\d{4}"))
        expect(line).to_contain_text(re.compile(r"工单号 \d{4}-\d{4}"))
        assert agents.api("GET", f"{CALLS}/{past['id']}")["city"] == "chongqing"
        assert agents.api("GET", f"{CALLS}/{running['id']}")["city"] == "qingdao"

    def test_the_days_calls_are_found_again_corrected_and_handed_over(self, agents: Agents) -> None:
        page = agents.open()
        page.keyboard.type("户口本要传哪几页", delay=10)
        page.wait_for_selector(".js-near:visible")
        page.wait_for_timeout(1100)
        page.keyboard.press("Escape")
        page.keyboard.press("Alt+9")
        line = page.locator(".past").first
        expect(line).to_contain_text("户口本要传哪几页")
        line.locator("summary").click()
        line.locator("textarea").fill("已回电")
        line.locator("[name=result]").select_option("called_back")
        line.get_by_role("button", name="保存更正").click()
        eventually(lambda: (agents.last_call()["note"], agents.last_call()["result"]) == ("已回电", "called_back"))
        expect(page.locator(".js-today-status")).to_have_text("已更正")
        expect(line.locator("textarea")).to_have_value("已回电")  # it stays open
        line.get_by_role("button", name="转学校团队").click()
        expect(page.locator(".js-today-status")).to_contain_text("请先选定这通来电的城市")
        line.get_by_label("城市").select_option("chongqing")
        line.get_by_role("button", name="转学校团队").click()
        expect(page.locator(".js-today-status")).to_contain_text(re.compile(r"工单号 \d{4}-\d{4}"))
        assert agents.last_call()["city"] == "chongqing"
        page.fill(".js-day", "2020-01-01")
        expect(page.locator(".js-today-empty")).to_be_visible()

    def test_a_session_with_a_secret_sends_it_with_whatever_changes_something(self, agents: Agents) -> None:
        page = agents.open()
        page.evaluate(ADD_SECRET)
        with page.expect_request(f"**{CALLS}") as started:
            page.keyboard.type("户口本", delay=10)
        assert started.value.headers["x-csrf-token"] == "s3cret"


class TestCases:
    def look_up(self, page: Page) -> None:
        page.keyboard.press("Alt+8")
        expect(page.locator("#case-number")).to_be_focused()
        page.keyboard.type("CQ2026-0417-0031")
        page.select_option("#case-city", "chongqing")
        page.select_option("#case-reason", "progress")
        page.get_by_role("button", name="向登记手机发送验证码").click()

    def test_a_backend_that_is_down_is_told_in_words(self, agents: Agents) -> None:
        page = agents.open(may_log="Failed to load resource")
        down = {"error": {"code": "backend_unavailable", "message": "", "details": {}}}
        page.route(re.compile(r"/calls/[^/]+/verification"), lambda route: route.fulfill(status=503, json=down))
        self.look_up(page)
        expect(page.locator(".js-case-status")).to_contain_text("暂时没有响应")


class TestLook:
    @pytest.fixture(params=["light", "dark"])
    def scheme(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_axe_finds_nothing_in_any_state(self, agents: Agents, scheme: str) -> None:
        page = agents.open(color_scheme=scheme)
        assert violations(page) == []
        for question in ("手机上怎么进子女信息维护", "食堂好吃吗", "孩子"):
            page.fill(".js-question", question)
            page.wait_for_timeout(500)
            assert violations(page) == [], question
        page.fill(".js-question", "刷脸查不到孩子")
        first_is(page, "cq-10")
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("F4")
        page.wait_for_timeout(600)
        assert violations(page) == []
        for key in ("Alt+8", "Alt+9"):
            page.keyboard.press(key)
            page.wait_for_timeout(200)
            assert violations(page) == [], key
        page.locator(".past summary").first.click()
        assert violations(page) == []
        again = agents.open(color_scheme=scheme)
        expect(again.get_by_role("alert")).to_be_visible()
        assert violations(again) == []

    def test_it_holds_on_an_office_screen_without_scrolling(self, agents: Agents) -> None:
        page = agents.open(width=1366, height=768)
        page.keyboard.type("双胞胎怎么报名", delay=10)
        first_is(page, "qd-b12")
        assert page.evaluate(TOO_WIDE) == []
        assert page.evaluate("document.scrollingElement.scrollHeight <= innerHeight")
        for box in (page.locator(name).bounding_box() for name in (".js-question", "#near-3", ".js-next", ".keys")):
            assert box
            assert box["y"] + box["height"] <= 768

    @pytest.mark.parametrize(("width", "height"), [(683, 384), (1366, 560), (342, 480)])
    def test_zoomed_or_in_a_low_window_it_stays_usable(self, agents: Agents, width: int, height: int) -> None:
        page = agents.open(width=width, height=height)
        page.keyboard.type("双胞胎怎么报名", delay=10)
        first_is(page, "qd-b12")
        assert page.evaluate(TOO_WIDE) == []
        box = page.locator(".js-question").bounding_box()
        assert box
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        eventually(lambda: agents.last_call()["result"] == "answered")
        for name in (".js-told", ".js-next", "#tab-today"):
            page.locator(name).scroll_into_view_if_needed()
            expect(page.locator(name)).to_be_in_viewport()

    def test_an_open_call_is_offered_in_sight_also_when_zoomed(self, agents: Agents) -> None:
        agents.api("POST", CALLS, city="chongqing")
        page = agents.open(width=683, height=384)
        expect(page.get_by_role("button", name="接着处理")).to_be_in_viewport()


def test_the_page_is_for_agents_only(app: Service, browser: Browser) -> None:
    for role, status in (("agent", 200), ("editor", 403)):
        context = browser.new_context(extra_http_headers={"Authorization": f"Bearer {app.staff_token(role)}"})
        response = context.request.get(f"{app.base}/hotline")
        assert response.status == status
        assert "script-src 'self'" in response.headers["content-security-policy"] if status == 200 else True
        context.close()


def test_many_fast_calls_in_a_row_are_all_kept(agents: Agents) -> None:
    page = agents.open()
    began = time.monotonic()
    for question, entry in (("刷脸查不到孩子", "cq-10"), ("双胞胎怎么报名", "qd-b12")) * 3:
        page.keyboard.type(question, delay=5)
        first_is(page, entry)
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
    expect(page.locator(".js-saved")).to_have_text("已保存")
    calls = agents.api("GET", CALLS)["calls"][:6]
    assert [call["result"] for call in calls] == ["answered"] * 6
    assert [call["questions"] for call in calls] == [["双胞胎怎么报名"], ["刷脸查不到孩子"]] * 3
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(("scheme", "name"), [("light", "hotline.png"), ("dark", "hotline-dark.png")])
def test_the_picture_of_the_page_can_be_taken(agents: Agents, tmp_path: Path, scheme: str, name: str) -> None:
    page = agents.open(color_scheme=scheme)
    page.keyboard.press("Alt+0")
    page.keyboard.type("刷脸查不到孩子", delay=20)
    first_is(page, "cq-10")
    page.keyboard.press("Enter")
    page.keyboard.type("手机上怎么进子女信息维护", delay=20)
    first_is(page, "cq-01")
    page.keyboard.press("Enter")
    page.fill(".js-note", "孩子在外地出生，已告知手动新增")
    page.focus(".js-question")
    page.keyboard.press("End")
    page.wait_for_timeout(1500)
    # Written over only on demand, so that a run of the tests changes no tracked file.
    picture = PICTURES / name if os.environ.get("HELPDESK_TEST_NEW_PICTURE") else tmp_path / name
    page.screenshot(path=picture)
    assert picture.stat().st_size > 20_000
    assert (PICTURES / name).exists()
