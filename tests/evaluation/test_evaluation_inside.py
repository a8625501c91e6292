from __future__ import annotations

import pytest
from replies_made import question

from core.settings import settings
from evaluation.inside import candidates_of, reading_figures
from knowledge.loader import load_knowledge
from retrieval.normalise import normalise
from retrieval.retriever import Retriever, load_retriever


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    return load_retriever(settings().var_dir / "retrieval", load_knowledge(), settings().encoder_folder)


def test_a_miss_is_shown_with_what_the_judge_saw_of_it(retriever: Retriever) -> None:
    lines = candidates_of(question("刷脸查不到孩子"), retriever)
    assert len(lines) == 3
    best = retriever.search("刷脸查不到孩子", "chongqing").candidates[0]
    assert lines[0].startswith(f"cq-10 {best.confidence:.3f} (log_p_characters {best.features['log_p_characters']:.2f}")
    of_both = candidates_of(question("刷脸查不到孩子", None), retriever)
    assert [line[:3] for line in of_both] == ["cq-"] * 3 + ["qd-"] * 3


def test_a_follow_ups_candidates_are_those_of_its_context(retriever: Retriever) -> None:
    asked = question("那奶奶名下的呢", context="房子是我自己的,选房产查询对吧", expect=["cq-17"])
    assert candidates_of(asked, retriever) != candidates_of(question(asked.q), retriever)


def test_what_normalising_changes_and_gains_is_counted(retriever: Retriever, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [
        question("刷脸查不到孩子", expect=["cq-10"], kind="short"),
        question("刷脸查不到孩子!!!!", expect=["cq-10"], kind="short"),
        question("刷臉查不到孩子", expect=["cq-10"], kind="traditional"),
        question("双胞胎能分开报吗", kind="near_miss"),
    ]
    assert reading_figures(asked, retriever) == {
        "normalising": {"questions": 2, "changed": 0.5, "other_answer": 0.0, "false_corrections": 0.0},
        "slips": {"questions": 1, "right": 1.0, "by_normalising": 0.0, "by_sounds": 0.0},
    }

    def damaging(text: str) -> str:
        return "今天天气真好" if "!" in text else normalise(text)

    monkeypatch.setattr("evaluation.inside.normalise", damaging)
    damaged = reading_figures(asked, retriever)["normalising"]
    assert damaged == {"questions": 2, "changed": 0.5, "other_answer": 0.5, "false_corrections": 0.5}
