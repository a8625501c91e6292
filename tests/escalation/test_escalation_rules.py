"""No sequence of commands reaches an illegal state, loses a message, or lets two people hold one ticket."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ticket_made import NOW, PARENT, SCHOOL, a_ticket, actor

from core.errors import IllegalTransitionError
from escalation.rules import (
    ACTS,
    FROM,
    LEVELS,
    NAMES,
    REOPEN_WITHIN,
    STATES,
    SYSTEM,
    Act,
    Actor,
    Command,
    Event,
    Level,
    Message,
    Name,
    Place,
    State,
    may,
    move,
    refused,
)

CHONGQING: tuple[Level, ...] = LEVELS
QINGDAO: tuple[Level, ...] = ("school", "district")
PEOPLE = [PARENT, SYSTEM, actor("agent"), *(actor(role, n) for role in LEVELS for n in (1, 2))]
COMMANDS = st.builds(
    Command,
    name=st.sampled_from(NAMES),
    version=st.just(0),
    text=st.sampled_from(["", " ", "请补充房产证照片", "好的"]),
    why=st.sampled_from(["", "需要区里核对"]),
    to=st.sampled_from([None, *LEVELS]),
    district=st.sampled_from([None, "渝北区", "北碚区"]),
    school=st.sampled_from([None, "渝北区第一实验小学", "另一所小学"]),
)
STEPS: set[tuple[State, State]] = {
    ("new", "assigned"),
    ("assigned", "working"),
    ("working", "assigned"),
    ("working", "waiting_parent"),
    ("working", "replied"),
    ("working", "resolved"),
    ("waiting_parent", "working"),
    ("waiting_parent", "assigned"),
    ("waiting_parent", "replied"),
    ("waiting_parent", "resolved"),
    ("replied", "working"),
    ("replied", "assigned"),
    ("replied", "waiting_parent"),
    ("replied", "resolved"),
    ("resolved", "closed"),
    ("resolved", "assigned"),
    ("closed", "assigned"),
    *((state, state) for state in STATES),
}
"""Every way from one state to the next that there is."""


class AnyCommands(RuleBasedStateMachine):
    """A ticket to which anybody gives any command at any time."""

    @initialize(
        levels=st.sampled_from([CHONGQING, QINGDAO]),
        place=st.sampled_from([SCHOOL, Place("chongqing", "渝北区"), Place("chongqing")]),
    )
    def begin(self, levels: tuple[Level, ...], place: Place) -> None:
        level: Level = "school" if place.school else "district" if place.district else levels[-1]
        self.levels, self.now = levels, NOW
        self.ticket = a_ticket(state="new", version=1, place=place, level=level)
        self.events: list[Event] = []
        self.messages: list[Message] = []
        self.said: list[str] = []

    @rule(command=COMMANDS, by=st.sampled_from(PEOPLE), days=st.sampled_from([0, 0, 0, 1, 8]))
    def give(self, command: Command, by: Actor, days: int) -> None:
        self.now += timedelta(days=days, minutes=1)
        before = self.ticket
        offered = command.name in may(before, by, self.now, self.levels)
        try:
            moved = move(before, command, by, self.now, self.levels)
        except IllegalTransitionError:
            assert self.ticket == before
            return
        assert offered
        self.ticket = moved.ticket
        self.events.append(moved.event)
        self.messages += [moved.message] if moved.message else []
        self.said += [command.text] if command.text else []
        assert (before.state, moved.ticket.state) in STEPS
        assert before.state in FROM[command.name]
        if before.holder and moved.ticket.holder not in (None, before.holder):
            raise AssertionError("taken from who held it")
        if command.name in ("reply", "ask_parent"):
            assert before.holder == by.id

    @invariant()
    def state_and_holder_fit(self) -> None:
        ticket = self.ticket
        assert (ticket.state == "working") <= (ticket.holder is not None)
        assert (ticket.state in ("new", "assigned", "resolved", "closed")) <= (ticket.holder is None)
        assert (ticket.holder is None) == (ticket.holder_name is None)
        assert (ticket.state in ("resolved", "closed")) == (ticket.settled_at is not None)

    @invariant()
    def level_is_one_of_the_citys_whose_place_is_known(self) -> None:
        ticket = self.ticket
        assert ticket.level in self.levels
        assert ticket.level != "school" or (ticket.place.school and ticket.place.district)
        assert ticket.level != "district" or ticket.place.district or self.levels == QINGDAO
        assert not ticket.place.school or ticket.place.district

    @invariant()
    def every_move_left_one_event_with_who_and_when(self) -> None:
        assert [event.version for event in self.events] == list(range(2, self.ticket.version + 1))
        assert all(event.by.id and event.at <= self.now for event in self.events)
        assert all(event.why for event in self.events if event.kind in ("transfer", "reopen"))

    @invariant()
    def no_message_is_lost(self) -> None:
        assert [message.text for message in self.messages] == self.said


AnyCommands.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestAnyCommands = AnyCommands.TestCase


def test_the_way_of_a_ticket_from_new_to_closed() -> None:
    ticket, school = a_ticket(state="new", version=1), actor("school")
    steps: list[tuple[Command, Actor, State]] = [
        (Command("dispatch", 1), SYSTEM, "assigned"),
        (Command("claim", 2), school, "working"),
        (Command("ask_parent", 3, text="请补充户口簿首页"), school, "waiting_parent"),
        (Command("add", 4, text="补充了"), PARENT, "working"),
        (Command("reply", 5, text="已核对"), school, "replied"),
        (Command("resolve", 6), PARENT, "resolved"),
        (Command("close", 7), SYSTEM, "closed"),
        (Command("reopen", 8, why="还是不行"), PARENT, "assigned"),
    ]
    for command, by, state in steps:
        ticket = move(ticket, command, by, NOW, CHONGQING).ticket
        assert ticket.state == state


@pytest.mark.parametrize("state", ["resolved", "closed"])
@pytest.mark.parametrize(("late", "allowed"), [(timedelta(0), True), (timedelta(seconds=1), False)])
def test_parent_reopens_within_seven_days_and_not_later(state: State, late: timedelta, allowed: bool) -> None:
    ticket = a_ticket(state=state, settled_at=NOW)
    refusal = refused(ticket, Command("reopen", 2, why="没解决"), PARENT, NOW + REOPEN_WITHIN + late, CHONGQING)
    assert (refusal is None) == allowed


def test_handed_up_and_back_down_it_is_free_for_the_next_to_take() -> None:
    school, district = actor("school"), actor("district")
    ticket = a_ticket(state="working", holder=school.id, holder_name=school.name)
    up = move(ticket, Command("transfer", 2, why="需核对出生证", to="district"), school, NOW, CHONGQING).ticket
    assert (up.level, up.state, up.holder, up.place) == ("district", "assigned", None, SCHOOL)
    taken = move(up, Command("claim", 3), district, NOW, CHONGQING).ticket
    down = move(taken, Command("transfer", 4, why="请学校联系", to="school"), district, NOW, CHONGQING).ticket
    assert (down.level, down.state, down.holder) == ("school", "assigned", None)


def test_another_district_forgets_the_school() -> None:
    command = Command("transfer", 2, why="户籍在北碚", to="district", district="北碚区")
    moved = move(a_ticket(level="district"), command, actor("district"), NOW, CHONGQING)
    assert moved.ticket.place == Place("chongqing", "北碚区")


@pytest.mark.parametrize(
    ("to", "levels", "place"),
    [
        ("city", QINGDAO, SCHOOL),
        ("school", CHONGQING, Place("chongqing", "渝北区")),
        ("district", CHONGQING, Place("chongqing")),
        ("district", CHONGQING, SCHOOL),
        (None, CHONGQING, SCHOOL),
    ],
)
def test_nothing_is_handed_to_where_nobody_is(to: Level | None, levels: tuple[Level, ...], place: Place) -> None:
    ticket = a_ticket(level="district" if place == SCHOOL else levels[-1], place=place)
    with pytest.raises(IllegalTransitionError):
        move(ticket, Command("transfer", 2, why="转", to=to), actor("city"), NOW, levels)


def test_a_ticket_at_the_top_does_not_climb() -> None:
    for levels in (CHONGQING, QINGDAO):
        assert refused(a_ticket(level=levels[-1]), Command("climb", 2), SYSTEM, NOW, levels)
    assert move(a_ticket(), Command("climb", 2), SYSTEM, NOW, CHONGQING).ticket.level == "district"


@pytest.mark.parametrize("name", get_args(Act))
@pytest.mark.parametrize("role", LEVELS)
@pytest.mark.parametrize("level", LEVELS)
def test_only_the_tickets_level_and_those_above_work_on_it(name: Act, role: Level, level: Level) -> None:
    if name in ("note", "reopen"):
        return
    who = actor(role)
    state: State = "resolved" if name == "close" else "assigned" if name in ("claim", "transfer") else "working"
    held = {"holder": "somebody", "holder_name": "某人"} if state == "working" else {}
    ticket = a_ticket(level=level, state=state, settled_at=NOW if state == "resolved" else None, **held)
    above = LEVELS.index(role) - LEVELS.index(level)
    expected = above >= 0 if not held else above > 0 and name == "release"
    assert (name in may(ticket, who, NOW, CHONGQING)) == expected


@pytest.mark.parametrize("state", STATES)
def test_inform_is_the_systems_alone_and_changes_nothing_but_the_version(state: State) -> None:
    holder = "school-1" if state == "working" else None
    ticket = a_ticket(state=state, holder=holder, holder_name=holder and "王老师")
    command = Command("inform", 2, text="刷脸系统正在抢修。", why="刷脸故障")
    people = [who for who in PEOPLE if not refused(ticket, command, who, NOW, CHONGQING)]
    assert people == ([] if state in ("resolved", "closed") else [SYSTEM])
    if people:
        moved = move(ticket, command, SYSTEM, NOW, CHONGQING)
        assert moved.ticket == replace(ticket, version=3, updated_at=NOW)
        assert moved.message
        assert (moved.message.kind, moved.message.text) == ("reply", command.text)
        with pytest.raises(IllegalTransitionError):
            move(ticket, replace(command, text=" "), SYSTEM, NOW, CHONGQING)


def test_agent_may_note_and_reopen_only() -> None:
    for state in STATES:
        settled = NOW if state in ("resolved", "closed") else None
        expected = {"note", "reopen"} if settled else {"note"}
        assert set(may(a_ticket(state=state, settled_at=settled), actor("agent"), NOW, CHONGQING)) == expected


def test_every_state_but_new_is_left_by_somebodys_command() -> None:
    names: set[Name] = {name for name in NAMES if name != "note"}
    assert all(any(state in FROM[name] for name in names) for state in STATES)
    assert set(ACTS) < set(NAMES)
