"""Files on tickets at the API of a running service: who sends and sees what, how it is sent back, what is refused."""

from __future__ import annotations

import io
import itertools
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from desk_running import Service, running_app
from parent_client import Json, Parent
from PIL import Image
from sqlalchemy import text as sql

from channels.tokens import demo_staff_token
from conversations.news import NewsStore
from conversations.reply import TicketMessage
from conversations.storage import open_engine
from core import clock
from escalation.cards import card_of_ticket
from escalation.desk import Draft, TicketDesk
from escalation.files import LARGEST
from escalation.listing import Reach
from escalation.routing import own_rules
from escalation.rules import Actor, Place
from tests.escalation.files_made import image, pdf, photo_with_position

pytestmark = pytest.mark.system
PATH = "/api/v1/tickets"
DISTRICT, SCHOOL = "渝北区", "渝北区第一实验小学"
OFFICE = f"chongqing/{DISTRICT}"
SCOPE, OTHER = f"chongqing/{DISTRICT}/{SCHOOL}", f"chongqing/{DISTRICT}/另一所小学"
SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
    "cache-control": "private, no-store",
    "cross-origin-resource-policy": "same-origin",
}
SCANNER = """import sys
data = sys.stdin.buffer.read()
sys.exit(1 if b"EICAR" in data else 9 if b"BROKEN" in data else 0)
"""
_keys = (f"files-{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("files")
    (folder / "scan.py").write_text(SCANNER)
    command = f"{sys.executable} {folder / 'scan.py'}"
    with running_app(folder, HELPDESK_ATTACHMENT_SCANNER=command) as running:
        yield running


@contextmanager
def family(app: Service, ticket: bool = True) -> Iterator[tuple[Parent, str]]:
    """Give a parent, and the id of their ticket at the school."""
    parent, id_ = Parent(app.base, city="chongqing"), ""
    if ticket:
        engine = open_engine(app.settings.database)
        place = Place("chongqing", DISTRICT, SCHOOL)
        draft = Draft(next(_keys), place, "照片传不上去", conversation_id=parent.id)
        id_ = TicketDesk(engine, own_rules()).create(draft, Actor(f"parent:{parent.id}", "家长", "parent"))[0].id
        engine.dispose()
    try:
        yield parent, id_
    finally:
        parent.close()


@contextmanager
def staff(app: Service, role: str = "school", scope: str = SCOPE) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {demo_staff_token(app.settings, role, scope)}"}
    with httpx.Client(base_url=app.base, headers=headers, timeout=30, trust_env=False) as http:
        yield http


def send(app: Service, parent: Parent, content: Any, name: str = "户口本.jpg", **more: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {parent.secret}", "X-File-Name": quote(name)}
    if "key" in more:
        headers["X-File-Key"] = more.pop("key")
    address = f"{app.base}/api/v1/conversations/{parent.id}/attachments"
    return httpx.post(address, content=content, headers=headers, params=more, timeout=30, trust_env=False)


def fetch(app: Service, parent: Parent, id_: str, query: str = "") -> httpx.Response:
    address = f"{app.base}/api/v1/conversations/{parent.id}/attachments/{id_}{query}"
    return httpx.get(address, headers={"Authorization": f"Bearer {parent.secret}"}, trust_env=False)


def looks(app: Service) -> list[tuple[Any, ...]]:
    engine = open_engine(app.settings.database)
    with engine.connect() as connection:
        found = connection.execute(sql("SELECT role, purpose, shown FROM audit_log ORDER BY seq"))
        rows = [tuple(row) for row in found]
    engine.dispose()
    return rows


def test_a_parents_photo_reaches_the_teacher_without_its_position_and_the_look_is_recorded(app: Service) -> None:
    with family(app) as (parent, ticket), staff(app) as teacher:
        answer = send(app, parent, photo_with_position())
        assert answer.status_code == 201, answer.text
        added = answer.json()
        assert (added["name"], added["type"]) == ("户口本.jpg", "image/jpeg")
        view = teacher.get(f"{PATH}/{ticket}").json()
        (told,) = view["attachments"]
        assert {name: told[name] for name in added} == added
        assert (told["role"], told["to_parent"], told["version"]) == ("parent", True, view["version"])
        assert view["messages"][-1]["text"] == "（图片）户口本.jpg"
        before = looks(app)
        seen = teacher.get(f"{PATH}/{ticket}/attachments/{added['id']}")
        assert looks(app)[len(before) :] == [("school", "ticket", "ticket attachment")]
        assert (seen.status_code, seen.headers["content-type"], len(seen.content)) == (200, "image/jpeg", added["size"])
        assert b"SECRET" not in seen.content
        assert {name: seen.headers[name] for name in SAFE} == SAFE
        assert seen.headers["content-disposition"] == f"inline; filename*=UTF-8''{quote('户口本.jpg')}"
        assert fetch(app, parent, added["id"]).content == seen.content


def test_a_file_whose_sender_goes_before_it_was_looked_through_is_not_kept(app: Service) -> None:
    with family(app) as (parent, ticket), staff(app) as teacher:
        content = image("PNG", (6500, 6500))  # few bytes to send, seconds to be written anew
        headers = {"Authorization": f"Bearer {parent.secret}", "X-File-Name": quote("长图.png"), "X-File-Key": "gone"}
        with closing(HTTPConnection(app.base.removeprefix("http://"), timeout=30)) as line:
            line.request("POST", f"/api/v1/conversations/{parent.id}/attachments", content, headers)
        time.sleep(6)
        assert teacher.get(f"{PATH}/{ticket}").json()["attachments"] == []
        assert send(app, parent, content, key="gone").status_code == 201


def said(parent: Parent, type_: str) -> list[Json]:
    """Return what was said in the conversation of one type, with who said it."""
    lines = parent.transcript()["messages"]
    return [{**one["message"], "author": one["author"]} for one in lines if one["message"]["type"] == type_]


def test_a_parents_file_stands_in_the_conversation_and_the_same_key_keeps_it_once(app: Service) -> None:
    with family(app) as (parent, ticket), staff(app) as teacher:
        first = send(app, parent, image(), key="k-1").json()
        assert send(app, parent, image(), key="k-1").json() == first
        other = send(app, parent, image(), key="k-2").json()
        assert other["id"] != first["id"]
        view = teacher.get(f"{PATH}/{ticket}").json()
        assert [one["id"] for one in view["attachments"]] == [first["id"], other["id"]]
        assert said(parent, "file") == [
            {"type": "file", "author": "parent", "ticket_id": ticket, "number": view["number"], "file": one}
            for one in (first, other)
        ]
        seqs = [one["seq"] for one in parent.transcript()["messages"]]
        assert seqs == list(range(1, parent.transcript()["last_seq"] + 1))
        lines = teacher.get(f"{PATH}/{ticket}/conversation").json()["lines"]
        assert [one["message"]["file"] for one in lines if one["message"]["type"] == "file"] == [first, other]


def test_a_file_goes_to_the_ticket_that_is_named_and_to_none_of_another_conversation(app: Service) -> None:
    with family(app) as (parent, older), family(app) as (_, strange), staff(app) as teacher:
        engine = open_engine(app.settings.database)
        draft = Draft(next(_keys), Place("chongqing", DISTRICT, SCHOOL), "另一件事", conversation_id=parent.id)
        newer = TicketDesk(engine, own_rules()).create(draft, Actor(f"parent:{parent.id}", "家长", "parent"))[0].id
        engine.dispose()
        assert send(app, parent, image(), ticket_id=older).status_code == 201
        assert send(app, parent, image(), ticket_id=strange).status_code == 404
        counts = [len(teacher.get(f"{PATH}/{one}").json()["attachments"]) for one in (older, newer, strange)]
        assert counts == [1, 0, 0]


def show_card(app: Service, parent: Parent, ticket: str) -> None:
    """Show the ticket's card, as the turn that makes it does."""
    engine, rules = open_engine(app.settings.database), own_rules()
    made = TicketDesk(engine, rules).find(ticket, Reach())
    card = TicketMessage(ticket=card_of_ticket(made, rules.levels))
    assert NewsStore(engine).announce(parent.id, f"made:{ticket}", [card], clock.now())
    engine.dispose()


def wait_for_cards(parent: Parent, count: int) -> None:
    ends = time.monotonic() + 20
    while len(said(parent, "ticket")) < count:
        assert time.monotonic() < ends, "the steps are not told"
        time.sleep(0.1)


def test_a_teachers_file_is_on_the_card_in_the_chat_and_a_note_is_not(app: Service) -> None:
    with family(app) as (parent, ticket), staff(app) as teacher:
        teacher.post(f"{PATH}/{ticket}/claim", json={"version": 2}).raise_for_status()
        address = f"{PATH}/{ticket}/attachments"
        headers = {"X-File-Key": "k-1"}
        show_card(app, parent, ticket)
        added = teacher.post(f"{address}?to_parent=true", content=image(), headers=headers).json()
        assert teacher.post(f"{address}?to_parent=true", content=image(), headers=headers).json() == added
        teacher.post(address, content=image()).raise_for_status()
        teacher.post(f"{PATH}/{ticket}/resolve", json={"version": 5, "text": "已办好"}).raise_for_status()
        wait_for_cards(parent, 3)
        shown = [(one["ticket"]["files"], one["ticket"]["takes_files"]) for one in said(parent, "ticket")]
        assert shown == [([], True), ([added], True), ([], False)]


def test_a_reply_takes_its_waiting_files_along_in_one_step(app: Service) -> None:
    with family(app) as (parent, ticket), staff(app) as teacher, staff(app, "district", OFFICE) as colleague:
        show_card(app, parent, ticket)
        teacher.post(f"{PATH}/{ticket}/claim", json={"version": 2}).raise_for_status()
        address = f"{PATH}/{ticket}/attachments?waiting=true"
        taken_back, one, two = (teacher.post(address, content=content).json() for content in (image(), image(), pdf()))
        strange = colleague.post(address, content=image()).json()["id"]
        assert fetch(app, parent, one["id"]).status_code == 404
        seen = colleague.get(f"{PATH}/{ticket}").json()
        assert (seen["version"], seen["attachments"]) == (3, [])
        body = {"version": 3, "text": "请看样张。", "attachments": [one["id"], two["id"]]}
        for bad in ([strange], [one["id"], "none"]):
            refused = teacher.post(f"{PATH}/{ticket}/reply", json={**body, "attachments": bad})
            assert refused.status_code == 404
        assert teacher.post(f"{PATH}/{ticket}/resolve", json=body).status_code == 422
        after = teacher.post(f"{PATH}/{ticket}/reply", json=body).json()
        assert [(file["id"], file["version"], file["to_parent"]) for file in after["attachments"]] == [
            (one["id"], 4, True),
            (two["id"], 4, True),
        ]
        assert teacher.get(f"{PATH}/{ticket}/attachments/{taken_back['id']}").status_code == 404
        assert teacher.post(f"{PATH}/{ticket}/reply", json={**body, "version": 4}).status_code == 404
        alone = teacher.post(address, content=image()).json()
        body = {"version": 4, "attachments": [alone["id"]]}
        teacher.post(f"{PATH}/{ticket}/reply", json=body).raise_for_status()
        wait_for_cards(parent, 3)
        cards = [(card["ticket"]["text"], card["ticket"]["files"]) for card in said(parent, "ticket")[1:]]
        assert cards == [("请看样张。", [one, two]), (None, [alone])]
        assert fetch(app, parent, two["id"]).content[:5] == b"%PDF-"
        note = teacher.post(address, content=image()).json()["id"]
        body = {"version": 5, "text": "已核对", "attachments": [note]}
        teacher.post(f"{PATH}/{ticket}/note", json=body).raise_for_status()
        assert fetch(app, parent, note).status_code == 404


def test_a_large_picture_is_made_small_for_a_list(app: Service) -> None:
    with family(app) as (parent, ticket), staff(app) as teacher:
        added = send(app, parent, image("PNG", (1600, 800)), "截图.png").json()
        for answer in (
            fetch(app, parent, added["id"], "?small=true"),
            teacher.get(f"{PATH}/{ticket}/attachments/{added['id']}?small=true"),
        ):
            assert Image.open(io.BytesIO(answer.content)).size == (480, 240)
            assert answer.headers["content-type"] == "image/png"
            assert {name: answer.headers[name] for name in SAFE} == SAFE
        assert Image.open(io.BytesIO(fetch(app, parent, added["id"]).content)).size == (1600, 800)
        document = send(app, parent, pdf(), "证明.pdf").json()
        assert fetch(app, parent, document["id"], "?small=true").content[:5] == b"%PDF-"


def test_a_pdf_is_cleaned_and_sent_back_to_be_saved(app: Service) -> None:
    with family(app) as (parent, ticket), staff(app) as teacher:
        added = send(app, parent, pdf(scripted=True), "证明.pdf").json()
        seen = teacher.get(f"{PATH}/{ticket}/attachments/{added['id']}")
        assert (seen.headers["content-type"], seen.content[:5]) == ("application/pdf", b"%PDF-")
        assert seen.headers["content-disposition"].startswith("attachment; ")
        assert {name: seen.headers[name] for name in SAFE} == SAFE


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"<html><script>alert(1)</script></html>", 422, "只能上传图片"),
        (pdf(password="geheim"), 422, "加了密"),
        (b"", 422, "文件是空的"),
        (image() + b"EICAR", 422, "没有通过安全检查"),
        (image() + b"BROKEN", 503, "请稍后再试"),
    ],
)
def test_what_is_not_let_in_is_refused_in_words_and_leaves_no_step(
    app: Service, content: bytes, status: int, words: str
) -> None:
    with family(app) as (parent, ticket), staff(app) as teacher:
        answer = send(app, parent, content)
        assert answer.status_code == status
        assert words in answer.json()["error"]["message"]
        assert teacher.get(f"{PATH}/{ticket}").json()["version"] == 2


