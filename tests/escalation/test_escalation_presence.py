"""Who has a ticket open, on both databases: seen at once from any process, gone once silent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select
from ticket_made import NOW, SCHOOL, actor

from conversations.storage import open_engine
from escalation.desk import Draft, TicketDesk
from escalation.presence import SILENT_FOR, Watcher, Watchers
from escalation.routing import own_rules
from escalation.tables import TicketWatcherRow

WANG, LI = Watcher("s-1", "王老师", "school"), Watcher("s-2", "李老师", "school")


@pytest.fixture
def database_url(own_database_url: str) -> str:
    return own_database_url


@pytest.fixture
def ticket(engine: Engine) -> str:
    return TicketDesk(engine, own_rules()).create(Draft("k-1", SCHOOL, "照片传不上去"), actor("agent"))[0].id


def test_two_at_two_processes_see_each_other_and_not_themselves(engine: Engine, database_url: str, ticket: str) -> None:
    other = open_engine(database_url)
    here, there = Watchers(engine), Watchers(other)
    assert here.here(ticket, WANG, NOW) == []
    assert there.here(ticket, LI, NOW) == [WANG]
    assert here.here(ticket, WANG, NOW + timedelta(seconds=10)) == [LI]
    there.gone(ticket, LI.id)
    assert here.here(ticket, WANG, NOW + timedelta(seconds=11)) == []
    other.dispose()


def test_who_says_nothing_for_a_while_is_gone_and_leaves_no_row(engine: Engine, ticket: str) -> None:
    watchers = Watchers(engine)
    watchers.here(ticket, LI, NOW)
    assert watchers.here(ticket, WANG, NOW + SILENT_FOR - timedelta(seconds=1)) == [LI]
    assert watchers.here(ticket, WANG, NOW + SILENT_FOR) == []
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(TicketWatcherRow)).scalar() == 1


def test_many_pages_of_few_people_at_once_leave_one_row_each(engine: Engine, ticket: str) -> None:
    people = [Watcher(f"s-{n % 4}", f"老师{n % 4}", "school") for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda who: Watchers(engine).here(ticket, who, NOW), people))
    assert Watchers(engine).here(ticket, WANG, NOW) == [people[0], people[2], people[3]]


def test_a_ticket_that_is_being_erased_meanwhile_is_no_error(engine: Engine) -> None:
    assert Watchers(engine).here("gone", WANG, NOW) == []
