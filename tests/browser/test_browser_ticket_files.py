"""Files on tickets in real browsers: from a parent's phone to the teacher and back, over lines that break."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from desk_running import Service
from hotline_page import eventually
from PIL import Image, ImageDraw
from playwright.sync_api import Frame, Locator, Page, Route, expect
from school_page import DISTRICT, Team, act, open_ticket
from sqlalchemy import delete
from sqlalchemy import text as sql
from test_browser_accessibility import violations
from ticket_staff import TicketStaff

from bot.actions.words import Words
from core.settings import ROOT
from escalation.attachments import ATTACHMENTS
from escalation.listing import Reach
from escalation.rules import Ticket
from staff.roles import Staff
from tests.escalation.files_made import image, pdf

pytestmark = [pytest.mark.system, pytest.mark.browser]
OpenPage = Callable[..., Page]
ChatIn = Callable[[Page], Frame]
Say = Callable[[Frame, str], None]
SAY = Words().say
PICTURES = ROOT / "docs/images"
SCHEMES = ("light", "dark")
TOO_SMALL = """() => [...document.querySelectorAll('button, a[href], input')]
  .filter((node) => node.checkVisibility({visibilityProperty: true}))
  .map((node) => ({what: node.outerHTML.slice(0, 90), box: node.getBoundingClientRect()}))
  .filter(({box}) => box.width > 0 && (box.width < 43.5 || box.height < 43.5))
  .map(({what, box}) => `${what} ${box.width}x${box.height}`)"""
TOO_WIDE = """() => [document.scrollingElement, ...document.querySelectorAll('*')]
  .filter((node) => node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0)
  .filter((node) => node === document.scrollingElement || /auto|scroll/.test(getComputedStyle(node).overflowX))
  .filter((node) => !node.matches('input, textarea, .visually-hidden'))
  .map((node) => `${node.tagName}.${node.className} ${node.scrollWidth} > ${node.clientWidth}`)"""
UPLOADS = re.compile(r"/attachments\?waiting=")
STILL_SENDING = "上一步正在发送，请稍候再按。"
IS_DRAWN = "node => node.complete && node.naturalWidth > 0"
File = dict[str, Any]
LOCKED = pdf(password="geheim")


def picture(name: str = "户口本.jpg", content: bytes | None = None) -> File:
    return {"name": name, "mimeType": "image/jpeg", "buffer": content or image(size=(800, 600))}


def document(name: str = "房产证明.pdf", content: bytes | None = None) -> File:
    return {"name": name, "mimeType": "application/pdf", "buffer": content or pdf()}


def noise(side: int) -> bytes:
    """Return a PNG that can't be packed: about three bytes a pixel."""
    return image("PNG", (side, side), compress_level=0)


def check_looks(place: Page | Frame) -> None:
    assert violations(place) == []
    assert place.evaluate(TOO_WIDE) == []


def choose(chat: Page | Frame, *files: File) -> None:
    """Press the newest card's button, and choose files in the phone's own picker."""
    page = chat if isinstance(chat, Page) else chat.page
    with page.expect_file_chooser() as chooser:
        chat.get_by_role("button", name="添加图片或 PDF").last.click()
    assert chooser.value.is_multiple()
    chooser.value.set_files(list(files))  # type: ignore[arg-type]


def press(chat: Frame, name: str) -> None:
    """Press the newest button of that name and wait for the reply."""
    replies = chat.locator(".said--bot").count()
    chat.get_by_role("button", name=name, exact=True).last.click()
    expect(chat.locator(".said--bot")).to_have_count(replies + 1, timeout=10_000)
    chat.wait_for_selector(".js-send:not([disabled])")


def send_as_staff(staff: TicketStaff, ticket_id: str, file: File, to_parent: bool = True) -> None:
    answer = staff.http.post(
        f"/api/v1/tickets/{ticket_id}/attachments",
        params={"to_parent": to_parent},
        content=file["buffer"],
        headers={"X-File-Name": quote(file["name"])},
    )
    assert answer.status_code == 201, answer.text


def kept_conversation(page: Page) -> dict[str, str]:
    """Return id and secret of the page's conversation."""
    kept = page.evaluate(
        "() => localStorage.getItem(Object.keys(localStorage).find((key) => key.includes('conversation:')))"
    )
    found: dict[str, str] = json.loads(kept)
    return found


