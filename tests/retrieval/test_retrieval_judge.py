"""Thresholds decide; one confidence in [0, 1] per candidate, best first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from core.errors import ModelMissingError
from retrieval.judge import JUDGE_FILE, Candidate, JudgeConfig, Judgement, Thresholds, load_judge
from retrieval.ranking import FEATURES, Ranked

JUDGE = load_judge()
AT = JUDGE.thresholds


@pytest.mark.parametrize(
    ("confidence", "decision"),
    [
        (1.0, "answer"),
        (AT.answer, "answer"),
        (AT.answer - 1e-6, "clarify"),
        (AT.clarify, "clarify"),
        (AT.clarify - 1e-6, "none"),
        (AT.option, "none"),
        (0.0, "none"),
    ],
)
def test_decision_at_each_threshold(confidence: float, decision: str) -> None:
    assert AT.decide(confidence) == decision


def test_thresholds_are_in_order() -> None:
    assert 0 < AT.option < AT.clarify < AT.answer < 1


@pytest.mark.parametrize("wrong", [{"answer": 1.2}, {"clarify": -0.1}, {"refuse": 0.5}])
def test_wrong_thresholds_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Thresholds.model_validate({"answer": 0.8, "clarify": 0.4, "option": 0.1, **wrong})


def test_candidates_come_best_first_with_confidences_in_range() -> None:
    features = np.random.default_rng(1).normal(size=(5, len(FEATURES))).astype(np.float32)
    judgement = JUDGE.judge(Ranked([f"cq-0{i}" for i in range(1, 6)], features), "刷脸失败")
    confidences = [candidate.confidence for candidate in judgement.candidates]
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 <= confidence <= 1 for confidence in confidences)
    assert (judgement.confidence, judgement.text) == (confidences[0], "刷脸失败")
    assert judgement.best == judgement.candidates[0].entry_id
    assert judgement.decision == AT.decide(judgement.confidence)
    assert set(judgement.candidates[0].features) == set(FEATURES)


def test_extreme_features_stay_in_range() -> None:
    rows = np.array([[1e4] * len(FEATURES), [-1e4] * len(FEATURES)], dtype=np.float32)
    with np.errstate(over="ignore"):
        chances = JUDGE.probabilities(rows)
    assert ((chances >= 0) & (chances <= 1)).all()


def test_without_candidates_there_is_no_answer() -> None:
    judgement = JUDGE.judge(Ranked([], np.zeros((0, len(FEATURES)), dtype=np.float32)), "问题")
    assert (judgement.decision, judgement.candidates, judgement.confidence, judgement.best) == ("none", (), 0.0, None)


def test_judgement_reports_its_best_candidate() -> None:
    judgement = Judgement("answer", (Candidate("cq-10", 0.9), Candidate("cq-11", 0.2)))
    assert (judgement.best, judgement.confidence) == ("cq-10", 0.9)
    assert replace(judgement, candidates=()).best is None


def test_judge_made_for_other_features_is_refused(tmp_path: Path) -> None:
    config = JudgeConfig.model_validate(yaml.safe_load(JUDGE_FILE.read_text(encoding="utf-8")))
    other = config.model_copy(update={"features": (*config.features[1:], "luck")})
    path = tmp_path / "judge.yml"
    path.write_text(yaml.safe_dump(other.model_dump(mode="json")), encoding="utf-8")
    with pytest.raises(ModelMissingError, match="other features: run `helpdesk tune`"):
        load_judge(path)
