"""Tune the judge: fit its model on questions that the views have not seen, and choose the thresholds by cost.

Each third of the writers is held out in turn: encoder, lexical models and index are trained on the others, and the
features of the held-out questions are collected. Nothing of the development sets takes part.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml
from sklearn.neural_network import MLPClassifier

from core.scope import CITIES
from knowledge.loader import Knowledge
from retrieval.corpus import FOLDS, examples_of
from retrieval.encoder import load_encoder
from retrieval.judge import JUDGE_FILE, Judge, JudgeConfig, Thresholds
from retrieval.lexical import NONE
from retrieval.ranking import FEATURES
from retrieval.train import Progress, fit_city, fit_encoder

HIDDEN = 12
FALSE_ANSWERS = 0.105  # of the near misses; the views judged here have not seen a third of them, so this overstates
FALSE_QUESTIONS = 0.27


@dataclass
class HeldOut:
    """Features of held-out questions, one row per candidate.

    `right`: whether the candidate answers; `question`: which question the row belongs to; `near_miss`, per question:
    whether it is a question that no entry answers.
    """

    features: npt.NDArray[np.float32]
    right: npt.NDArray[np.bool_]
    question: npt.NDArray[np.int64]
    near_miss: npt.NDArray[np.bool_]


def hold_out(knowledge: Knowledge, progress: Progress) -> HeldOut:
    """Collect the features of every question while its writers were not trained on."""
    features: list[npt.NDArray[np.float32]] = []
    right: list[list[bool]] = []
    question: list[list[int]] = []
    near_miss: list[bool] = []
    examples = {city: examples_of(knowledge, city) for city in CITIES}
    for fold in range(FOLDS):
        progress(f"fold {fold + 1} of {FOLDS}")
        with tempfile.TemporaryDirectory() as folder:
            fit_encoder([e for city in CITIES for e in examples[city] if e.fold != fold], Path(folder))
            encoder = load_encoder(Path(folder))
        for city in CITIES:
            ranker = fit_city(knowledge, city, [e for e in examples[city] if e.fold != fold], encoder)
            tests = [e for e in examples[city] if e.fold == fold]
            texts = [e.text for e in tests]
            for example, ranked in zip(tests, ranker.rank(texts, encoder.encode(texts)), strict=True):
                features.append(ranked.features)
                right.append([entry == example.entry for entry in ranked.entry_ids])
                question.append([len(near_miss)] * len(ranked.entry_ids))
                near_miss.append(example.asks and example.entry == NONE)
    return HeldOut(
        np.concatenate(features), np.concatenate(right), np.concatenate(question), np.array(near_miss, dtype=bool)
    )


def fit_judge(held: HeldOut, run: dict[str, str | int | float], *, seed: int = 7) -> JudgeConfig:
    """Fit the judge's model and choose its thresholds."""
    centre, scale = held.features.mean(0), held.features.std(0) + 1e-6
    model = MLPClassifier((HIDDEN,), alpha=0.3, max_iter=400, random_state=seed, early_stopping=True)
    model.fit((held.features - centre) / scale, held.right)
    config = JudgeConfig(
        run=run,
        thresholds=Thresholds(answer=1, clarify=1, option=1),
        features=FEATURES,
        centre=_row(centre),
        scale=_row(scale),
        hidden=tuple(_row(row) for row in model.coefs_[0]),
        hidden_bias=_row(model.intercepts_[0]),
        output=_row(model.coefs_[1][:, 0]),
        output_bias=round(float(model.intercepts_[1][0]), 5),
    )
    return config.model_copy(update={"thresholds": choose_thresholds(Judge(config), held)})


def choose_thresholds(judge: Judge, held: HeldOut) -> Thresholds:
    """Choose the confidences that at most a given share of the near misses reach."""
    chances = judge.probabilities(held.features)
    best = np.zeros(len(held.near_miss))
    np.maximum.at(best, held.question, chances)
    unanswerable = best[held.near_miss]
    answer = float(np.quantile(unanswerable, 1 - FALSE_ANSWERS))
    clarify = float(np.quantile(unanswerable, 1 - FALSE_ANSWERS - FALSE_QUESTIONS))
    return Thresholds(answer=round(answer, 3), clarify=round(clarify, 3), option=round(clarify / 3, 3))


def tune(knowledge: Knowledge, progress: Progress, path: Path = JUDGE_FILE) -> JudgeConfig:
    """Tune the judge and write it to `path`."""
    held = hold_out(knowledge, progress)
    counts = {"held_out_questions": len(held.near_miss), "near_misses": int(held.near_miss.sum())}
    config = fit_judge(held, {"knowledge": knowledge.digest, "folds": FOLDS, **counts})
    text = "# Written by `helpdesk tune`; docs/operations/tuning.md says when to run it.\n"
    path.write_text(text + yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, width=120), encoding="utf-8")
    return config


def _row(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(v), 5) for v in values)
