"""Incidents on both databases: proposed, opened, told once to each ticket whatever dies in between, closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select
from ticket_made import NOW, SCHOOL, actor

from conversations.storage import ConversationStore
from core import clock
from core.errors import (
    ConflictError,
    IllegalTransitionError,
    MalformedRequestError,
    NotFoundError,
    VersionConflictError,
)
from core.scope import Scope
from escalation.desk import Draft, TicketDesk
from escalation.incident_desk import NewIncident, Proposal
from escalation.incidents import UNSORTED, Incident, Matter, nearest
from escalation.listing import Reach
from escalation.outbox import Outbox
from escalation.purge import purge_tickets
from escalation.routing import own_rules
from escalation.rules import Command, Place, Ticket
from escalation.tables import IncidentTicketRow, TicketMessageRow

AGENT, TEACHER, OFFICER = actor("agent"), actor("school"), actor("district")
YUBEI = Reach("chongqing", "渝北区")
FACES = Matter("chongqing", "渝北区", "face_scan_no_child", "cq-10")
MINUTE = timedelta(minutes=1)
Later = Callable[[timedelta], None]
pytestmark = pytest.mark.usefixtures("later")


@pytest.fixture
def database_url(own_database_url: str) -> str:
    return own_database_url


def made(desk: TicketDesk, key: str, **changes: Any) -> Ticket:
    draft = Draft(key, SCHOOL, "刷脸查不到孩子", entry="cq-10", topic="face_scan_no_child")
    return desk.create(replace(draft, **changes), AGENT)[0]


def pile(desk: TicketDesk, number: int, **changes: Any) -> list[Ticket]:
    return [made(desk, f"{changes}-{n}", **changes) for n in range(number)]


def opened(desk: TicketDesk, matter: Matter = FACES, text: str = "刷脸系统正在抢修。", **more: Any) -> Incident:
    return desk.incidents.open(NewIncident(matter, "刷脸故障", text, **more), OFFICER, Reach(matter.city))


def tell_all(desk: TicketDesk) -> None:
    while desk.tell_incidents(clock.now()):
        pass


def told(desk: TicketDesk, ticket: Ticket) -> list[str]:
    file = desk.read(ticket.id, Reach())
    steps = {one.version for one in file.events if one.kind == "inform"}
    return [one.text for one in file.messages if one.version in steps]


def settle(desk: TicketDesk, ticket: Ticket) -> None:
    for act in ("claim", "resolve"):
        version = desk.find(ticket.id, Reach()).version
        desk.act(ticket.id, Command(act, version), TEACHER, Reach())  # type: ignore[arg-type]


class TestProposing:
    def test_the_fifth_ticket_of_a_district_within_the_hour_proposes(self, desk: TicketDesk) -> None:
        pile(desk, 4)
        assert desk.incidents.proposals(YUBEI, NOW) == []
        made(desk, "fifth")
        assert desk.incidents.proposals(YUBEI, NOW) == [Proposal(FACES, 5, NOW)]

    def test_what_is_older_settled_elsewhere_or_about_something_else_does_not_count(
        self, desk: TicketDesk, later: Later
    ) -> None:
        made(desk, "old")
        later(61 * MINUTE)
        tickets = pile(desk, 4)
        made(desk, "beibei", place=Place("chongqing", "北碚区"))
        made(desk, "nowhere", place=Place("chongqing"))
        made(desk, "other", entry="cq-11")
        made(desk, "same topic without an entry", entry=None)
        assert desk.incidents.proposals(Reach(), clock.now()) == []
        settle(desk, tickets[0])
        made(desk, "fifth")
        assert desk.incidents.proposals(Reach(), clock.now()) == []
        made(desk, "sixth")
        assert [one.tickets for one in desk.incidents.proposals(Reach(), clock.now())] == [5]

    def test_tickets_without_an_entry_pile_up_by_topic(self, desk: TicketDesk) -> None:
        pile(desk, 5, entry=None, topic="login_trouble")
        matter = Matter("chongqing", "渝北区", "login_trouble")
        assert desk.incidents.proposals(Reach(), NOW) == [Proposal(matter, 5, NOW)]

    def test_tickets_of_which_nothing_in_common_is_known_are_no_failure(self, desk: TicketDesk) -> None:
        pile(desk, 8, entry=None, topic=UNSORTED)
        assert desk.incidents.proposals(Reach(), NOW) == []

    def test_an_incident_of_no_topic_is_of_the_chosen_tickets_alone(self, desk: TicketDesk) -> None:
        matter = Matter("chongqing", "渝北区", UNSORTED)
        chosen, other = (made(desk, key, entry=None, topic=UNSORTED) for key in ("chosen", "other"))
        with pytest.raises(MalformedRequestError, match="逐个选出工单"):
            opened(desk, matter)
        incident = opened(desk, matter, ticket_ids=(chosen.id,))
        later = made(desk, "later", entry=None, topic=UNSORTED)
        tell_all(desk)
        assert [told(desk, one) for one in (chosen, other, later)] == [["刷脸系统正在抢修。"], [], []]
        assert not incident.matter.covers(matter)

    def test_a_proposal_stays_within_its_reach(self, desk: TicketDesk) -> None:
        pile(desk, 5)
        assert desk.incidents.proposals(Reach("chongqing", "北碚区"), NOW) == []
        assert desk.incidents.proposals(Reach("qingdao"), NOW) == []
        assert len(desk.incidents.proposals(Reach("chongqing"), NOW)) == 1

    @pytest.mark.parametrize(
        "matter",
        [FACES, replace(FACES, district=None), replace(FACES, entry=None)],
        ids=["district", "whole city", "topic"],
    )
    def test_a_covered_proposal_is_gone_until_the_incident_is_closed(self, desk: TicketDesk, matter: Matter) -> None:
        pile(desk, 5)
        incident = opened(desk, matter)
        assert desk.incidents.proposals(YUBEI, NOW) == []
        desk.incidents.close(incident.id, 1, "已恢复。", OFFICER, Reach("chongqing"))
        assert len(desk.incidents.proposals(YUBEI, NOW)) == 1


class TestTelling:
    def test_every_ticket_gets_each_text_once_and_nobodys_work_is_touched(self, desk: TicketDesk) -> None:
        tickets = pile(desk, 25)
        held = desk.act(tickets[0].id, Command("claim", 2), TEACHER, Reach()).ticket
        incident = opened(desk)
        tell_all(desk)
        desk.incidents.write(incident.id, 1, "预计下午恢复。", OFFICER, YUBEI)
        desk.incidents.close(incident.id, 2, "已恢复，请重试。", OFFICER, YUBEI)
        tell_all(desk)
        assert [told(desk, one) for one in tickets] == [
            ["刷脸系统正在抢修。", "预计下午恢复。", "已恢复，请重试。"]
        ] * 25
        now = desk.find(held.id, Reach())
        same = ("state", "holder", "holder_name", "level", "due_at", "warn_at", "climb_at", "urgency", "settled_at")
        assert [getattr(now, name) for name in same] == [getattr(held, name) for name in same]
        assert desk.tell_incidents(NOW) == 0

    def test_each_step_is_announced_to_the_parent(self, desk: TicketDesk, store: ConversationStore) -> None:
        conversation, _ = store.create(Scope("chongqing"), [])
        made(desk, "k-1", conversation_id=conversation.id)
        opened(desk)
        tell_all(desk)
        steps = [(one.kind, one.to_parent, one.text) for one in Outbox(store.engine).take()]
        assert steps[-1] == ("inform", True, "刷脸系统正在抢修。")

    def test_a_new_ticket_attaches_at_once_with_the_present_text_alone(self, desk: TicketDesk) -> None:
        incident = opened(desk)
        desk.incidents.write(incident.id, 1, "预计下午恢复。", OFFICER, YUBEI)
        ticket = made(desk, "new")
        assert told(desk, ticket) == ["预计下午恢复。"]
        assert desk.read(ticket.id, Reach()).incident == desk.incidents.read(incident.id, None, None).incident
        tell_all(desk)
        assert told(desk, ticket) == ["预计下午恢复。"]
        assert told(desk, made(desk, "elsewhere", place=Place("chongqing", "北碚区"))) == []
        desk.incidents.close(incident.id, 2, "已恢复。", OFFICER, YUBEI)
        assert told(desk, made(desk, "after")) == []

    def test_a_ticket_belongs_to_the_nearest_incident(self, desk: TicketDesk) -> None:
        everywhere = opened(desk, replace(FACES, district=None), "全市故障。")
        here = opened(desk, FACES, "渝北区故障。")
        assert told(desk, made(desk, "here")) == ["渝北区故障。"]
        assert told(desk, made(desk, "there", place=Place("chongqing", "北碚区"))) == ["全市故障。"]
        assert nearest([everywhere, here], FACES) == here
        assert nearest([here], replace(FACES, district=None)) is None

    def test_settled_tickets_are_not_told_and_hear_only_what_comes_after_they_are_reopened(
        self, desk: TicketDesk
    ) -> None:
        ticket = made(desk, "k-1")
        incident = opened(desk)
        tell_all(desk)
        settle(desk, ticket)
        desk.incidents.write(incident.id, 1, "预计下午恢复。", OFFICER, YUBEI)
        tell_all(desk)
        desk.act(ticket.id, Command("reopen", desk.find(ticket.id, Reach()).version, why="还是不行"), AGENT, Reach())
        tell_all(desk)
        desk.incidents.close(incident.id, 2, "已恢复。", OFFICER, YUBEI)
        tell_all(desk)
        assert told(desk, ticket) == ["刷脸系统正在抢修。", "已恢复。"]

    def test_named_tickets_alone_begin_it_and_must_be_of_the_place_and_the_reach(self, desk: TicketDesk) -> None:
        named, other = made(desk, "named", entry="cq-11"), made(desk, "other")
        away = made(desk, "away", place=Place("chongqing", "北碚区"))
        for ids in ((named.id, away.id), (named.id, "nowhere")):
            with pytest.raises(MalformedRequestError):
                opened(desk, ticket_ids=ids)
        assert desk.incidents.listed(None, None) == []
        clock_moved = NOW + MINUTE
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "now", lambda: clock_moved)
            opened(desk, ticket_ids=(named.id,))
            tell_all(desk)
        assert told(desk, named) == ["刷脸系统正在抢修。"]
        assert told(desk, other) == []

    def test_words_are_masked_before_they_are_kept(self, desk: TicketDesk, engine: Engine) -> None:
        made(desk, "k-1")
        incident = desk.incidents.open(
            NewIncident(FACES, "找13800138000", "请打13800138000。"), OFFICER, YUBEI
        )  # fmt: skip
        desk.incidents.write(incident.id, 1, "改打13900139000。", OFFICER, YUBEI)
        tell_all(desk)
        kept = [repr(one) for one in desk.incidents.listed(None, None)]
        with engine.connect() as connection:
            kept += connection.execute(select(TicketMessageRow.text)).scalars()
        assert "138001" not in "".join(kept)
        assert "139001" not in "".join(kept)


class _KilledError(Exception):
    """The process dies here."""


@pytest.fixture
def killed(engine: Engine) -> Iterator[Callable[[int], None]]:
    """Give `killed(n)`: the n-th statement from now on is the last, once, as when the process is killed at it."""
    left = [0]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise _KilledError

    event.listen(engine, "before_cursor_execute", count)
    yield lambda number: left.__setitem__(0, number)
    event.remove(engine, "before_cursor_execute", count)


def test_killed_at_any_statement_nothing_is_told_twice_or_lost(
    desk: TicketDesk, engine: Engine, killed: Callable[[int], None]
) -> None:
    tickets = pile(desk, 12)
    incident = opened(desk)
    desk.incidents.write(incident.id, 1, "预计下午恢复。", OFFICER, YUBEI)
    deaths = 0
    for number in range(1, 120):
        killed(number % 40 + 1)
        try:
            TicketDesk(engine, own_rules()).tell_incidents(NOW)
        except _KilledError:
            deaths += 1
    killed(0)
    tell_all(desk)
    assert deaths > 10
    for ticket in tickets:
        assert told(desk, ticket) == ["刷脸系统正在抢修。", "预计下午恢复。"]
        versions = [one.version for one in desk.read(ticket.id, Reach()).events]
        assert versions == list(range(1, desk.find(ticket.id, Reach()).version + 1))


def test_several_processes_tell_and_new_tickets_come_meanwhile(desk: TicketDesk, engine: Engine) -> None:
    tickets = pile(desk, 12)
    opened(desk)
    with ThreadPoolExecutor(5) as pool:
        work = [pool.submit(tell_all, TicketDesk(engine, own_rules())) for _ in range(4)]
        more = pool.submit(pile, desk, 12, question="也是刷脸")
        for one in work:
            one.result()
    tell_all(desk)
    assert [told(desk, one) for one in (*tickets, *more.result())] == [["刷脸系统正在抢修。"]] * 24


class TestChanging:
    def test_of_two_who_open_the_same_at_once_one_is_refused(self, desk: TicketDesk) -> None:
        def attempt(_: int) -> bool:
            try:
                opened(desk)
            except ConflictError:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(attempt, range(4))) == 1
        incident = desk.incidents.listed(None, None)[0].incident
        desk.incidents.close(incident.id, 1, "已恢复。", OFFICER, YUBEI)
        opened(desk)

    def test_who_saw_an_older_text_changes_nothing(self, desk: TicketDesk) -> None:
        incident = opened(desk)
        desk.incidents.write(incident.id, 1, "二", OFFICER, YUBEI)
        for change in (desk.incidents.write, desk.incidents.close):
            with pytest.raises(VersionConflictError):
                change(incident.id, 1, "三", OFFICER, YUBEI)
        assert desk.incidents.read(incident.id, None, None).incident.text == "二"
        closed = desk.incidents.close(incident.id, 2, "完", OFFICER, YUBEI)
        assert (closed.state, closed.closed_at, closed.version) == ("closed", NOW, 3)
        with pytest.raises(IllegalTransitionError):
            desk.incidents.write(incident.id, 3, "四", OFFICER, YUBEI)

    def test_a_district_changes_its_own_alone_and_reads_the_citys(self, desk: TicketDesk) -> None:
        whole, here = opened(desk, replace(FACES, district=None)), opened(desk)
        with pytest.raises(NotFoundError):
            desk.incidents.write(whole.id, 1, "二", OFFICER, YUBEI)
        with pytest.raises(NotFoundError):
            desk.incidents.write(here.id, 1, "二", OFFICER, Reach("chongqing", "北碚区"))
        assert {one.incident.id for one in desk.incidents.listed("chongqing", "渝北区")} == {whole.id, here.id}
        assert {one.incident.id for one in desk.incidents.listed("chongqing", "北碚区")} == {whole.id}
        assert desk.incidents.listed("qingdao", None) == []
        with pytest.raises(NotFoundError):
            desk.incidents.read(here.id, "chongqing", "北碚区")

    @pytest.mark.parametrize("incident_id", ["", "nowhere", "\x00", "t" * 5000])
    def test_what_is_not_there_is_not_found(self, desk: TicketDesk, incident_id: str) -> None:
        with pytest.raises(NotFoundError):
            desk.incidents.read(incident_id, None, None)
        with pytest.raises(NotFoundError):
            desk.incidents.close(incident_id, 1, "完", OFFICER, Reach())


def test_purged_tickets_take_their_links_along(desk: TicketDesk, engine: Engine) -> None:
    pile(desk, 3)
    opened(desk)
    tell_all(desk)
    assert desk.incidents.listed(None, None)[0].tickets == 3
    assert purge_tickets(engine, NOW + MINUTE, pause=0)["incident_tickets"] == 3
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(IncidentTicketRow)).scalar_one() == 0