def test_more_than_ten_megabytes_is_refused_before_it_is_sent(app: Service) -> None:
    with family(app) as (parent, _):
        address = urlsplit(app.base)
        with socket.create_connection((address.hostname, address.port), timeout=10) as line:
            line.sendall(
                f"POST /api/v1/conversations/{parent.id}/attachments HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {parent.secret}\r\nContent-Length: {LARGEST + 1}\r\n\r\n".encode()
            )
            assert line.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_does_not_say_its_size_is_cut_off_at_ten_megabytes(app: Service) -> None:
    with family(app) as (parent, _):
        address = urlsplit(app.base)
        part, sent = b"10000\r\n" + bytes(0x10000) + b"\r\n", 0
        with socket.create_connection((address.hostname, address.port), timeout=10) as line:
            line.sendall(
                f"POST /api/v1/conversations/{parent.id}/attachments HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {parent.secret}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            )
            for sent in range(0, LARGEST + 1, 0x10000):  # noqa: B007
                line.sendall(part)
            line.settimeout(10)
            assert line.recv(100).startswith(b"HTTP/1.1 413 ")
        assert sent <= LARGEST


def test_without_a_ticket_and_in_anothers_conversation_nothing_is_added_or_found(app: Service) -> None:
    with family(app) as (parent, _), family(app, ticket=False) as (other, _):
        assert send(app, other, image()).status_code == 404
        id_ = send(app, parent, image()).json()["id"]
        assert fetch(app, other, id_).status_code == 404
        assert fetch(app, parent, id_).status_code == 200
        stranger = Parent(app.base, city="chongqing")
        stranger.id, own = parent.id, stranger.id
        assert fetch(app, stranger, id_).status_code == 401
        stranger.id = own
        stranger.close()


@pytest.mark.parametrize(("role", "scope"), [("school", OTHER), ("district", "chongqing/北碚区"), ("agent", "")])
def test_another_schools_and_an_agents_who_did_not_make_it_is_not_found(app: Service, role: str, scope: str) -> None:
    with family(app) as (parent, ticket), staff(app, role, scope) as stranger:
        id_ = send(app, parent, image()).json()["id"]
        before = looks(app)
        assert stranger.get(f"{PATH}/{ticket}/attachments/{id_}").status_code == 404
        assert stranger.post(f"{PATH}/{ticket}/attachments", content=image()).status_code == 404
        assert looks(app) == before


def test_a_teachers_note_stays_inside_and_a_reply_reaches_the_parent(app: Service) -> None:
    with family(app) as (parent, ticket), staff(app) as teacher:
        teacher.post(f"{PATH}/{ticket}/claim", json={"version": 2}).raise_for_status()
        note = teacher.post(f"{PATH}/{ticket}/attachments", content=image())
        reply = teacher.post(f"{PATH}/{ticket}/attachments?to_parent=true", content=pdf())
        assert (note.status_code, reply.status_code) == (201, 201)
        assert (note.json()["name"], reply.json()["name"]) == ("图片.jpg", "文件.pdf")
        assert fetch(app, parent, note.json()["id"]).status_code == 404
        assert fetch(app, parent, reply.json()["id"]).status_code == 200
        assert teacher.get(f"{PATH}/{ticket}").json()["state"] == "replied"


def test_the_agent_who_made_a_ticket_adds_a_note_and_no_reply(app: Service) -> None:
    with staff(app, "agent", "") as agent:
        body = {"city": "chongqing", "district": DISTRICT, "question": "照片传不上去"}
        ticket = agent.post(PATH, json=body).json()["id"]
        assert agent.post(f"{PATH}/{ticket}/attachments", content=image()).status_code == 201
        assert agent.post(f"{PATH}/{ticket}/attachments?to_parent=true", content=image()).status_code == 409


def test_the_eleventh_file_is_refused(app: Service) -> None:
    with family(app) as (parent, _):
        assert [send(app, parent, image()).status_code for _ in range(11)] == [201] * 10 + [409]
