"""Files on tickets in real browsers: from a parent's phone to the teacher and back, over lines that break."""

from __future__ import annotations

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
from axe_playwright_python.sync_playwright import Axe
from desk_running import Service
from hotline_page import eventually
from playwright.sync_api import Browser, Frame, Page, expect
from school_page import Team
from sqlalchemy import delete
from ticket_staff import TicketStaff

from bot.actions.words import Words
from core.settings import ROOT
from escalation.attachments import ATTACHMENTS
from escalation.listing import Reach
from escalation.rules import Ticket
from tests.escalation.files_made import image, pdf

pytestmark = [pytest.mark.system, pytest.mark.browser]
OpenPage = Callable[..., Page]
ChatIn = Callable[[Page], Frame]
Say = Callable[[Frame, str], None]
SAY = Words().say
PICTURES = ROOT / "docs/images"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
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
IS_DRAWN = "node => node.complete && node.naturalWidth > 0"
File = dict[str, Any]


def picture(name: str = "户口本.jpg", content: bytes | None = None) -> File:
    return {"name": name, "mimeType": "image/jpeg", "buffer": content or image(size=(800, 600))}


def document(name: str = "房产证明.pdf", content: bytes | None = None) -> File:
    return {"name": name, "mimeType": "application/pdf", "buffer": content or pdf()}


def noise(side: int) -> bytes:
    """Return a PNG that can't be packed: about three bytes a pixel."""
    return image("PNG", (side, side), compress_level=0)


def violations(place: Page | Frame) -> list[str]:
    """Return what axe finds against WCAG 2.2 AA."""
    found = Axe().run(place, options={"runOnly": {"type": "tag", "values": WCAG}})  # type: ignore[arg-type]
    return [
        f"{one['id']}: {node['html'][:120]} ({node.get('failureSummary', '')[:200]})"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]


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


@pytest.fixture
def team(browser: Browser, service: Service) -> Iterator[Team]:
    opened = Team(browser, service)
    yield opened
    opened.close()
    assert opened.errors == []


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


class TestParent:
    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_from_the_phones_picker_to_the_teacher_and_back_and_again_after_a_reload(
        self, service: Service, phone: Page, chat_in: ChatIn, tmp_path: Path, scheme: str
    ) -> None:
        phone.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page, chat = phone, chat_in(phone)
        choose(chat, picture(), document())
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
            send_as_staff(staff, ticket_id, picture("样张.jpg", image(size=(1600, 1200))))
            send_as_staff(staff, ticket_id, document("填写说明.pdf"))
            send_as_staff(staff, ticket_id, picture("内部.jpg"), to_parent=False)
        card = chat.locator(".card--ticket")
        expect(card).to_have_count(3, timeout=15_000)
        expect(card.nth(1)).to_contain_text("工作人员发来的文件")
        expect(card.nth(1)).to_contain_text("样张.jpg")
        expect(chat.locator(".talk")).not_to_contain_text("内部")
        card.nth(1).scroll_into_view_if_needed()
        thumbnail = card.nth(1).get_by_role("button")
        eventually(lambda: thumbnail.locator("img").evaluate(IS_DRAWN))
        assert thumbnail.locator("img").evaluate("node => node.naturalWidth") == 480
        check_looks(chat)
        assert chat.evaluate(TOO_SMALL) == []
        self.look_at_the_picture(chat, thumbnail, scheme, tmp_path)
        with page.expect_download() as saved:
            card.nth(2).get_by_role("link", name="填写说明.pdf").click()
        assert saved.value.suggested_filename == "填写说明.pdf"
        assert Path(saved.value.path()).read_bytes().startswith(b"%PDF-")

    def look_at_the_picture(self, chat: Frame, thumbnail: Any, scheme: str, tmp_path: Path) -> None:
        name = "chat-files.png" if scheme == "light" else "chat-files-dark.png"
        taken = PICTURES / name if os.environ.get("HELPDESK_TEST_NEW_PICTURE") else tmp_path / name
        chat.page.screenshot(path=taken)
        assert taken.stat().st_size > 10_000
        assert (PICTURES / name).exists()
        thumbnail.focus()
        chat.page.keyboard.press("Enter")
        viewer = chat.get_by_role("dialog", name="查看图片")
        large = viewer.get_by_role("img", name="图片：样张.jpg")
        eventually(lambda: large.evaluate("node => node.naturalWidth") == 1600)
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
        choose(page, document("加密.pdf", pdf(password="geheim")), document("说明.pdf"))
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

    def test_progress_is_seen_and_what_is_removed_half_way_is_not_kept(self, team: Team, open_page: OpenPage) -> None:
        page = open_page("/widget?city=chongqing", may_log="ERR_")
        ticket = open_chat(page, team)
        slow = page.context.new_cdp_session(page)
        slow.send("Network.enable")
        limits = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 400_000}
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
