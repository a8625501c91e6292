"""What every `EnrollmentBackend` must do.

Subclass it, and give a `backend` that holds the demo families, and `move(application_id, state)`, which has an
application of theirs take a legal step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from core.scope import CITIES, City
from enrollment.backend import EnrollmentBackend
from enrollment.models import Change
from enrollment.states import states

Move = Callable[[str, str], None]

FAMILIES: list[tuple[str, City, list[str]]] = [
    ("cq-zhang", "chongqing", ["待审核"]),
    ("cq-liu", "chongqing", ["补正"]),
    ("cq-chen", "chongqing", ["审核"]),
    ("qd-wang", "qingdao", ["审核通过", "已录取"]),
    ("qd-sun-father", "qingdao", ["初审"]),
]
# What takes steps below; it can go to and fro.
MOVED: tuple[str, City, str] = ("cq-demo-4", "chongqing", "CQ2026-0504-0001")
TO_AND_FRO = ("待提交", "待审核")
MOVED_TOO: tuple[str, City, str] = ("qd-demo-2", "qingdao", "QD2026-0502-0001")
TO_AND_FRO_TOO = ("填报中", "已提交")
WITHOUT_OWN = ["qd-sun-mother", "nobody", "never-heard-of", "CQ2026-0417-0031", "' OR 1=1 --", "张某"]


@pytest.mark.anyio
class BackendContract:
    @pytest.mark.parametrize(("guardian", "city", "expected"), FAMILIES)
    async def test_gives_a_guardian_their_own_in_order_of_birth(
        self, backend: EnrollmentBackend, guardian: str, city: City, expected: list[str]
    ) -> None:
        found = await backend.applications_of(guardian, city)
        assert [application.state for application in found] == expected
        assert [application.birth_order for application in found] == list(range(1, len(expected) + 1))

    @pytest.mark.parametrize("city", CITIES)
    @pytest.mark.parametrize("guardian", WITHOUT_OWN)
    async def test_gives_nothing_to_who_has_none(self, backend: EnrollmentBackend, guardian: str, city: City) -> None:
        assert await backend.applications_of(guardian, city) == []

    @pytest.mark.parametrize(("guardian", "city", "_expected"), FAMILIES)
    async def test_never_mixes_cities(
        self, backend: EnrollmentBackend, guardian: str, city: City, _expected: list[str]
    ) -> None:
        (other,) = set(CITIES) - {city}
        assert await backend.applications_of(guardian, other) == []

    @pytest.mark.parametrize(("guardian", "city", "_expected"), FAMILIES)
    async def test_tells_all_that_a_card_shows(
        self, backend: EnrollmentBackend, guardian: str, city: City, _expected: list[str]
    ) -> None:
        for application in await backend.applications_of(guardian, city):
            assert application.city == city
            assert "*" in application.child
            assert application.since < application.as_of
            assert states().advice(application).next

    async def test_says_what_is_wrong(self, backend: EnrollmentBackend) -> None:
        (liu,) = await backend.applications_of("cq-liu", "chongqing")
        (chen,) = await backend.applications_of("cq-chen", "chongqing")
        assert [problem.item for problem in liu.problems] == ["房产证"]
        assert [problem.item for problem in chen.problems] == ["房产核验"]

    async def test_serves_many_at_once(self, backend: EnrollmentBackend) -> None:
        asked = [FAMILIES[number % len(FAMILIES)] for number in range(40)]
        found = await asyncio.gather(*(backend.applications_of(guardian, city) for guardian, city, _ in asked))
        assert [[a.state for a in each] for each in found] == [expected for _, _, expected in asked]

    async def test_a_change_is_told_with_all_that_its_guardian_needs_to_hear(
        self, backend: EnrollmentBackend, move: Move
    ) -> None:
        cursor, began = await backend.latest_change(), datetime.now(UTC)
        move(MOVED[2], TO_AND_FRO[0])
        move(MOVED_TOO[2], TO_AND_FRO_TOO[0])
        changes = await backend.changes_after(cursor)
        told = [(change.guardian, change.city, change.application_id, change.state) for change in changes]
        assert told == [(*MOVED, TO_AND_FRO[0]), (*MOVED_TOO, TO_AND_FRO_TOO[0])]
        assert all(timedelta(seconds=-1) < change.at - began < timedelta(minutes=1) for change in changes)
        for change, (guardian, city, _) in zip(changes, (MOVED, MOVED_TOO), strict=True):
            (now,) = await backend.applications_of(guardian, city)
            assert (now.state, now.history[-1].state) == (change.state, change.state)
        move(MOVED[2], TO_AND_FRO[1])
        move(MOVED_TOO[2], TO_AND_FRO_TOO[1])

    async def test_the_newest_change_is_where_to_begin(self, backend: EnrollmentBackend, move: Move) -> None:
        before = await backend.latest_change()
        assert await backend.changes_after(before) == []
        for to in TO_AND_FRO:
            move(MOVED[2], to)
        newest = await backend.latest_change()
        assert newest > before
        assert [change.id for change in await backend.changes_after(before)][-1] == newest
        assert await backend.changes_after(newest) == []

    async def test_seeded_states_are_no_changes(self, backend: EnrollmentBackend) -> None:
        moved = {MOVED[2], MOVED_TOO[2]}
        assert all(change.application_id in moved for change in await all_changes(backend, 0))

    async def test_changes_come_page_by_page_in_order_and_each_once(
        self, backend: EnrollmentBackend, move: Move
    ) -> None:
        cursor = await backend.latest_change()
        for _ in range(60):
            for to in TO_AND_FRO:
                move(MOVED[2], to)
        first = await backend.changes_after(cursor)
        assert 0 < len(first) < 120
        changes = await all_changes(backend, cursor)
        assert changes[: len(first)] == first
        assert [change.state for change in changes] == list(TO_AND_FRO) * 60
        ids = [change.id for change in changes]
        assert ids == sorted(set(ids))
        assert ids[-1] == await backend.latest_change()

    async def test_a_cursor_beyond_the_end_finds_nothing(self, backend: EnrollmentBackend) -> None:
        assert await backend.changes_after(await backend.latest_change() + 1_000_000) == []

    async def test_is_ready(self, backend: EnrollmentBackend) -> None:
        assert await backend.ready() is True

    async def test_closes_twice(self, backend: EnrollmentBackend) -> None:
        await backend.aclose()
        await backend.aclose()


async def all_changes(backend: EnrollmentBackend, cursor: int) -> list[Change]:
    found: list[Change] = []
    while page := await backend.changes_after(found[-1].id if found else cursor):
        found += page
    return found
