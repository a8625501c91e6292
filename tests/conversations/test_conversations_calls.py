"""What the store of the hotline's calls must do, on SQLite and on PostgreSQL."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, insert, select, update

from conversations.migrate import migrate
from conversations.storage import open_engine
from core import clock
from core.errors import ApiError, NotFoundError
from hotline.calls import RESULTS, Call, CallClosedError, CallOpenError, CallStore, EventKind, Happened
from hotline.purge import count_calls, purge_calls
from hotline.tables import CallEventRow, CallLookupRow, CallRow

NOON = datetime(2026, 4, 17, 4, 0, tzinfo=UTC)
"""12:00 in China."""


@pytest.fixture
def calls(engine: Engine) -> CallStore:
    return CallStore(engine)


@pytest.fixture
def agent() -> str:
    """Give the id of an agent whom no other test knows: PostgreSQL's tables are shared."""
    return f"agent-{uuid.uuid4()}"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Clock:
    """Stands still where it is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self(NOON)

    def __call__(self, moment: datetime) -> None:
        self._patch.setattr(clock, "now", lambda: moment)


def happened(kind: EventKind, question: str = "刷脸查不到孩子", *, key: str = "", ago: float = 0) -> Happened:
    return Happened(key or str(uuid.uuid4()), kind, "cq-10", question, timedelta(seconds=ago))


def test_a_call_begins_empty_is_found_open_and_ends_with_its_result_and_duration(
    calls: CallStore, agent: str, at: Clock
) -> None:
    call = calls.start(agent, "chongqing", "渝北区")
    assert (call.city, call.district, call.note, call.result, call.ended_at) == ("chongqing", "渝北区", "", None, None)
    assert calls.open_call(agent) == call
    at(NOON + timedelta(seconds=75))
    ended = calls.end(agent, call.id, "answered")
    assert (ended.result, ended.seconds) == ("answered", 75)
    assert ended.started_at.tzinfo is not None
    assert calls.open_call(agent) is None
    assert calls.get(agent, call.id) == ended


def test_an_agent_has_one_open_call_and_is_told_which(calls: CallStore, agent: str) -> None:
    first = calls.start(agent, None, None)
    with pytest.raises(CallOpenError) as refused:
        calls.start(agent, None, None)
    assert refused.value.details == {"call_id": first.id}
    calls.end(agent, first.id, "dropped")
    assert calls.start(agent, None, None).id != first.id


def test_many_starts_at_once_open_one_call(calls: CallStore, agent: str, engine: Engine) -> None:
    def start(_: int) -> bool:
        try:
            calls.start(agent, None, None)
        except CallOpenError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(24))) == 1
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(CallRow).where(CallRow.staff == agent)) == 1


def test_a_start_that_is_repeated_by_its_id_is_one_call(calls: CallStore, agent: str) -> None:
    wanted = str(uuid.uuid4())
    assert calls.start(agent, "qingdao", None, wanted) == calls.start(agent, "qingdao", None, wanted)
    calls.end(agent, wanted, "answered")
    with pytest.raises(CallOpenError):
        calls.start(agent, "qingdao", None, wanted)
    with pytest.raises(CallOpenError):
        calls.start(f"{agent}-other", "qingdao", None, wanted)


def test_nobody_sees_or_changes_anothers_call(calls: CallStore, agent: str) -> None:
    call = calls.start(agent, None, None)
    other = f"{agent}-other"
    for act in (
        lambda: calls.get(other, call.id),
        lambda: calls.change(other, call.id, {"note": "x"}),
        lambda: calls.add(other, call.id, [happened("told")]),
        lambda: calls.end(other, call.id, "dropped"),
        lambda: calls.escalate(other, call.id),
        lambda: calls.get(agent, str(uuid.uuid4())),
    ):
        with pytest.raises(NotFoundError):
            act()
    assert calls.open_call(other) is None
    assert calls.of_day(other, clock.today()) == []
    assert calls.get(agent, call.id) == call


def test_the_five_events_are_kept_in_order_and_masked(calls: CallStore, agent: str) -> None:
    call = calls.start(agent, None, None)
    kinds: list[EventKind] = ["displayed", "chosen", "copied", "told", "wrong"]
    kept = calls.add(agent, call.id, [happened(kind, "我手机13812345678收不到") for kind in kinds]).events
    assert [event.kind for event in kept] == kinds
    assert {event.question for event in kept} == {"我手机[手机号]收不到"}


def test_a_question_for_which_nothing_was_shown_is_kept_without_an_entry(calls: CallStore, agent: str) -> None:
    call = calls.start(agent, None, None)
    asked = [Happened("key-00001", "asked", "", "校车怎么坐"), happened("told")]
    kept = calls.add(agent, call.id, asked)
    assert kept.questions == ["校车怎么坐", "刷脸查不到孩子"]
    assert [(event.kind, event.entry_id) for event in kept.events] == [("asked", ""), ("told", "cq-10")]


def test_an_event_that_comes_twice_is_kept_once(calls: CallStore, agent: str) -> None:
    call = calls.start(agent, None, None)
    calls.add(agent, call.id, [happened("told", key="key-00001")])
    twice = [happened("told", key=key) for key in ("key-00001", "key-00002", "key-00002")]
    assert len(calls.add(agent, call.id, twice).events) == 2


def test_events_that_come_late_stand_where_they_happened(calls: CallStore, agent: str, at: Clock) -> None:
    call = calls.start(agent, None, None)
    at(NOON + timedelta(seconds=30))
    calls.add(agent, call.id, [happened("told", "后问的", ago=0)])
    late = [happened("displayed", "先问的", ago=20), happened("chosen", "远", ago=999)]
    events = calls.add(agent, call.id, late).events
    assert [(event.question, event.at) for event in events] == [
        ("远", NOON),
        ("先问的", NOON + timedelta(seconds=10)),
        ("后问的", NOON + timedelta(seconds=30)),
    ]


def test_questions_asked_come_from_the_events(calls: CallStore, agent: str) -> None:
    call = calls.start(agent, None, None)
    typed = ("刷脸", "刷脸查不到孩子", "刷脸查不到孩子", "房产证传哪几页")
    assert calls.add(agent, call.id, [happened("displayed", text) for text in typed]).questions == [
        "刷脸查不到孩子",
        "房产证传哪几页",
    ]


def test_what_is_changed_changes_alone_and_a_note_is_masked(calls: CallStore, agent: str) -> None:
    call = calls.start(agent, "chongqing", "渝北区")
    changed = calls.change(agent, call.id, {"note": "回电13812345678，身份证11010119900307123X"})
    assert (changed.note, changed.city) == ("回电[手机号]，身份证[身份证号]", "chongqing")
    changed = calls.change(agent, call.id, {"city": "qingdao", "district": None})
    assert (changed.city, changed.district, changed.note) == ("qingdao", None, "回电[手机号]，身份证[身份证号]")
    assert calls.change(agent, call.id, {}) == changed


def test_an_ended_call_takes_note_result_events_and_escalation_on_its_day_only(
    calls: CallStore, agent: str, at: Clock
) -> None:
    call = calls.start(agent, None, None)
    ended = calls.end(agent, call.id, "dropped")
    at(NOON + timedelta(hours=11, minutes=59))
    assert calls.end(agent, call.id, "called_back").ended_at == ended.ended_at
    assert calls.change(agent, call.id, {"note": "已回电"}).note == "已回电"
    assert len(calls.add(agent, call.id, [happened("told")]).events) == 1
    escalated = calls.escalate(agent, call.id).escalated_at
    assert calls.escalate(agent, call.id).escalated_at == escalated
    at(NOON + timedelta(hours=12))
    for act in (
        lambda: calls.end(agent, call.id, "answered"),
        lambda: calls.change(agent, call.id, {"note": ""}),
        lambda: calls.add(agent, call.id, [happened("told")]),
        lambda: calls.escalate(agent, call.id),
    ):
        with pytest.raises(CallClosedError):
            act()
    assert calls.get(agent, call.id).note == "已回电"


def test_a_call_that_nobody_ended_can_be_ended_the_next_day(calls: CallStore, agent: str, at: Clock) -> None:
    call = calls.start(agent, None, None)
    at(NOON + timedelta(days=1))
    assert calls.open_call(agent) == call
    assert calls.end(agent, call.id, "dropped").seconds == 24 * 60 * 60


def test_a_day_is_chinas_and_its_last_call_stands_first(calls: CallStore, agent: str, at: Clock) -> None:
    started: list[Call] = []
    for hours in (-12, -11, 0, 11, 12):
        at(NOON + timedelta(hours=hours))
        call = calls.start(agent, None, None)
        started.append(calls.end(agent, call.id, "answered"))
    assert calls.of_day(agent, NOON.date()) == [started[3], started[2], started[1], started[0]]
    assert calls.of_day(agent, NOON.date() + timedelta(days=1)) == [started[4]]


@pytest.mark.parametrize("result", RESULTS)
def test_every_result_can_be_kept(calls: CallStore, agent: str, result: str) -> None:
    call = calls.start(agent, None, None)
    assert calls.end(agent, call.id, result).result == result  # type: ignore[arg-type]


def test_refusals_have_codes_of_their_own() -> None:
    errors: list[type[ApiError]] = [CallOpenError, CallClosedError]
    assert [(error.status, error.code) for error in errors] == [(409, "call_open"), (409, "call_closed")]


def test_old_calls_are_erased_with_events_and_look_ups_and_new_ones_stay_whole(own_database_url: str) -> None:
    engine = open_engine(own_database_url)
    migrate(engine)
    calls = CallStore(engine)
    before, kept = clock.now() - timedelta(days=180), []
    for i in range(120):
        call = calls.start(f"agent-{i}", None, None)
        calls.add(f"agent-{i}", call.id, [happened("displayed"), happened("told")])
        looked = {"call_id": call.id, "city": "qingdao", "reason": "progress", "codes_sent": 1, "codes_wrong": 0}
        with engine.begin() as connection:
            connection.execute(insert(CallLookupRow).values(**looked, verified=False, locked=False, at=clock.now()))
            if i % 10:
                old = before - timedelta(seconds=i)
                connection.execute(update(CallRow).where(CallRow.id == call.id).values(started_at=old))
        kept += [] if i % 10 else [calls.get(f"agent-{i}", call.id)]
    expected = {"calls": 108, "call_events": 216, "call_lookups": 108}
    assert count_calls(engine, before) == expected
    assert purge_calls(engine, before, pause=0) == expected
    assert purge_calls(engine, before, pause=0) == {"calls": 0, "call_events": 0, "call_lookups": 0}
    assert [calls.get(f"agent-{i}", call.id) for i, call in zip(range(0, 120, 10), kept, strict=True)] == kept
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(CallEventRow)) == 24
    engine.dispose()