def open_chat(page: Page, team: Team) -> Ticket:
    """Give the conversation of a chat page a ticket, and wait for its card."""
    page.wait_for_selector(".js-send:not([disabled])")
    ticket = team.make(conversation_id=kept_conversation(page)["id"])
    expect(page.locator(f".card--ticket[data-ticket='{ticket.id}']")).to_be_visible(timeout=15_000)
    return ticket


def names_of(team: Team, ticket: Ticket) -> list[str]:
    """Return the names of the files on a ticket."""
    return [one.name for one in team.desk.read(ticket.id, Reach()).attachments]


def steps_of(team: Team, ticket: Ticket) -> list[str]:
    """Return the kinds of a ticket's steps."""
    return [one.kind for one in team.desk.read(ticket.id, Reach()).events]


class BreakingLine:
    """A line to the service on which files are cut off: in the `middle` of their way, or before the `reply` is back.

    A browser itself tries once more where an old connection breaks, so it is cut until `cut` is empty again.
    """

    def __init__(self, base: str) -> None:
        self.target = int(base.rsplit(":", 1)[1])
        self.cut, self.cuts = "", 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self.target))
        lost = threading.Event()
        back = threading.Thread(target=self._carry_back, args=(server, client, lost), daemon=True)
        back.start()
        with suppress(OSError), closing(client), closing(server):
            sent = 0
            while part := client.recv(65536):
                if b"/attachments" in part.split(b"\r\n", 1)[0] and part.startswith(b"POST"):
                    sent = 1
                if sent and self.cut == "reply":
                    lost.set()
                if sent > 200_000 and self.cut == "middle":
                    self.cuts += 1
                    return
                sent += len(part) if sent else 0
                server.sendall(part)

    def _carry_back(self, server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while part := server.recv(65536):
                if lost.is_set():
                    self.cuts += 1
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(part)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)


@pytest.fixture
def line(service: Service) -> Iterator[BreakingLine]:
    with closing(BreakingLine(service.base)) as made:
        yield made


@pytest.fixture
def phone(open_page: OpenPage, chat_in: ChatIn, say: Say) -> Page:
    """Give a phone whose chat has made a ticket by its form."""
    page = open_page("/demo?city=chongqing", width=360, height=740)
    chat = chat_in(page)
    say(chat, "转人工")
    press(chat, SAY("ticket_option"))
    for words in ("渝北区", "渝北区第一实验小学", "户口簿照片一直传不上去，提示文件太大"):
        say(chat, words)
    press(chat, SAY("ticket_send_option"))
    return page


def paper(color: str) -> bytes:
    """Return the photograph of a page that was never printed."""
    made = Image.new("RGB", (800, 600), color)
    draw = ImageDraw.Draw(made)
    draw.rectangle((60, 50, 740, 550), fill="#f6f1e3")
    draw.rectangle((300, 90, 500, 140), fill=color)
    for row in range(6):
        draw.line((120, 210 + 55 * row, 680 - 90 * (row % 3), 210 + 55 * row), fill="#8d8779", width=12)
    out = io.BytesIO()
    made.save(out, "JPEG")
    return out.getvalue()


def take(page: Page, name: str, tmp_path: Path) -> None:
    """Take a picture; written over only on demand, so that a run of the tests changes no tracked file."""
    page.wait_for_timeout(500)
    taken = PICTURES / name if os.environ.get("HELPDESK_TEST_NEW_PICTURE") else tmp_path / name
    page.screenshot(path=taken)
    assert taken.stat().st_size > 10_000
    assert (PICTURES / name).exists()


def looks_at_files(team: Team) -> int:
    """Return how often staff have looked at files, as the audit log knows it."""
    with team.engine.connect() as connection:
        return int(
            connection.execute(sql("SELECT count(*) FROM audit_log WHERE shown = 'ticket attachment'")).scalar_one()
        )


