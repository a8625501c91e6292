"""What every `EnrollmentBackend` must do.

Subclass it, and give a `backend` that holds the demo families, `move(application_id, state)`, which has an application
of theirs take a legal step, and `messages()`, which returns all text messages so far as (phone, text), oldest first.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from core.scope import CITIES, City
from enrollment.backend import EnrollmentBackend
from enrollment.models import Change
from enrollment.reference.families import read_families
from enrollment.states import states

Move = Callable[[str, str], None]
Messages = Callable[[], list[tuple[str, str]]]

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
# Each test of codes has an application of its own: a backend bounds how many codes it sends for one.
PHONES = {child.id: family.phone for family in read_families() for child in family.children}
CITY_OF: dict[str, City] = {child.id: family.city for family in read_families() for child in family.children}
NO_CASE = ["CQ2026-9999-0001", "QD2026-9999-0001", "cq-zhang", "张某", "' OR 1=1 --", "19900000001"]
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

    @pytest.mark.parametrize("number", ["CQ2026-0417-0031", "QD2026-0411-0019"])
    async def test_the_code_goes_to_the_phone_of_who_registered_and_opens_this_application_alone(
        self, backend: EnrollmentBackend, messages: Messages, number: str
    ) -> None:
        before = len(messages())
        verification = await backend.send_code(number, CITY_OF[number])
        assert [phone for phone, _ in messages()[before:]] == [PHONES[number]]
        assert await backend.application_verified(verification, CITY_OF[number]) is None
        assert await backend.verify(verification, code_in(messages()[-1][1])) is True
        shown = await backend.application_verified(verification, CITY_OF[number])
        assert shown is not None
        assert (shown.id, shown.city) == (number, CITY_OF[number])

    async def test_who_was_verified_stays_so_when_asked_again(
        self, backend: EnrollmentBackend, messages: Messages
    ) -> None:
        verification = await backend.send_code("CQ2026-0501-0001", "chongqing")
        code = code_in(messages()[-1][1])
        assert [await backend.verify(verification, code) for _ in range(3)] == [True] * 3
        for _ in range(3):
            assert await backend.application_verified(verification, "chongqing")

    @pytest.mark.parametrize("number", NO_CASE)
    async def test_a_number_without_application_gets_a_verification_that_nothing_opens_and_nobody_a_message(
        self, backend: EnrollmentBackend, messages: Messages, number: str
    ) -> None:
        before = messages()
        verification = await backend.send_code(number, "chongqing")
        assert re.fullmatch(r"[!-~]{1,200}", verification)
        for code in ("000000", "123456", "999999"):
            assert await backend.verify(verification, code) is False
        assert await backend.application_verified(verification, "chongqing") is None
        assert messages() == before

    async def test_another_citys_number_is_none(self, backend: EnrollmentBackend, messages: Messages) -> None:
        before = messages()
        await backend.send_code("CQ2026-0502-0001", "qingdao")
        assert messages() == before

    async def test_a_wrong_code_opens_nothing_and_the_right_one_still_does(
        self, backend: EnrollmentBackend, messages: Messages
    ) -> None:
        verification = await backend.send_code("CQ2026-0503-0001", "chongqing")
        code = code_in(messages()[-1][1])
        for wrong in another_code(code), code[:-1], f"{code}0":
            assert await backend.verify(verification, wrong) is False
            assert await backend.application_verified(verification, "chongqing") is None
        assert await backend.verify(verification, code) is True

    async def test_after_five_tries_the_right_code_is_wrong_too(
        self, backend: EnrollmentBackend, messages: Messages
    ) -> None:
        verification = await backend.send_code("CQ2026-0505-0001", "chongqing")
        code = code_in(messages()[-1][1])
        assert not any([await backend.verify(verification, another_code(code)) for _ in range(5)])
        assert await backend.verify(verification, code) is False
        assert await backend.application_verified(verification, "chongqing") is None

    async def test_five_tries_at_once_are_no_more_than_five(
        self, backend: EnrollmentBackend, messages: Messages
    ) -> None:
        verification = await backend.send_code("CQ2026-0506-0001", "chongqing")
        code = code_in(messages()[-1][1])
        await asyncio.gather(*(backend.verify(verification, another_code(code)) for _ in range(5)))
        assert await backend.verify(verification, code) is False

    async def test_a_code_fits_its_own_verification_only(self, backend: EnrollmentBackend, messages: Messages) -> None:
        first = await backend.send_code("CQ2026-0507-0001", "chongqing")
        first_code = code_in(messages()[-1][1])
        second = await backend.send_code("CQ2026-0507-0001", "chongqing")
        second_code = code_in(messages()[-1][1])
        if first_code != second_code:
            assert await backend.verify(first, second_code) is False
            assert await backend.verify(second, first_code) is False
        assert await backend.verify(first, first_code) is True
        assert await backend.application_verified(second, "chongqing") is None

    @pytest.mark.parametrize("verification", ["never-given", "x" * 64, "CQ2026-0417-0031"])
    async def test_a_verification_that_was_never_given_opens_nothing(
        self, backend: EnrollmentBackend, verification: str
    ) -> None:
        assert await backend.verify(verification, "123456") is False
        assert await backend.application_verified(verification, "chongqing") is None

    async def test_codes_for_one_application_are_bounded_and_nobody_can_tell(
        self, backend: EnrollmentBackend, messages: Messages
    ) -> None:
        before, number = len(messages()), "CQ2026-0509-0001"
        given = [await backend.send_code(number, "chongqing") for _ in range(8)]
        sent = messages()[before:]
        assert [phone for phone, _ in sent] == [PHONES[number]] * 5
        assert len(set(given)) == 8
        assert len({len(one) for one in given}) == 1
        assert await backend.verify(given[0], code_in(sent[0][1])) is True
        assert await backend.application_verified(given[-1], "chongqing") is None

    async def test_codes_asked_for_at_once_are_bounded_too(
        self, backend: EnrollmentBackend, messages: Messages
    ) -> None:
        before = len(messages())
        await asyncio.gather(*(backend.send_code("CQ2026-0510-0001", "chongqing") for _ in range(10)))
        assert len(messages()) - before == 5

    async def test_sending_takes_equally_long_with_and_without_an_application(self, backend: EnrollmentBackend) -> None:
        there = [number for number, city in CITY_OF.items() if city == "qingdao"] * 4
        took: dict[bool, list[float]] = {True: [], False: []}
        for count, number in enumerate(there):
            for exists in (True, False) if count % 2 else (False, True):
                began = time.perf_counter()
                await backend.send_code(number if exists else f"QD2026-8{count:03d}-0001", "qingdao")
                took[exists].append(time.perf_counter() - began)
        differences = [one - none for one, none in zip(took[True], took[False], strict=True)]  # side by side, in turns
        assert len(there) >= 40
        assert abs(statistics.median(differences)) < 0.25 * statistics.median(took[False])

    async def test_is_ready(self, backend: EnrollmentBackend) -> None:
        assert await backend.ready() is True

    async def test_closes_twice(self, backend: EnrollmentBackend) -> None:
        await backend.aclose()
        await backend.aclose()


def code_in(text: str) -> str:
    """Return the six-digit code of a message, and check the rest of it."""
    assert len(text) <= 70
    assert "10分钟" in text
    assert "如非您本人来电，请勿告知他人" in text
    (code,) = re.findall(r"(?<!\d)\d{6}(?!\d)", text)
    return str(code)


def another_code(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def all_changes(backend: EnrollmentBackend, cursor: int) -> list[Change]:
    found: list[Change] = []
    while page := await backend.changes_after(found[-1].id if found else cursor):
        found += page
    return found
