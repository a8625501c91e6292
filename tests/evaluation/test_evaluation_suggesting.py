"""How often the hotline's suggestions are right, counted over judgements that stand still."""

from __future__ import annotations

from typing import cast

from replies_made import question

from core.scope import City
from evaluation.floors import check_floors, load_floors
from evaluation.results import Result
from evaluation.suggesting import suggestion_figures
from retrieval.judge import Candidate, Judgement
from retrieval.retriever import Retriever

SURE: dict[City, dict[str, float]] = {
    "chongqing": {"cq-01": 0.9, "cq-02": 0.5, "cq-03": 0.3, "cq-04": 0.1},
    "qingdao": {"qd-b01": 0.7, "qd-b02": 0.2},
}


class Still:
    """Judges every question alike."""

    def search(self, text: str, city: City) -> Judgement:
        return Judgement("clarify", tuple(Candidate(*one, {}) for one in SURE[city].items()), text)


def figures(*asked: tuple[str | None, str]) -> dict[str, float]:
    questions = [question(str(i), city, expect=[entry]) for i, (city, entry) in enumerate(asked)]
    unanswerable = question("食堂好吃吗")
    return suggestion_figures([*questions, unanswerable], cast("Retriever", Still()))


def test_a_right_entry_counts_at_its_place_in_the_list_and_only_among_the_three_that_are_shown() -> None:
    asked = [("chongqing", entry) for entry in ("cq-01", "cq-03", "cq-04", "cq-22")]
    assert figures(*asked) == {"questions": 4, "first": 0.25, "among_three": 0.5}


def test_without_a_city_the_entries_of_both_stand_in_one_list() -> None:
    assert figures((None, "qd-b01")) == {"questions": 1, "first": 0.0, "among_three": 1.0}
    assert figures((None, "cq-03")) == {"questions": 1, "first": 0.0, "among_three": 0.0}


def test_both_shares_have_a_floor_that_a_fall_misses() -> None:
    fallen = Result(run={}, figures={"suggestions": {"first": 0.9399, "among_three": 0.9799}}, kinds={}, rows=[])
    missed = [one.floor.name for one in check_floors(fallen, load_floors()) if one.missed]
    assert missed == ["suggestions.first", "suggestions.among_three"]