class TestParent:
    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_from_the_phones_picker_to_the_teacher_and_back_and_again_after_a_reload(
        self, service: Service, phone: Page, chat_in: ChatIn, tmp_path: Path, scheme: str
    ) -> None:
        phone.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page, chat = phone, chat_in(phone)
        choose(chat, picture("户口本.jpg", paper("#8a5a2b")), document())
        mine = chat.locator(".said--parent .file")
        expect(mine).to_have_count(2)
        expect(mine.first).to_contain_text("户口本.jpg")
        expect(mine.last).to_contain_text("房产证明.pdf")
        expect(chat.locator(".said--parent").last).to_contain_text(re.compile(r"已加到工单 \d{4}-\d{4}"))
        expect(chat.locator(".js-uploads")).to_be_hidden()
        shown = mine.first.get_by_role("img", name="图片：户口本.jpg，点按放大")
        shown.scroll_into_view_if_needed()
        eventually(lambda: shown.evaluate(IS_DRAWN))
        ticket_id = str(chat.locator(".card--ticket").first.get_attribute("data-ticket"))
        page.reload()
        chat = chat_in(page)
        expect(chat.locator(".said--parent .file")).to_have_count(2)
        with closing(TicketStaff(service)) as staff:
            told = staff.read(ticket_id)["attachments"]
            assert [(one["name"], one["role"]) for one in told] == [
                ("户口本.jpg", "parent"),
                ("房产证明.pdf", "parent"),
            ]
            staff.give("claim", ticket_id)
            send_as_staff(staff, ticket_id, picture("样张.jpg", paper("#2b5a8a")))
            card = chat.locator(".card--ticket")
            expect(card).to_have_count(2, timeout=15_000)
            chat.locator(".js-attach").scroll_into_view_if_needed()
            eventually(lambda: card.last.locator("img").evaluate(IS_DRAWN))
            take(page, "chat-files.png" if scheme == "light" else "chat-files-dark.png", tmp_path)
            send_as_staff(staff, ticket_id, document("填写说明.pdf"))
            send_as_staff(staff, ticket_id, picture("内部.jpg"), to_parent=False)
        expect(card).to_have_count(3, timeout=15_000)
        expect(card.nth(1)).to_contain_text("工作人员发来的文件")
        expect(card.nth(1)).to_contain_text("样张.jpg")
        expect(chat.locator(".talk")).not_to_contain_text("内部")
        card.nth(1).scroll_into_view_if_needed()
        thumbnail = card.nth(1).get_by_role("button")
        eventually(lambda: thumbnail.locator("img").evaluate(IS_DRAWN))
        assert thumbnail.locator("img").evaluate("node => node.naturalWidth") == 480
        for size in ("特大", "标准"):
            chat.get_by_role("button", name=size, exact=True).click()
            check_looks(chat)
            assert chat.evaluate(TOO_SMALL) == []
        self.look_at_the_picture(chat, thumbnail)
        with page.expect_download() as saved:
            card.nth(2).get_by_role("link", name="填写说明.pdf").click()
        assert saved.value.suggested_filename == "填写说明.pdf"
        assert Path(saved.value.path()).read_bytes().startswith(b"%PDF-")

    def look_at_the_picture(self, chat: Frame, thumbnail: Locator) -> None:
        thumbnail.focus()
        chat.page.keyboard.press("Enter")
        viewer = chat.get_by_role("dialog", name="查看图片")
        large = viewer.get_by_role("img", name="图片：样张.jpg")
        eventually(lambda: large.evaluate("node => node.naturalWidth") == 800)
        viewer.get_by_role("button", name="放大").click()
        assert large.evaluate("node => node.getBoundingClientRect().width > innerWidth")
        assert violations(chat) == []
        assert chat.evaluate(TOO_SMALL) == []
        chat.page.keyboard.press("Escape")
        expect(viewer).to_be_hidden()
        expect(thumbnail).to_be_focused()

    def test_what_is_too_large_or_of_another_kind_is_refused_before_anything_is_sent(
        self, team: Team, open_page: OpenPage
    ) -> None:
        page = open_page("/widget?city=chongqing")
        ticket = open_chat(page, team)
        sent: list[str] = []
        page.on("request", lambda one: sent.append(one.url) if "/attachments" in one.url else None)
        refused = [
            (picture("太大.jpg", b"\xff\xd8" + bytes(11 * 1024**2)), "文件超过 10 MB，请压缩或截图后再传。"),
            ({"name": "表.xlsx", "mimeType": "application/zip", "buffer": b"PK"}, "只能上传图片（JPG、PNG、WebP）"),
            ({"name": "相片.HEIC", "mimeType": "image/heic", "buffer": b"x"}, "暂不支持 HEIC 格式的照片"),
            ({"name": "空.pdf", "mimeType": "application/pdf", "buffer": b""}, "文件是空的"),
        ]
        choose(page, *(file for file, _ in refused))
        items = page.locator(".upload")
        expect(items).to_have_count(4)
        for item, (file, words) in zip(items.all(), refused, strict=True):
            expect(item).to_contain_text(file["name"])
            expect(item.locator("[role=status]")).to_contain_text(words)
            expect(item.get_by_role("button", name="重试")).to_have_count(0)
        for size in ("标准", "特大"):
            page.get_by_role("button", name=size, exact=True).click()
            check_looks(page)
            assert page.evaluate(TOO_SMALL) == []
        for file, _ in refused:
            page.get_by_role("button", name=f"移除：{file['name']}").click()
        expect(page.locator(".js-uploads")).to_be_hidden()
        expect(page.locator(".js-scroll")).to_be_focused()
        assert (sent, names_of(team, ticket)) == ([], [])

    def test_what_the_server_refuses_is_told_in_its_words_and_the_next_file_goes_on(
        self, team: Team, open_page: OpenPage
    ) -> None:
        page = open_page("/widget?city=chongqing", may_log="422")
        ticket = open_chat(page, team)
        choose(page, document("加密.pdf", LOCKED), document("说明.pdf"))
        expect(page.locator(".upload")).to_have_count(1)
        expect(page.locator(".upload [role=status]")).to_contain_text("这个 PDF 加了密")
        expect(page.get_by_role("button", name="重试：加密.pdf")).to_have_count(0)
        expect(page.locator(".said--parent .file")).to_contain_text("说明.pdf")
        assert names_of(team, ticket) == ["说明.pdf"]

    @pytest.mark.parametrize("cut", ["middle", "reply"])
    def test_a_line_that_breaks_loses_nothing_and_a_retry_keeps_one_file(
        self, team: Team, open_page: OpenPage, line: BreakingLine, cut: str
    ) -> None:
        page = open_page(f"{line.base}/widget?city=chongqing", may_log="ERR_")
        ticket = open_chat(page, team)
        line.cut = cut
        choose(page, {"name": "长图.png", "mimeType": "image/png", "buffer": noise(1200)})
        item = page.locator(".upload")
        expect(item.locator("[role=status]")).to_have_text("网络不通，没有发出。文件还在，请重试。", timeout=20_000)
        check_looks(page)
        assert page.evaluate(TOO_SMALL) == []
        assert line.cuts > 0
        line.cut = ""
        assert len(names_of(team, ticket)) == (1 if cut == "reply" else 0)
        page.get_by_role("button", name="重试：长图.png").click()
        expect(item).to_have_count(0, timeout=20_000)
        expect(page.locator(".said--parent .file")).to_have_count(1)
        assert names_of(team, ticket) == ["长图.png"]

    def test_a_file_for_a_conversation_that_is_no_more_is_refused_and_not_to_be_tried_again(
        self, team: Team, open_page: OpenPage
    ) -> None:
        page = open_page("/widget?city=chongqing", may_log="401")
        ticket = open_chat(page, team)
        # To a wrong secret the service says what it says of a conversation that was erased.
        page.route(
            "**/attachments?*",
            lambda route: route.continue_(headers={**route.request.headers, "authorization": "Bearer another"}),
        )
        choose(page, document(), picture())
        told = page.locator(".upload [role=status]")
        expect(told).to_have_text(["这次咨询已失效，请重新打开后再传。"] * 2)
        expect(page.get_by_role("button", name="重试")).to_have_count(0)
        check_looks(page)
        assert names_of(team, ticket) == []

    def test_progress_is_seen_and_what_is_removed_half_way_is_not_kept(self, team: Team, open_page: OpenPage) -> None:
        page = open_page("/widget?city=chongqing", may_log="ERR_")
        ticket = open_chat(page, team)
        slow = page.context.new_cdp_session(page)
        slow.send("Network.enable")
        limits = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 60_000}
        slow.send("Network.emulateNetworkConditions", limits)
        choose(page, {"name": "长图.png", "mimeType": "image/png", "buffer": noise(1000)}, picture())
        bar = page.get_by_role("progressbar", name="长图.png 的发送进度")
        eventually(lambda: 0 < bar.evaluate("node => node.value") < 100, 15)
        expect(page.locator(".upload").last).to_contain_text("等待发送")
        page.get_by_role("button", name="移除：长图.png").click()
        slow.send("Network.emulateNetworkConditions", {**limits, "uploadThroughput": -1})
        expect(page.locator(".upload")).to_have_count(0, timeout=15_000)
        expect(page.locator(".said--parent .file")).to_have_count(1)
        assert names_of(team, ticket) == ["户口本.jpg"]

    def test_the_button_stands_on_a_tickets_last_card_and_goes_with_its_end(
        self, team: Team, open_page: OpenPage
    ) -> None:
        page = open_page("/widget?city=chongqing")
        ticket, wang = open_chat(page, team), team.hire("王老师")
        button = page.get_by_role("button", name="添加图片或 PDF")
        team.give(ticket, "claim", wang)
        team.give(ticket, "reply", wang, text="请再传一次照片。")
        expect(page.locator(".card--ticket")).to_have_count(2, timeout=15_000)
        expect(button).to_have_count(1)
        expect(page.locator(".card--ticket").last.get_by_role("button")).to_have_count(1)
        team.give(ticket, "resolve", wang, text="已办好。")
        expect(page.locator(".card--ticket")).to_have_count(3, timeout=15_000)
        expect(button).to_have_count(0)

    def test_a_new_conversation_takes_nothing_of_the_old_one(self, team: Team, open_page: OpenPage) -> None:
        page = open_page("/widget?city=chongqing", may_log="404")
        open_chat(page, team)
        choose(page, picture(), {"name": "表.xlsx", "mimeType": "application/zip", "buffer": b"PK"})
        expect(page.locator(".said--parent .file")).to_have_count(1)
        expect(page.locator(".upload")).to_have_count(1)
        file_id = page.locator(".file").get_attribute("data-file")
        page.get_by_role("button", name="重新开始").click()
        page.get_by_role("button", name="结束并重新开始").click()
        expect(page.locator(".upload")).to_have_count(0)
        expect(page.locator(".file")).to_have_count(0)
        page.wait_for_selector(".js-send:not([disabled])")
        status = page.evaluate(
            """([{ id, secret }, file]) => fetch(`/api/v1/conversations/${id}/attachments/${file}`,
              { headers: { Authorization: `Bearer ${secret}` } }).then((answer) => answer.status)""",
            [kept_conversation(page), file_id],
        )
        assert status == 404

    def test_a_file_that_was_erased_is_said_to_be_gone(self, team: Team, open_page: OpenPage) -> None:
        page = open_page("/widget?city=chongqing", may_log="404")
        ticket = open_chat(page, team)
        choose(page, document())
        expect(page.locator(".said--parent .file")).to_have_count(1)
        with team.engine.begin() as connection:
            connection.execute(delete(ATTACHMENTS).where(ATTACHMENTS.c.ticket_id == ticket.id))
        page.get_by_role("link", name="房产证明.pdf").click()
        expect(page.locator(".file [role=status]")).to_have_text("这个文件已不在了。")


