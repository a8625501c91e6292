"""The desk on both databases: what is kept, who is first, what is announced, what time brings."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select
from stdnum import luhn
from ticket_made import NOW, PARENT, SCHOOL, actor

from conversations.storage import ConversationStore
from core import clock
from core.errors import IllegalTransitionError, MalformedRequestError, NotFoundError
from core.privacy import mask_personal_data
from core.scope import Scope
from escalation.calendar import Calendar
from escalation.desk import Draft, StaleTicketError, TicketDesk
from escalation.listing import Filter, Reach
from escalation.outbox import Outbox
from escalation.purge import count_tickets, purge_tickets
from escalation.routing import RuleBook, own_rules
from escalation.rules import Actor, Command, Place, Ticket
from escalation.tables import OutboxRow, TicketEventRow, TicketMessageRow, TicketRow

TABLES = (TicketRow, TicketMessageRow, TicketEventRow, OutboxRow)
AGENT, TEACHER, COLLEAGUE, OFFICER = actor("agent"), actor("school"), actor("school", 2), actor("district")
Later = Callable[[timedelta], None]
pytestmark = pytest.mark.usefixtures("later")


@pytest.fixture
def database_url(own_database_url: str) -> str:
    return own_database_url


def made(desk: TicketDesk, key: str = "k-1", by: Actor = AGENT, **changes: Any) -> Ticket:
    draft = replace(Draft(key, SCHOOL, "孩子的房产证照片传不上去"), **changes)
    return desk.create(draft, by)[0]


def give(desk: TicketDesk, ticket: Ticket, name: Any, by: Actor = TEACHER, **more: Any) -> Ticket:
    return desk.act(ticket.id, Command(name, ticket.version, **more), by, Reach()).ticket


def rows(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in TABLES]


class TestMaking:
    def test_made_it_is_dispatched_at_once_with_question_events_and_times(self, desk: TicketDesk) -> None:
        ticket = made(desk)
        file = desk.read(ticket.id, Reach())
        assert file.ticket == ticket
        assert (ticket.state, ticket.level, ticket.version, ticket.holder) == ("assigned", "school", 2, None)
        assert NOW < (ticket.climb_at or NOW) < ticket.warn_at < ticket.due_at
        assert [(one.kind, one.by.id, one.before, one.after) for one in file.events] == [
            ("create", AGENT.id, None, "new"),
            ("dispatch", "system", "new", "assigned"),
        ]
        assert file.events[1].why
        assert [(one.kind, one.text) for one in file.messages] == [("question", "孩子的房产证照片传不上去")]

    def test_same_key_of_the_same_creator_is_the_same_ticket(self, desk: TicketDesk, engine: Engine) -> None:
        first, new = desk.create(Draft("k-1", SCHOOL, "一"), AGENT)
        before = rows(engine)
        assert desk.create(Draft("k-1", SCHOOL, "二"), AGENT) == (first, False)
        assert rows(engine) == before
        assert new is True
        assert desk.create(Draft("k-1", SCHOOL, "三"), actor("agent", 2))[1] is True

    def test_same_key_at_the_same_moment_makes_one(self, desk: TicketDesk, engine: Engine) -> None:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: made(desk), range(8)))
        assert len({ticket.id for ticket in found}) == 1
        assert rows(engine) == [1, 1, 2, 2]

    def test_number_tells_nothing_is_checked_and_not_taken_for_a_telephone(self, desk: TicketDesk) -> None:
        numbers = [made(desk, f"k-{n}").number for n in range(20)]
        assert len(set(numbers)) == 20
        for number in numbers:
            assert re.fullmatch(r"[2-9]\d{3}-\d{4}", number)
            assert luhn.is_valid(number.replace("-", ""))
            assert mask_personal_data(f"工单号{number}") == f"工单号{number}"

    def test_words_are_masked_before_they_are_kept(self, desk: TicketDesk, engine: Engine) -> None:
        ticket = made(desk, question="我电话13800138000，查一下")
        ticket = give(desk, ticket, "claim")
        ticket = give(desk, ticket, "reply", text="请拨13900139000")
        ticket = give(
            desk, ticket, "transfer", to="district", why="家长13700137000来电", text="身份证110101199003071239"
        )
        with engine.connect() as connection:
            kept = [str(connection.execute(select(table.__table__)).all()) for table in TABLES]
        assert re.findall(r"1[35789]\d{9}|11010119900307", "".join(kept)) == []

    def test_conversation_that_is_gone_makes_no_ticket(self, desk: TicketDesk, engine: Engine) -> None:
        with pytest.raises(NotFoundError):
            made(desk, conversation_id="nowhere")
        assert rows(engine) == [0, 0, 0, 0]


class TestOptimisticLocking:
    def test_second_writer_is_told_what_changed_and_nothing_is_overwritten(self, desk: TicketDesk) -> None:
        ticket = give(desk, made(desk), "claim")
        replied = give(desk, ticket, "reply", text="请重新上传")
        with pytest.raises(StaleTicketError) as stale:
            desk.act(ticket.id, Command("ask_parent", ticket.version, text="请补照片"), TEACHER, Reach())
        assert stale.value.file.ticket == replied
        assert stale.value.seen == ticket.version
        assert [one.text for one in desk.read(ticket.id, Reach()).messages][1:] == ["请重新上传"]

    def test_of_many_who_claim_at_once_one_holds_it(self, desk: TicketDesk) -> None:
        ticket = made(desk)
        ready = threading.Barrier(8)

        def claim(n: int) -> str:
            ready.wait()
            try:
                return give(desk, ticket, "claim", actor("school", n)).holder or ""
            except StaleTicketError:
                return ""

        with ThreadPoolExecutor(8) as pool:
            holders = [one for one in pool.map(claim, range(8)) if one]
        assert [desk.read(ticket.id, Reach()).ticket.holder] == holders

    def test_update_finds_the_version_in_its_where_though_it_was_read_before(
        self, desk: TicketDesk, engine: Engine
    ) -> None:
        ticket = made(desk)
        raced: list[str] = []

        def overtake(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.startswith("UPDATE tickets") and not raced:
                raced.append(statement)
                other = TicketDesk(engine, own_rules())
                other.act(ticket.id, Command("note", 2, text="先记一笔"), COLLEAGUE, Reach())

        event.listen(engine, "before_cursor_execute", overtake)
        with pytest.raises(StaleTicketError) as stale:
            give(desk, ticket, "claim")
        event.remove(engine, "before_cursor_execute", overtake)
        assert stale.value.file.events[-1].kind == "note"
        assert desk.read(ticket.id, Reach()).ticket.holder is None

    def test_what_parents_and_staff_write_at_once_is_all_kept(self, desk: TicketDesk) -> None:
        ticket = give(desk, made(desk), "claim")

        def parent(n: int) -> None:
            desk.hear_parent(ticket.id, f"家长{n}", PARENT)

        def teacher(n: int) -> None:
            while True:
                version = desk.read(ticket.id, Reach()).ticket.version
                try:
                    desk.act(ticket.id, Command("note", version, text=f"记录{n}"), TEACHER, Reach())
                except StaleTicketError:
                    continue
                return

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda job: job[0](job[1]), [(who, n) for n in range(8) for who in (parent, teacher)]))
        file = desk.read(ticket.id, Reach())
        expected = {f"{who}{n}" for n in range(8) for who in ("家长", "记录")}
        assert {one.text for one in file.messages[1:]} == expected
        assert [one.version for one in file.events] == list(range(1, file.ticket.version + 1))

    def test_refused_command_changes_nothing(self, desk: TicketDesk, engine: Engine) -> None:
        ticket = made(desk)
        before = rows(engine)
        with pytest.raises(IllegalTransitionError):
            give(desk, ticket, "reply", text="没有认领")
        assert desk.read(ticket.id, Reach()).ticket == ticket
        assert rows(engine) == before


class TestOutbox:
    def test_every_kept_step_is_announced_once_it_is_marked_no_more(self, desk: TicketDesk, engine: Engine) -> None:
        ticket = give(desk, made(desk), "claim")
        give(desk, ticket, "reply", text="请重新上传")
        outbox = Outbox(engine)
        waiting = outbox.take()
        assert [(one.kind, one.version, one.text) for one in waiting] == [
            ("create", 1, "孩子的房产证照片传不上去"),
            ("dispatch", 2, None),
            ("claim", 3, None),
            ("reply", 4, "请重新上传"),
        ]
        assert outbox.take(2) == waiting[:2]
        assert len({one.key for one in waiting}) == 4
        assert all(len(one.key) <= 60 for one in waiting)
        outbox.mark([one.id for one in waiting[:3]], NOW)
        assert outbox.take() == waiting[3:]

    def test_step_that_was_not_kept_is_not_announced_and_the_other_way_round(
        self, desk: TicketDesk, engine: Engine
    ) -> None:
        ticket = give(desk, made(desk), "claim")
        before, announced = rows(engine), Outbox(engine).take()

        for table in ("outbox", "ticket_messages", "ticket_events"):

            def fail(_c: Any, _cursor: Any, statement: str, *_: Any, broken: str = table) -> None:
                if statement.startswith(f"INSERT INTO {broken}"):
                    raise RuntimeError("the power is cut")

            event.listen(engine, "before_cursor_execute", fail)
            with pytest.raises(RuntimeError, match="power"):
                give(desk, ticket, "reply", text="请重新上传")
            event.remove(engine, "before_cursor_execute", fail)
            assert rows(engine) == before
            assert desk.read(ticket.id, Reach()).ticket == ticket
            assert Outbox(engine).take() == announced

    def test_parents_are_told_of_what_concerns_them_in_their_conversation(
        self, desk: TicketDesk, store: ConversationStore, engine: Engine
    ) -> None:
        conversation, _ = store.create(Scope("chongqing"), [])
        ticket = made(desk, by=PARENT, conversation_id=conversation.id)
        ticket = give(desk, give(desk, ticket, "claim"), "note", text="内部记录")
        ticket = give(desk, ticket, "reply", text="请重新上传")
        desk.hear_parent(ticket.id, "还是不行", PARENT)
        told = [(one.kind, one.message) for one in Outbox(engine).take() if one.to_parent]
        assert told == [("dispatch", None), ("reply", "reply")]
        assert {one.ticket.conversation_id for one in Outbox(engine).take()} == {conversation.id}
        assert desk.of_conversation(conversation.id) == desk.read(ticket.id, Reach()).ticket

    def test_parent_calls_an_answered_ticket_solved_and_may_do_so_twice(self, desk: TicketDesk) -> None:
        ticket = give(desk, made(desk, by=PARENT), "claim")
        with pytest.raises(IllegalTransitionError):
            desk.hear_solved(ticket.id, PARENT)
        give(desk, ticket, "reply", text="请重新上传")
        solved = desk.hear_solved(ticket.id, PARENT)
        assert (solved.state, solved.holder, solved.settled_at) == ("resolved", None, NOW)
        assert desk.hear_solved(ticket.id, PARENT) == solved
        last = desk.read(ticket.id, Reach()).events[-1]
        assert (last.kind, last.by) == ("resolve", PARENT)
        with pytest.raises(NotFoundError):
            desk.hear_solved("t-0", PARENT)

    def test_of_a_conversations_tickets_the_unsettled_one_is_found(
        self, desk: TicketDesk, store: ConversationStore, later: Later
    ) -> None:
        conversation, _ = store.create(Scope("chongqing"), [])
        assert desk.unsettled(conversation.id) is None
        first = made(desk, "k-1", PARENT, conversation_id=conversation.id)
        later(timedelta(minutes=1))
        second = made(desk, "k-2", PARENT, conversation_id=conversation.id)
        assert desk.unsettled(conversation.id) == second
        give(desk, give(desk, second, "claim"), "resolve")
        assert desk.unsettled(conversation.id) == first
        made(desk, "k-3")
        assert desk.unsettled(conversation.id) == first

    def test_ticket_of_a_call_is_announced_to_desks_only(self, desk: TicketDesk, engine: Engine) -> None:
        made(desk, call_id="call-1")
        assert [one.to_parent for one in Outbox(engine).take()] == [False, False]


class TestTime:
    def test_ticket_that_nobody_takes_climbs_level_by_level_before_it_is_late(
        self, desk: TicketDesk, engine: Engine
    ) -> None:
        ticket = made(desk)
        now, levels = NOW, []
        while now < ticket.due_at:
            now += timedelta(minutes=5)
            desk.climb_due(now)
            levels.append(desk.read(ticket.id, Reach()).ticket.level)
        assert list(dict.fromkeys(levels)) == ["school", "district", "city"]
        file = desk.read(ticket.id, Reach())
        assert file.ticket.due_at == ticket.due_at, "what was promised stays"
        assert file.ticket.climb_at is None
        climbs = [one for one in file.events if one.kind == "climb"]
        assert [(one.level_before, one.level, one.by.id) for one in climbs] == [
            ("school", "district", "system"),
            ("district", "city", "system"),
        ]
        assert all(one.why and one.at < ticket.due_at for one in climbs)

    def test_ticket_that_somebody_took_does_not_climb(self, desk: TicketDesk) -> None:
        ticket = give(desk, made(desk), "claim")
        assert desk.climb_due(ticket.due_at) == 0
        assert desk.read(ticket.id, Reach()).ticket == ticket

    def test_two_processes_climb_it_once(self, desk: TicketDesk, engine: Engine) -> None:
        ticket = made(desk)
        desks = [TicketDesk(engine, own_rules()) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            moved = list(pool.map(lambda one: one.climb_due(ticket.climb_at or NOW), desks))
        assert sum(moved) == 1
        assert desk.read(ticket.id, Reach()).ticket.level == "district"

    def test_late_stays_late_when_it_climbs_afterwards(self, desk: TicketDesk) -> None:
        ticket = made(desk)
        now = ticket.due_at + timedelta(days=1)
        desk.climb_due(now)
        climbed = desk.read(ticket.id, Reach()).ticket
        assert (climbed.level, climbed.due_at, climbed.warn_at) == ("district", ticket.due_at, ticket.warn_at)
        assert climbed.climb_at
        assert climbed.climb_at > now

    def test_given_back_it_has_time_to_be_taken_before_it_climbs(self, desk: TicketDesk, later: Later) -> None:
        ticket = made(desk)
        assert ticket.climb_at
        ticket = give(desk, ticket, "claim")
        later(ticket.climb_at - NOW + timedelta(minutes=30))  # type: ignore[operator]
        given = give(desk, ticket, "release")
        assert clock.now() < (given.climb_at or NOW) < given.due_at == ticket.due_at

    def test_clock_stands_while_the_parent_is_asked_and_starts_anew_with_the_answer(
        self, desk: TicketDesk, later: Later
    ) -> None:
        ticket = give(desk, made(desk), "claim")
        ticket = give(desk, ticket, "ask_parent", text="请补充照片")
        later(timedelta(days=20))
        assert desk.listed(Filter(late_soon=True), Reach(), clock.now()).tickets == ()
        heard = desk.hear_parent(ticket.id, "补充了", PARENT)
        assert heard.state == "working"
        assert clock.now() < heard.warn_at < heard.due_at

    def test_who_is_away_holds_nothing(self, desk: TicketDesk, engine: Engine) -> None:
        ticket = give(desk, made(desk), "claim")
        book = own_rules()
        away = [{"staff": TEACHER.id, "days": ["2026-07-02"], "because": "请假"}]
        calendar = Calendar.model_validate({**book.calendar.model_dump(), "away": away})
        other = TicketDesk(engine, RuleBook(book.levels, book.routing, calendar))
        assert other.climb_due(NOW) == 0
        assert other.climb_due(NOW + timedelta(days=1)) == 1
        freed = desk.read(ticket.id, Reach())
        assert (freed.ticket.state, freed.ticket.holder, freed.events[-1].by.id) == ("assigned", None, "system")

    def test_what_climbs_to_a_team_that_is_away_goes_on_with_the_next_round(
        self, desk: TicketDesk, engine: Engine
    ) -> None:
        ticket = made(desk)
        assert ticket.climb_at
        days = [str(NOW.date() + timedelta(days=number)) for number in range(9)]
        away = [{"city": ticket.place.city, "district": ticket.place.district, "days": days, "because": "培训"}]
        book = own_rules()
        calendar = Calendar.model_validate({**book.calendar.model_dump(), "away": away})
        other = TicketDesk(engine, RuleBook(book.levels, book.routing, calendar))
        for level in ("district", "city"):
            assert other.climb_due(ticket.climb_at) == 1
            assert desk.read(ticket.id, Reach()).ticket.level == level
        assert other.climb_due(ticket.climb_at) == 0

    def test_resolved_it_is_closed_after_seven_days_and_can_be_reopened_until_then(
        self, desk: TicketDesk, later: Later
    ) -> None:
        ticket = give(desk, give(desk, made(desk), "claim"), "resolve", text="已处理好")
        assert desk.climb_due(NOW + timedelta(days=6)) == 0
        later(timedelta(days=7))
        reopened = desk.hear_parent(ticket.id, "还是不行", PARENT)
        assert (reopened.state, reopened.settled_at) == ("assigned", None)
        assert desk.read(ticket.id, Reach()).messages[-1].text == "还是不行"
        ticket = give(desk, give(desk, reopened, "claim"), "resolve")
        assert desk.climb_due(NOW + timedelta(days=14)) == 1
        later(timedelta(days=14, seconds=1))
        with pytest.raises(IllegalTransitionError, match="七天"):
            desk.hear_parent(ticket.id, "又来了", PARENT)


class TestListing:
    def test_pages_hold_each_ticket_once_earliest_answer_first_settled_last(
        self, desk: TicketDesk, later: Later
    ) -> None:
        for n in range(7):
            later(timedelta(minutes=n // 2))  # some are due at the same moment
            made(desk, f"k-{n}", urgency="urgent" if n % 2 else "normal")
        settled = give(desk, give(desk, made(desk, "k-settled", urgency="urgent"), "claim"), "resolve")
        found: list[Ticket] = []
        cursor = None
        while True:
            page = desk.listed(Filter(limit=3, cursor=cursor), Reach(), clock.now())
            found += page.tickets
            cursor = page.cursor
            if cursor is None:
                break
            assert len(page.tickets) == 3
        assert len({one.id for one in found}) == len(found) == 8
        assert found[-1].id == settled.id
        assert [one.due_at for one in found[:-1]] == sorted(one.due_at for one in found[:-1])

    def test_filters(self, desk: TicketDesk) -> None:
        plain = made(desk, "k-1")
        urgent = made(desk, "k-2", urgency="urgent", place=Place("chongqing", "北碚区"))
        held = give(desk, made(desk, "k-3", place=Place("qingdao", "市南区", "某小学")), "claim")

        def ids(**wanted: Any) -> set[str]:
            return {one.id for one in desk.listed(Filter(**wanted), Reach(), NOW).tickets}

        assert ids() == {plain.id, urgent.id, held.id}
        assert ids(states=("working",)) == {held.id}
        assert ids(states=("working", "assigned"), levels=("school",)) == {plain.id, held.id}
        assert ids(urgencies=("urgent",)) == {urgent.id}
        assert ids(district="北碚区") == {urgent.id}
        assert ids(school="某小学") == {held.id}
        assert ids(holder=TEACHER.id) == {held.id}
        assert ids(number=plain.number) == {plain.id}
        assert ids(late_soon=True) == set()
        soon = desk.listed(Filter(late_soon=True), Reach(), urgent.warn_at).tickets
        assert [one.id for one in soon] == [urgent.id]
        assert urgent.warn_at < urgent.due_at

    @pytest.mark.parametrize(
        "cursor", ["x", "!!!!", "WzEsMl0=", "bnVsbA==", "WzAsIjIwMjYtMDctMDFUMDA6MDA6MDAiLCJhIl0="]
    )
    def test_cursor_that_is_none_of_ours_is_refused(self, desk: TicketDesk, cursor: str) -> None:
        with pytest.raises(MalformedRequestError):
            desk.listed(Filter(cursor=cursor), Reach(), NOW)

    @pytest.mark.parametrize(
        ("reach", "seen"),
        [
            (Reach(), {"school", "other school", "district", "other district", "city", "other city"}),
            (Reach("chongqing"), {"school", "other school", "district", "other district", "city"}),
            (Reach("chongqing", "渝北区"), {"school", "other school", "district"}),
            (Reach("chongqing", "渝北区", SCHOOL.school), {"school"}),
            (Reach("chongqing", "北碚区", SCHOOL.school), set()),
            (Reach("qingdao"), {"other city"}),
            (Reach("qingdao", "渝北区"), set()),
            (Reach(made_by=AGENT.id), {"school", "city"}),
            (Reach("qingdao", made_by=AGENT.id), set()),
        ],
    )
    def test_each_sees_what_is_in_reach_and_reads_acts_on_nothing_else(
        self, desk: TicketDesk, reach: Reach, seen: set[str]
    ) -> None:
        places = {
            "school": (SCHOOL, AGENT),
            "other school": (Place("chongqing", "渝北区", "另一所小学"), OFFICER),
            "district": (Place("chongqing", "渝北区"), OFFICER),
            "other district": (Place("chongqing", "北碚区"), OFFICER),
            "city": (Place("chongqing"), AGENT),
            "other city": (Place("qingdao", "市南区"), OFFICER),
        }
        tickets = {name: made(desk, name, by, place=place) for name, (place, by) in places.items()}
        listed = {one.id for one in desk.listed(Filter(), reach, NOW).tickets}
        assert {name for name, ticket in tickets.items() if ticket.id in listed} == seen
        for name, ticket in tickets.items():
            command = Command("note", ticket.version, text="记录")
            if name in seen:
                assert desk.read(ticket.id, reach).ticket == ticket
                assert desk.act(ticket.id, command, TEACHER, reach).ticket.version == 3
                continue
            with pytest.raises(NotFoundError):
                desk.read(ticket.id, reach)
            with pytest.raises(NotFoundError):
                desk.act(ticket.id, command, TEACHER, reach)

    @pytest.mark.parametrize("ticket_id", ["", "nowhere", "\x00", "t" * 5000, "工单"])
    def test_what_is_not_there_is_not_found(self, desk: TicketDesk, ticket_id: str) -> None:
        with pytest.raises(NotFoundError):
            desk.read(ticket_id, Reach())


class TestPurge:
    def test_old_tickets_without_a_conversation_go_with_all_their_parts(
        self, desk: TicketDesk, engine: Engine, later: Later
    ) -> None:
        for n in range(53):
            made(desk, f"k-{n}")
        later(timedelta(days=100))
        kept = give(desk, made(desk, "k-new"), "claim")
        before: datetime = NOW + timedelta(days=1)
        counts = count_tickets(engine, before)
        assert counts == {
            "tickets": 53,
            "ticket_messages": 53,
            "ticket_events": 106,
            "outbox": 106,
            "ticket_watchers": 0,
            "incident_tickets": 0,
            "ticket_attachments": 0,
            "notifications": 0,
        }
        assert purge_tickets(engine, before, pause=0) == counts
        assert rows(engine) == [1, 1, 3, 3]
        assert desk.read(kept.id, Reach()).ticket == kept
        assert set(purge_tickets(engine, before, pause=0).values()) == {0}

    def test_tickets_of_conversations_wait_for_those(
        self, desk: TicketDesk, store: ConversationStore, engine: Engine
    ) -> None:
        conversation, _ = store.create(Scope("chongqing"), [])
        made(desk, conversation_id=conversation.id)
        assert purge_tickets(engine, NOW + timedelta(days=900), pause=0)["tickets"] == 0
