"""What became of each ticket, and how well places serve, counted by hand over three days; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, event
from ticket_made import NOW

from conversations import snapshot
from escalation import records as module
from escalation.listing import Reach
from escalation.records import TicketRecord, Wanted, count, records
from escalation.routing import own_rules
from escalation.rules import Ticket
from escalation.service import ServiceLine, service_report
from tests.escalation.ticket_days import FIRST, FRIDAY, OTHER, Days, three_days

ALL = Wanted(NOW, NOW + timedelta(days=3), Reach())


@pytest.fixture
def database_url(own_database_url: str) -> str:
    return own_database_url


@pytest.fixture
def tickets(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> dict[str, Ticket]:
    return three_days(engine, monkeypatch)


@pytest.fixture
def connection(engine: Engine, tickets: dict[str, Ticket]) -> Iterator[Connection]:
    with snapshot.snapshot(engine) as opened:
        yield opened


def found(connection: Connection, tickets: dict[str, Ticket], wanted: Wanted = ALL) -> dict[str, TicketRecord]:
    names = {ticket.id: name for name, ticket in tickets.items()}
    return {names[one.ticket.id]: one for one in records(connection, wanted, FRIDAY, with_words=True)}


def test_each_ticket_is_told_as_it_is(connection: Connection, tickets: dict[str, Ticket]) -> None:
    assert {name: one.ticket for name, one in found(connection, tickets).items()} == tickets
    assert count(connection, ALL) == 6


def test_first_answer_is_a_team_s_first_reply(connection: Connection, tickets: dict[str, Ticket]) -> None:
    told = {name: one.first_answer_at and one.first_answer_at - NOW for name, one in found(connection, tickets).items()}
    assert told == {
        "in time": timedelta(hours=5),
        "late": timedelta(hours=25),
        **dict.fromkeys(("forgotten", "asked", "far away", "handed on")),
    }


def test_late_is_who_was_answered_late_or_waits_too_long(connection: Connection, tickets: dict[str, Ticket]) -> None:
    told = found(connection, tickets)
    assert {name for name, one in told.items() if one.late} == {"late", "forgotten", "handed on"}
    assert {name for name, one in told.items() if one.late_now} == {"forgotten", "handed on"}


def test_a_clock_that_stands_is_not_late_however_long(
    engine: Engine, connection: Connection, tickets: dict[str, Ticket]
) -> None:
    in_a_year = [one for one in records(connection, ALL, NOW + timedelta(days=365)) if one.ticket.state != "assigned"]
    assert {one.ticket.id for one in in_a_year if one.late} == {tickets["late"].id}


def test_messages_transfers_and_words_are_counted(connection: Connection, tickets: dict[str, Ticket]) -> None:
    told = found(connection, tickets)
    assert {name: one.messages for name, one in told.items()} == {
        "in time": 4,
        "late": 2,
        "forgotten": 1,
        "asked": 2,
        "far away": 1,
        "handed on": 1,
    }
    assert [one.transfers for name, one in told.items() if name == "handed on"] == [1]
    assert sum(one.transfers for one in told.values()) == 1
    assert told["in time"].words == ("=HYPERLINK(1) 传不上去", "好的，传上去了")
    assert all(one.words == () for one in records(connection, ALL, FRIDAY))


def test_days_and_place_choose(connection: Connection, tickets: dict[str, Ticket]) -> None:
    def names(since: int, until: int, *place: str) -> set[str]:
        wanted = Wanted(NOW + timedelta(seconds=since), NOW + timedelta(seconds=until), Reach(*place))  # type: ignore[arg-type]
        assert count(connection, wanted) == len(found(connection, tickets, wanted))
        return set(found(connection, tickets, wanted))

    assert names(0, 1) == set(tickets)
    assert names(1, 90) == names(-9, 0) == set()
    assert names(0, 1, "qingdao") == {"far away"}
    assert names(0, 1, "chongqing", "渝北区", FIRST) == {"in time", "late", "forgotten", "handed on"}
    assert names(0, 1, "chongqing", "渝北区", OTHER) == set()


def test_many_tickets_come_in_parts_and_in_order(
    engine: Engine, tickets: dict[str, Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setattr(module, "STREAMED", {"yield_per": 2, "stream_results": True})
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    days = Days(engine, monkeypatch)
    days.at(-1)
    earlier = days.made("0", tickets["asked"].place)
    with snapshot.snapshot(engine) as connection:
        wanted = Wanted(NOW - timedelta(hours=1), ALL.until, Reach())
        told = list(records(connection, wanted, FRIDAY))
    assert told[0].ticket == earlier
    assert [(one.ticket.created_at, one.ticket.id) for one in told] == sorted(
        (one.created_at, one.id) for one in (earlier, *tickets.values())
    )
    assert sum("FROM ticket_events" in one for one in statements) == 4


def test_what_is_written_meanwhile_is_not_seen(
    engine: Engine, connection: Connection, tickets: dict[str, Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert count(connection, ALL) == 6
    days = Days(engine, monkeypatch)
    days.at(40)
    days.made("7", tickets["asked"].place)
    days.give(tickets["forgotten"], "note", text="晚了")
    assert {name: one.ticket for name, one in found(connection, tickets).items()} == tickets


def test_service_of_each_place_is_as_counted_by_hand(connection: Connection, tickets: dict[str, Ticket]) -> None:
    lines = service_report(records(connection, ALL, FRIDAY), own_rules().calendar)
    # Answers after 3 (10–12, 14–15) and 8 (10–12, 14–18, 9–11) working hours; an answer was due after 7.
    # Of five tickets in the city, two were answered, one of them in time, and two wait too long.
    assert lines == [
        ServiceLine("chongqing", None, None, True, 5, 2, 0.25, 5.5, 7.5, 4, 2),
        ServiceLine("chongqing", "渝北区", None, True, 5, 2, 0.25, 5.5, 7.5, 4, 2),
        ServiceLine("chongqing", "渝北区", FIRST, True, 4, 2, 0.25, 5.5, 7.5, 3, 2),
        ServiceLine("qingdao", None, None, True, 1, 0, None, None, None, 1, 0),
        ServiceLine("qingdao", None, None, False, 1, 0, None, None, None, 1, 0),
    ]


def test_one_answer_is_its_own_median(connection: Connection, tickets: dict[str, Ticket]) -> None:
    one = [record for record in records(connection, ALL, FRIDAY) if record.ticket.id == tickets["in time"].id]
    line = service_report(one, own_rules().calendar)[0]
    assert (line.on_time_share, line.median_hours, line.p90_hours, line.open) == (1, 3, 3, 0)


def test_no_tickets_make_no_lines() -> None:
    assert service_report([], own_rules().calendar) == []
