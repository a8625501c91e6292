"""What every `EnrollmentBackend` must do. Subclass it, and give a `backend` that holds the demo families."""

from __future__ import annotations

import asyncio

import pytest

from core.scope import CITIES, City
from enrollment.backend import EnrollmentBackend
from enrollment.states import states

FAMILIES: list[tuple[str, City, list[str]]] = [
    ("cq-zhang", "chongqing", ["待审核"]),
    ("cq-liu", "chongqing", ["补正"]),
    ("cq-chen", "chongqing", ["审核"]),
    ("qd-wang", "qingdao", ["审核通过", "已录取"]),
    ("qd-sun-father", "qingdao", ["初审"]),
]
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

    async def test_is_ready(self, backend: EnrollmentBackend) -> None:
        assert await backend.ready() is True

    async def test_closes_twice(self, backend: EnrollmentBackend) -> None:
        await backend.aclose()
        await backend.aclose()
