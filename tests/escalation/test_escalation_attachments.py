"""Files on tickets, on both databases: kept with their step or not at all, found by whom they are for, erased."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from files_made import image, pdf
from sqlalchemy import Engine, func, select
from ticket_made import SCHOOL, actor

from conversations.purge import Guardian, Idle, purge
from conversations.storage import ConversationStore, Identity
from core import clock
from core.errors import ConflictError, IllegalTransitionError, NotFoundError
from core.scope import Scope
from escalation.attachments import MOST, NewFile, named
from escalation.cards import card_of_step
from escalation.desk import Draft, StaleTicketError, TicketDesk
from escalation.files import LARGEST, CleanFile, clean
from escalation.listing import Reach
from escalation.outbox import Outbox
from escalation.purge import count_tickets, purge_tickets
from escalation.routing import own_rules
from escalation.rules import Actor, Command, Ticket
from escalation.tables import TicketAttachmentRow

AGENT, TEACHER = actor("agent"), actor("school")
PICTURE = named("户口本.jpg", clean(image()))


@pytest.fixture
def database_url(own_database_url: str) -> str:
    return own_database_url


@pytest.fixture
def desk(engine: Engine) -> TicketDesk:
    return TicketDesk(engine, own_rules())


@pytest.fixture
def conversation(store: ConversationStore) -> str:
    return store.create(Scope("chongqing"), [])[0].id


def parent_of(conversation: str) -> Actor:
    return Actor(f"parent:{conversation}", "家长", "parent")


def made(desk: TicketDesk, conversation: str | None, key: str = "k-1") -> Ticket:
    draft = Draft(key, SCHOOL, "照片传不上去", conversation_id=conversation)
    return desk.create(draft, parent_of(conversation) if conversation else AGENT)[0]


def files(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(TicketAttachmentRow)).scalar_one()


def test_a_parents_file_comes_with_its_step_and_desks_are_told(desk: TicketDesk, conversation: str) -> None:
    ticket, last = made(desk, conversation), Outbox(desk._engine).last()
    after, id_ = desk.attach_of_parent(conversation, PICTURE, parent_of(conversation))
    assert after.version == ticket.version + 1
    file = desk.read(ticket.id, Reach())
    assert (file.messages[-1].kind, file.messages[-1].text) == ("parent", "（图片）户口本.jpg")
    (kept,) = file.attachments
    assert (kept.id, kept.name, kept.type, kept.version) == (id_, "户口本.jpg", "image/jpeg", after.version)
    assert (kept.size, kept.to_parent, kept.by.role) == (len(PICTURE.file.content), True, "parent")
    assert kept.sha256 == hashlib.sha256(PICTURE.file.content).hexdigest()
    assert desk.attachment(ticket.id, id_, Reach())[2] == PICTURE.file.content
    assert desk.attachment_of_parent(conversation, id_)[1] == PICTURE.file.content
    assert [step.kind for step in Outbox(desk._engine).after(last, Reach(), 9)] == ["add"]


def test_a_file_of_ten_megabytes_comes_back_whole(desk: TicketDesk, conversation: str) -> None:
    ticket = made(desk, conversation)
    content = bytes(range(256)) * (LARGEST // 256)
    _, id_ = desk.attach_of_parent(
        conversation, NewFile("a.pdf", CleanFile("application/pdf", content)), parent_of(conversation)
    )
    assert desk.attachment(ticket.id, id_, Reach())[2] == content


def test_the_eleventh_file_is_refused_and_leaves_no_step(desk: TicketDesk, conversation: str, engine: Engine) -> None:
    ticket = made(desk, conversation)
    for _ in range(MOST):
        desk.attach_of_parent(conversation, PICTURE, parent_of(conversation))
    before = desk.read(ticket.id, Reach())
    with pytest.raises(ConflictError, match="最多 10 个文件"):
        desk.attach_of_parent(conversation, PICTURE, parent_of(conversation))
    with pytest.raises(ConflictError, match="最多 10 个文件"):
        desk.attach(ticket.id, PICTURE, False, TEACHER, Reach())
    assert desk.read(ticket.id, Reach()) == before
    assert files(engine) == MOST


def test_a_conversation_without_an_unsettled_ticket_takes_no_file(
    desk: TicketDesk, conversation: str, engine: Engine
) -> None:
    with pytest.raises(NotFoundError, match="还没有工单"):
        desk.attach_of_parent(conversation, PICTURE, parent_of(conversation))
    ticket = made(desk, conversation)
    claimed = desk.act(ticket.id, Command("claim", ticket.version), TEACHER, Reach()).ticket
    desk.act(ticket.id, Command("resolve", claimed.version), TEACHER, Reach())
    with pytest.raises(ConflictError, match="已办结"):
        desk.attach_of_parent(conversation, PICTURE, parent_of(conversation))
    assert files(engine) == 0


def test_a_teachers_file_is_a_note_or_a_reply_and_a_parent_sees_the_reply_alone(
    desk: TicketDesk, conversation: str, engine: Engine
) -> None:
    ticket = made(desk, conversation)
    note = desk.attach(ticket.id, PICTURE, False, TEACHER, Reach())
    with pytest.raises(IllegalTransitionError):
        desk.attach(ticket.id, PICTURE, True, TEACHER, Reach())  # nobody has claimed it
    desk.act(ticket.id, Command("claim", ticket.version + 1), TEACHER, Reach())
    reply = desk.attach(ticket.id, named("说明.pdf", clean(pdf())), True, TEACHER, Reach())
    file = desk.read(ticket.id, Reach())
    assert file.ticket.state == "replied"
    assert [(one.kind, one.text) for one in file.messages[1:]] == [
        ("note", "（图片）户口本.jpg"),
        ("reply", "（PDF 文件）说明.pdf"),
    ]
    assert desk.attachment_of_parent(conversation, reply)[0].name == "说明.pdf"
    with pytest.raises(NotFoundError):
        desk.attachment_of_parent(conversation, note)
    assert files(engine) == 2


def test_one_key_at_the_same_time_keeps_one_file_one_step_and_one_line(
    desk: TicketDesk, conversation: str, store: ConversationStore
) -> None:
    ticket, parent = made(desk, conversation), parent_of(conversation)

    def send(key: str) -> str:
        return desk.attach_of_parent(conversation, PICTURE, parent, key=key)[1]

    with ThreadPoolExecutor(6) as pool:
        ids = list(pool.map(send, ["k-1", "k-2"] * 6))
    assert len(set(ids)) == 2
    file = desk.read(ticket.id, Reach())
    assert {one.id for one in file.attachments} == set(ids)
    assert [one.text for one in file.messages[1:]] == ["（图片）户口本.jpg"] * 2
    lines = store.said_after(conversation, 0)
    assert [(one.seq, one.author, one.message.type) for one in lines] == [(1, "parent", "file"), (2, "parent", "file")]
    assert store.get(conversation).last_seq == 2


def test_a_refused_file_leaves_no_line_in_the_conversation(
    desk: TicketDesk, conversation: str, store: ConversationStore
) -> None:
    made(desk, conversation)
    for _ in range(MOST):
        desk.attach_of_parent(conversation, PICTURE, parent_of(conversation))
    with pytest.raises(ConflictError):
        desk.attach_of_parent(conversation, PICTURE, parent_of(conversation))
    assert [one.seq for one in store.said_after(conversation, 0)] == list(range(1, MOST + 1))
    assert store.get(conversation).last_seq == MOST


def test_files_that_wait_come_with_the_step_that_names_them_or_not_at_all(
    desk: TicketDesk, conversation: str, engine: Engine
) -> None:
    ticket = made(desk, conversation)
    claimed = desk.act(ticket.id, Command("claim", ticket.version), TEACHER, Reach()).ticket
    first, second = (desk.attach_waiting(ticket.id, PICTURE, TEACHER, Reach(), key=key) for key in ("k-1", "k-2"))
    assert desk.attach_waiting(ticket.id, PICTURE, TEACHER, Reach(), key="k-1") == first
    assert desk.read(ticket.id, Reach()).attachments == ()
    with pytest.raises(StaleTicketError):
        desk.act(ticket.id, Command("reply", 1, text="…"), TEACHER, Reach(), [first])
    with pytest.raises(NotFoundError, match="没有这个文件"):
        desk.act(ticket.id, Command("note", claimed.version, text="…"), AGENT, Reach(), [first])
    assert files(engine) == 2
    after = desk.act(ticket.id, Command("reply", claimed.version), TEACHER, Reach(), [second])
    assert [(one.id, one.version, one.to_parent) for one in after.attachments] == [(second, 4, True)]
    assert after.messages[-1].text == "（图片）户口本.jpg"
    assert files(engine) == 1
    (step,) = [one for one in Outbox(engine).take() if one.kind == "reply"]
    assert [one.id for one in step.files] == [second]
    card = card_of_step(step, desk.book.levels)
    assert (card.text, [one.id for one in card.files]) == (None, [second])


def test_a_step_drops_its_senders_waiting_files_also_if_it_brings_none(desk: TicketDesk, engine: Engine) -> None:
    ticket = made(desk, None)
    desk.attach_waiting(ticket.id, PICTURE, TEACHER, Reach(), key="k-1")
    of_another = desk.attach_waiting(ticket.id, PICTURE, AGENT, Reach(), key="k-1")
    claimed = desk.act(ticket.id, Command("claim", ticket.version), TEACHER, Reach()).ticket
    assert files(engine) == 2
    desk.act(ticket.id, Command("note", claimed.version, text="家长来过电话"), TEACHER, Reach())
    assert files(engine) == 1
    desk.act(ticket.id, Command("note", claimed.version + 1), AGENT, Reach(), [of_another])
    assert [one.id for one in desk.read(ticket.id, Reach()).attachments] == [of_another]


def test_waiting_files_take_no_place_from_others_and_the_step_that_would_bring_an_eleventh_is_refused(
    desk: TicketDesk, conversation: str, engine: Engine
) -> None:
    ticket = made(desk, conversation)
    waiting = [desk.attach_waiting(ticket.id, PICTURE, TEACHER, Reach()) for _ in range(MOST)]
    with pytest.raises(ConflictError, match="最多 10 个文件"):
        desk.attach_waiting(ticket.id, PICTURE, TEACHER, Reach())
    after, _ = desk.attach_of_parent(conversation, PICTURE, parent_of(conversation))
    before = desk.read(ticket.id, Reach())
    with pytest.raises(ConflictError, match="最多 10 个文件"):
        desk.act(ticket.id, Command("note", after.version), TEACHER, Reach(), waiting)
    assert desk.read(ticket.id, Reach()) == before
    desk.act(ticket.id, Command("note", after.version), TEACHER, Reach(), waiting[1:])
    assert len(desk.read(ticket.id, Reach()).attachments) == files(engine) == MOST
    with pytest.raises(ConflictError, match="最多 10 个文件"):
        desk.attach_waiting(ticket.id, PICTURE, AGENT, Reach())


def test_a_file_whose_step_never_came_is_dropped_after_a_day(desk: TicketDesk, engine: Engine) -> None:
    ticket = made(desk, None)
    kept = desk.attach(ticket.id, PICTURE, False, TEACHER, Reach())
    desk.attach_waiting(ticket.id, PICTURE, TEACHER, Reach())
    now = clock.now()
    assert desk.drop_forgotten_files(now + timedelta(hours=23)) == 0
    assert files(engine) == 2
    assert desk.drop_forgotten_files(now + timedelta(days=1, seconds=1)) == 1
    assert [one.id for one in desk.read(ticket.id, Reach()).attachments] == [kept]
    assert files(engine) == 1


def test_who_sends_a_reply_again_whose_answer_was_lost_learns_of_the_newer_version_not_of_missing_files(
    desk: TicketDesk,
) -> None:
    ticket = made(desk, None)
    claimed = desk.act(ticket.id, Command("claim", ticket.version), TEACHER, Reach()).ticket
    file = desk.attach_waiting(ticket.id, PICTURE, TEACHER, Reach(), key="k-1")
    reply = Command("reply", claimed.version, text="请看附件。")
    after = desk.act(ticket.id, reply, TEACHER, Reach(), [file])
    with pytest.raises(StaleTicketError) as stale:
        desk.act(ticket.id, reply, TEACHER, Reach(), [file])
    assert stale.value.file == after


def test_out_of_reach_and_of_another_conversation_or_ticket_is_not_found(
    desk: TicketDesk, conversation: str, store: ConversationStore
) -> None:
    ticket = made(desk, conversation)
    _, id_ = desk.attach_of_parent(conversation, PICTURE, parent_of(conversation))
    other = store.create(Scope("chongqing"), [])[0].id
    others = made(desk, other, "k-2")
    far = Reach("chongqing", "渝北区", "另一所小学")
    for look in (
        lambda: desk.attachment_of_parent(other, id_),
        lambda: desk.attachment(others.id, id_, Reach()),
        lambda: desk.attachment(ticket.id, id_, far),
        lambda: desk.attachment(ticket.id, "\0", Reach()),
        lambda: desk.attach(ticket.id, PICTURE, False, TEACHER, far),
        lambda: desk.attach("\0", PICTURE, False, TEACHER, Reach()),
    ):
        with pytest.raises(NotFoundError):
            look()


@pytest.mark.parametrize("what", [Idle(clock.now() + timedelta(days=1)), Guardian("cq-zhang")])
def test_files_go_with_their_conversation(
    desk: TicketDesk, store: ConversationStore, engine: Engine, what: Idle | Guardian
) -> None:
    who = Identity(guardian="cq-zhang", city="chongqing", jti="j", expires_at=clock.now() + timedelta(hours=1))
    conversation = store.create(Scope("chongqing"), [], who)[0].id
    made(desk, conversation)
    desk.attach_of_parent(conversation, PICTURE, parent_of(conversation))
    assert purge(engine, what, pause=0)["ticket_attachments"] == 1
    assert files(engine) == 0


def test_files_go_with_an_old_ticket_of_no_conversation(desk: TicketDesk, engine: Engine) -> None:
    desk.attach(made(desk, None).id, PICTURE, False, TEACHER, Reach())
    later = clock.now() + timedelta(seconds=1)
    assert count_tickets(engine, later)["ticket_attachments"] == 1
    assert purge_tickets(engine, later, pause=0)["ticket_attachments"] == 1
    assert files(engine) == 0