def choose_for(page: Page, act: str, *files: File) -> None:
    """Choose files for a command's form, which is open."""
    with page.expect_file_chooser() as chooser:
        page.locator(f"#form-{act}").get_by_role("button", name="添加图片或 PDF").click()
    chooser.value.set_files(list(files))  # type: ignore[arg-type]


def claimed(team: Team, **more: Any) -> tuple[Ticket, Staff]:
    """Give a ticket that a teacher has in hand."""
    ticket, wang = team.make(**more), team.hire("王老师")
    return team.give(ticket, "claim", wang), wang


def lose_the_answer(route: Route) -> None:
    """Let a request through, and lose what comes back."""
    route.fetch()
    route.abort()


class TestTeacher:
    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_a_reply_brings_its_files_and_the_parent_gets_all_of_it_on_one_card(
        self, team: Team, open_page: OpenPage, tmp_path: Path, scheme: str
    ) -> None:
        chat = open_page("/widget?city=chongqing")
        ticket = open_chat(chat, team)
        choose(chat, picture("户口本.jpg", paper("#8a5a2b")), document())
        expect(chat.locator(".said--parent .file")).to_have_count(2)
        wang = team.hire("王老师")
        team.give(ticket, "claim", wang)
        page = team.open(wang, f"/school?ticket={ticket.id}", color_scheme=scheme)
        theirs = page.locator(".step .file")
        expect(theirs).to_have_count(2)
        eventually(lambda: theirs.first.get_by_role("img").evaluate(IS_DRAWN))
        page.click(".js-act[data-act=reply]")
        page.fill("#form-reply textarea", "照片有反光，请照样张重新拍一张。")
        sample = picture("样张.jpg", paper("#2b5a8a"))
        choose_for(page, "reply", sample, document("拿错了.pdf"), document("填写说明.pdf"))
        chosen = page.locator("#form-reply .chosen")
        expect(chosen).to_have_count(3)
        page.get_by_role("button", name="移除：拿错了.pdf").click()
        expect(chosen).to_have_count(2)
        expect(page.locator("#form-reply .js-choose-files")).to_be_focused()
        check_looks(page)
        theirs.first.scroll_into_view_if_needed()
        name = "school-files.png" if scheme == "light" else "school-files-dark.png"
        take(page, name, tmp_path)
        page.set_viewport_size({"width": 683, "height": 384})
        check_looks(page)
        page.set_viewport_size({"width": 1366, "height": 768})
        page.click("#form-reply [type=submit]")
        expect(page.locator(".js-status")).to_have_text("已答复家长。")
        expect(page.locator(".step").last.locator(".file")).to_have_count(2)
        eventually(lambda: page.locator(".step").last.get_by_role("img").evaluate(IS_DRAWN))
        check_looks(page)
        card = chat.locator(".card--ticket").last
        expect(card.locator("[data-slot=text]")).to_have_text("照片有反光，请照样张重新拍一张。", timeout=15_000)
        expect(card.locator(".file__name")).to_have_text(["样张.jpg", "填写说明.pdf"])
        expect(chat.locator(".card--ticket")).to_have_count(2)
        assert names_of(team, ticket) == ["户口本.jpg", "房产证明.pdf", "样张.jpg", "填写说明.pdf"]

    def test_a_file_opens_in_a_new_tab_is_fetched_once_and_each_look_is_recorded(
        self, team: Team, open_page: OpenPage
    ) -> None:
        chat = open_page("/widget?city=chongqing")
        ticket = open_chat(chat, team)
        choose(chat, picture())
        expect(chat.locator(".said--parent .file")).to_have_count(1)
        before = looks_at_files(team)
        page = team.open(team.hire("王老师"), f"/school?ticket={ticket.id}")
        shown = page.locator(".step .file").get_by_role("link", name="图片：户口本.jpg（在新标签页打开）")
        eventually(lambda: shown.get_by_role("img").evaluate(IS_DRAWN))
        act(page, "claim")
        expect(page.locator(".js-holder")).to_have_text("我在处理")
        eventually(lambda: shown.get_by_role("img").evaluate(IS_DRAWN))
        assert looks_at_files(team) == before + 1
        with page.context.expect_page() as opened:
            shown.focus()
            page.keyboard.press("Enter")
        tab = opened.value
        tab.wait_for_load_state()
        assert tab.evaluate("document.contentType") == "image/jpeg"
        assert tab.evaluate("document.images[0].naturalWidth") == 800
        assert tab.evaluate("window.opener") is None
        assert looks_at_files(team) == before + 2
        stranger = team.hire("外校老师", scope=f"chongqing/{DISTRICT}/另一所{team.school}")
        other = team.open(stranger, may_log="404")
        link = str(shown.get_attribute("href"))
        assert other.request.get(link).status == 404
        assert looks_at_files(team) == before + 2

    def test_a_note_brings_files_that_the_parent_does_not_get(self, team: Team, open_page: OpenPage) -> None:
        chat = open_page("/widget?city=chongqing")
        ticket = open_chat(chat, team)
        page = team.open(team.hire("王老师"), f"/school?ticket={ticket.id}")
        page.click(".js-act[data-act=note]")
        expect(page.locator("#form-transfer").get_by_text("添加图片或 PDF")).to_have_count(0)
        choose_for(page, "note", document("内部核对.pdf"))
        page.click("#form-note [type=submit]")  # a file needs no words
        expect(page.locator(".js-status")).to_have_text("已保存备注。")
        last = page.locator(".step").last
        expect(last.locator(".words__text")).to_have_text("（PDF 文件）内部核对.pdf")
        link = last.get_by_role("link", name="内部核对.pdf")
        with page.expect_download() as saved:
            link.click()
        assert Path(saved.value.path()).read_bytes().startswith(b"%PDF-")
        chat.wait_for_timeout(2500)
        expect(chat.locator(".card--ticket")).to_have_count(1)
        file_id = str(link.get_attribute("href")).rsplit("/", 1)[1]
        kept = kept_conversation(chat)
        address = f"/api/v1/conversations/{kept['id']}/attachments/{file_id}"
        assert chat.request.get(address, headers={"Authorization": f"Bearer {kept['secret']}"}).status == 404

    def test_what_can_not_be_taken_is_refused_at_once_and_holds_the_reply_back(self, team: Team) -> None:
        ticket, wang = claimed(team)
        page = team.open(wang, f"/school?ticket={ticket.id}", may_log="422")
        sent: list[str] = []
        page.on("request", lambda one: sent.append(one.url) if one.method == "POST" else None)
        page.click(".js-act[data-act=reply]")
        page.fill("#form-reply textarea", "请看附件。")
        choose_for(page, "reply", picture("太大.jpg", b"\xff\xd8" + bytes(11 * 1024**2)), document("加密.pdf", LOCKED))
        expect(page.locator(".chosen").first).to_contain_text("文件超过 10 MB，请压缩或截图后再选。")
        page.click("#form-reply [type=submit]")
        expect(page.locator(".js-problem")).to_have_text("请先移除不能发送的文件。")
        assert [one for one in sent if "presence" not in one] == []
        page.get_by_role("button", name="移除：太大.jpg").click()
        page.click("#form-reply [type=submit]")
        expect(page.locator(".js-problem")).to_contain_text("这个 PDF 加了密")
        expect(page.locator(".chosen")).to_contain_text("这个 PDF 加了密")
        expect(page.locator("#form-reply textarea")).to_have_value("请看附件。")
        check_looks(page)
        assert team.now(ticket).version == ticket.version

    @pytest.mark.parametrize("cut", ["middle", "reply"])
    def test_a_line_that_breaks_costs_neither_words_nor_files(self, team: Team, line: BreakingLine, cut: str) -> None:
        ticket, wang = claimed(team)
        other = team.make()
        page = team.open(wang, f"{line.base}/school?ticket={ticket.id}", may_log="ERR_")
        line.cut = cut
        page.click(".js-act[data-act=reply]")
        page.fill("#form-reply textarea", "请看长图。")
        choose_for(page, "reply", {"name": "长图.png", "mimeType": "image/png", "buffer": noise(1200)})
        page.click("#form-reply [type=submit]")
        expect(page.locator(".chosen")).to_contain_text("没有发出，再按发送时会重试。", timeout=20_000)
        expect(page.locator(".js-problem")).to_contain_text("您写的内容还在")
        assert line.cuts > 0
        line.cut = ""
        open_ticket(page, other)
        expect(page.locator(".chosen")).to_have_count(0)
        open_ticket(page, ticket)
        expect(page.locator(".chosen")).to_contain_text("长图.png")
        expect(page.locator("#form-reply textarea")).to_have_value("请看长图。")
        page.click("#form-reply [type=submit]")
        expect(page.locator(".js-status")).to_have_text("已答复家长。")
        assert names_of(team, ticket) == ["长图.png"]
        expect(page.locator(".chosen")).to_have_count(0)

    def test_a_reply_with_a_file_whose_answer_was_lost_is_not_sent_twice_and_is_not_called_gone(
        self, team: Team
    ) -> None:
        ticket, wang = claimed(team)
        page = team.open(wang, f"/school?ticket={ticket.id}", may_log="Failed to load")
        page.context.route("**/api/v1/tickets/*/reply", lose_the_answer, times=1)
        page.click(".js-act[data-act=reply]")
        page.fill("#form-reply textarea", "请看附件。")
        choose_for(page, "reply", document("说明.pdf"))
        page.click("#form-reply [type=submit]")
        expect(page.locator(".js-problem")).to_contain_text("您写的内容还在")
        page.click("#form-reply [type=submit]")
        expect(page.locator(".js-status")).to_have_text("已答复家长。")
        assert steps_of(team, ticket).count("reply") == 1
        assert names_of(team, ticket) == ["说明.pdf"]

    def test_what_is_being_sent_can_not_be_changed_and_another_command_meanwhile_is_refused_in_words(
        self, team: Team
    ) -> None:
        ticket, wang = claimed(team)
        other = team.make()
        page = team.open(wang, f"/school?ticket={ticket.id}")
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        page.context.route(UPLOADS, hold)
        page.click("#tab-suggest")
        expect(page.locator(".js-insert").first).to_be_visible()
        page.click(".js-act[data-act=reply]")
        page.fill("#form-reply textarea", "请看附件。")
        choose_for(page, "reply", document("说明.pdf"))
        page.press("#form-reply textarea", "Control+Enter")
        expect(page.get_by_role("progressbar", name="说明.pdf 的发送进度")).to_be_visible()
        page.get_by_role("button", name="移除：说明.pdf").evaluate("node => node.click()")
        expect(page.locator("#form-reply .chosen")).to_have_count(1)
        expect(page.locator("#form-reply textarea")).to_be_disabled()
        expect(page.locator("#form-reply .js-choose-files")).to_be_disabled()
        check_looks(page)
        page.locator(".js-insert").first.click()
        expect(page.locator(".js-status")).to_have_text(STILL_SENDING)
        expect(page.locator("#form-reply textarea")).to_have_value("请看附件。")
        open_ticket(page, other)
        expect(page.locator("#form-reply textarea")).to_be_enabled()
        page.click(".js-act[data-act=claim]")
        expect(page.locator(".js-status")).to_have_text(STILL_SENDING)
        held.pop().continue_()
        expect(page.locator(".js-status")).to_have_text("")
        assert names_of(team, ticket) == ["说明.pdf"]
        page.click(".js-act[data-act=claim]")
        expect(page.locator(".js-status")).to_have_text("已认领，由您处理。")
        open_ticket(page, ticket)
        expect(page.locator(".chosen")).to_have_count(0)
        expect(page.locator("#form-reply textarea")).to_have_value("")

    def test_a_form_whose_waiting_files_went_with_another_forms_step_sends_them_again(self, team: Team) -> None:
        ticket, wang = claimed(team)
        page = team.open(wang, f"/school?ticket={ticket.id}", may_log="Failed to load")
        page.context.route("**/api/v1/tickets/*/reply", lambda route: route.abort(), times=1)
        page.click(".js-act[data-act=reply]")
        page.fill("#form-reply textarea", "请看附件。")
        choose_for(page, "reply", document("说明.pdf"))
        page.click("#form-reply [type=submit]")
        expect(page.locator(".js-problem")).to_contain_text("您写的内容还在")
        page.click(".js-act[data-act=note]")
        choose_for(page, "note", document("核对.pdf"))
        page.click("#form-note [type=submit]")
        expect(page.locator(".js-status")).to_have_text("已保存备注。")
        page.click(".js-act[data-act=reply]")
        page.click("#form-reply [type=submit]")
        expect(page.locator(".js-status")).to_have_text("已答复家长。")
        assert names_of(team, ticket) == ["核对.pdf", "说明.pdf"]
        assert page.locator(".chosen").count() == 0

    def test_a_reply_whose_files_did_not_get_through_is_not_taken_for_another_one(self, team: Team) -> None:
        ticket, wang = claimed(team)
        page = team.open(wang, f"/school?ticket={ticket.id}", may_log="Failed to load")
        page.context.route(UPLOADS, lambda route: route.abort(), times=1)
        page.click(".js-act[data-act=reply]")
        page.fill("#form-reply textarea", "请看附件。")
        choose_for(page, "reply", document("说明.pdf"))
        page.click("#form-reply [type=submit]")
        expect(page.locator(".chosen")).to_contain_text("没有发出，再按发送时会重试。")
        expect(page.locator("#form-reply [type=submit]")).to_be_focused()
        team.give(ticket, "reply", wang, text="请先看电话里说的。")
        page.click("#form-reply [type=submit]")
        expect(page.locator(".js-problem")).to_contain_text("工单有了变化")
        expect(page.locator("#form-reply textarea")).to_have_value("请看附件。")
        expect(page.locator("#form-reply .chosen")).to_have_count(1)
        assert names_of(team, ticket) == []

    def test_who_was_overtaken_keeps_the_files_and_sends_them_with_the_next_try(self, team: Team) -> None:
        ticket, wang = claimed(team)
        page = team.open(wang, f"/school?ticket={ticket.id}", may_log="409")
        page.click(".js-act[data-act=reply]")
        page.fill("#form-reply textarea", "请看附件。")
        choose_for(page, "reply", document("说明.pdf"))
        team.give(ticket, "note", team.hire("李老师"), text="家长来过电话")
        page.click("#form-reply [type=submit]")
        expect(page.locator(".js-problem")).to_contain_text("工单有了变化")
        assert names_of(team, ticket) == []
        page.click("#form-reply [type=submit]")
        expect(page.locator(".js-status")).to_have_text("已答复家长。")
        assert names_of(team, ticket) == ["说明.pdf"]
