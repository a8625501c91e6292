"""Tune the judges: fit them on questions that the views have not seen, and choose the thresholds by cost.

Each third of the writers is held out in turn: encoder, lexical models and index are trained on the others, and the
features of the held-out questions are collected. Nothing of the development sets takes part.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import BaseModel
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neural_network import MLPClassifier

from core.scope import CITIES, City
from knowledge.entry import FollowUp
from knowledge.loader import Knowledge
from retrieval.context import CONTEXT_FILE, ContextConfig, Reading, load_context, reading_of
from retrieval.context import FEATURES as CONTEXT_FEATURES
from retrieval.corpus import FOLDS, Example, examples_of
from retrieval.doubles import DOUBLE_FILE, DoubleConfig
from retrieval.doubles import FEATURES as DOUBLE_FEATURES
from retrieval.encoder import Encoder, load_encoder
from retrieval.judge import JUDGE_FILE, Judge, JudgeConfig, Judgement, Thresholds
from retrieval.lexical import NONE
from retrieval.ranking import FEATURES, CityRanker
from retrieval.retriever import Retriever, load_retriever
from retrieval.train import Progress, fit_city, fit_encoder, train_retrieval

HIDDEN = 12
NETS = 5  # fitted from different starts and averaged: their differences are noise
FALSE_ANSWERS = 0.105  # of the near misses; the views judged here have not seen a third of them, so this overstates
FALSE_QUESTIONS = 0.27
FALSE_DOUBLES = 0.03  # of the single questions
_DOUBLES = 500  # made of two held-out questions, for each fold and city
_JOINED_BY = ("", "", "", " ", " ", ",", ",", ",", "?", "。", "\n", ",还有", ",另外", "还有", ",顺便问一下", "再问一下")
_HALF = range(4, 36)
FALSE_FOLLOW_UPS = 0.16  # of the follow-ups without an answer
FALSE_FOLLOW_QUESTIONS = 0.08
_PARTS = 8  # of the follow-ups, each judged by what the others taught

_NO_DOUBLE = DoubleConfig(
    run={}, features=DOUBLE_FEATURES, weights=(0.0,) * len(DOUBLE_FEATURES), bias=0.0, threshold=1.0
)


@dataclass
class Fold:
    """Everything trained without one third of the writers, and that third."""

    encoder: Encoder
    rankers: dict[City, CityRanker]
    tests: dict[City, list[Example]]


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


@dataclass
class HeldOutSplits:
    """Features of messages that can be cut in two, and whether each was made of two questions.

    `singles`: how many single questions were tried.
    """

    features: list[tuple[float, ...]]
    double: list[bool]
    singles: int


def hold_out(knowledge: Knowledge, folder: Path, progress: Progress) -> list[Fold]:
    """Train once without each third of the writers; `folder` must last as long as the folds."""
    folds = []
    examples = {city: examples_of(knowledge, city) for city in CITIES}
    for number in range(FOLDS):
        progress(f"fold {number + 1} of {FOLDS}")
        rest = {city: [e for e in examples[city] if e.fold != number] for city in CITIES}
        fit_encoder([e for city in CITIES for e in rest[city]], folder / str(number))
        encoder = load_encoder(folder / str(number))
        rankers: dict[City, CityRanker] = {c: fit_city(knowledge, c, rest[c], encoder) for c in CITIES}
        folds.append(Fold(encoder, rankers, {c: [e for e in examples[c] if e.fold == number] for c in CITIES}))
    return folds


def held_out_features(folds: Sequence[Fold]) -> HeldOut:
    """Collect the features of every question while its writers were not trained on."""
    features: list[npt.NDArray[np.float32]] = []
    right: list[list[bool]] = []
    question: list[list[int]] = []
    near_miss: list[bool] = []
    for fold in folds:
        for city, tests in fold.tests.items():
            texts = [e.text for e in tests]
            for example, ranked in zip(tests, fold.rankers[city].rank(texts, fold.encoder.encode(texts)), strict=True):
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
    rows = (held.features - centre) / scale
    nets = [
        MLPClassifier((HIDDEN,), alpha=1.0, max_iter=400, random_state=seed + start, early_stopping=True)
        for start in range(NETS)
    ]
    for net in nets:
        net.fit(rows, held.right)
    # The average of several nets with one hidden layer is one net with all their hidden units.
    config = JudgeConfig(
        run=run,
        thresholds=Thresholds(answer=1, clarify=1, option=1),
        features=FEATURES,
        centre=_row(centre),
        scale=_row(scale),
        hidden=tuple(_row(row) for row in np.hstack([net.coefs_[0] for net in nets])),
        hidden_bias=_row(np.concatenate([net.intercepts_[0] for net in nets])),
        output=_row(np.concatenate([net.coefs_[1][:, 0] for net in nets]) / NETS),
        output_bias=round(float(np.mean([net.intercepts_[1][0] for net in nets])), 5),
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


def held_out_splits(folds: Sequence[Fold], judge: Judge, *, seed: int = 7) -> HeldOutSplits:
    """Collect how held-out questions, joined by twos and single, can be cut in two."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    start = _NO_DOUBLE.model_copy(update={"weights": tuple(float(f == "unsurer_half") for f in DOUBLE_FEATURES)})
    found = HeldOutSplits([], [], 0)
    for fold in folds:
        retriever = Retriever(fold.encoder, fold.rankers, judge, start, load_context())
        for city, tests in fold.tests.items():
            asked = [e for e in tests if e.entry != NONE]
            found.singles += len(asked)
            joined = [(_joined(first, second, dice), True) for first, second in _pairs(asked, dice)]
            for text, is_double in [*joined, *((e.text, False) for e in asked)]:
                split = retriever.split(retriever.search(text, city), city)
                if split:
                    found.features.append(split.features)
                    found.double.append(is_double)
    return found


def fit_double(held: HeldOutSplits, run: dict[str, str | int | float]) -> DoubleConfig:
    """Fit what tells two questions in one message from one, and choose its threshold."""
    rows = np.array(held.features)
    scale = rows.std(0) + 1e-6
    model = LogisticRegression(max_iter=1000).fit(rows / scale, held.double)
    config = DoubleConfig(
        run={**run, "singles": held.singles, "splits": len(held.double), "doubles": sum(held.double)},
        features=DOUBLE_FEATURES,
        weights=_row(model.coef_[0] / scale),
        bias=round(float(model.intercept_[0]), 5),
        threshold=1.0,
    )
    false = [config.chance(row) for row, double in zip(held.features, held.double, strict=True) if not double]
    threshold = sorted(false, reverse=True)[min(len(false) - 1, round(FALSE_DOUBLES * held.singles))]
    return config.model_copy(update={"threshold": round(threshold, 3)})


def readings_of(retriever: Retriever, follow_ups: Sequence[FollowUp]) -> list[tuple[FollowUp, Reading]]:
    """Return how each follow-up reads with the message before; those that stand alone are left out."""
    found = []
    for pair in follow_ups:

        def search_all(texts: Sequence[str], city: City = pair.city) -> list[Judgement]:
            return retriever.search_all(texts, city)

        reading = reading_of(retriever.search(pair.q, pair.city), pair.before, search_all)
        if reading:
            found.append((pair, reading))
    return found


def fit_context(readings: Sequence[tuple[FollowUp, Reading]], *, seed: int = 7) -> ContextConfig:
    """Fit what tells whether an entry answers a message read with the one before, and choose its thresholds."""
    rows, right, pair_of = [], [], []
    for number, (pair, reading) in enumerate(readings):
        for entry in reading.entries:
            rows.append(reading.features(entry))
            right.append(entry in pair.expect)
            pair_of.append(number)
    x, y = np.array(rows), np.array(right)
    scale = x.std(0) + 1e-6
    x = x / scale
    model = LogisticRegression(C=0.3, max_iter=3000)
    parts = GroupKFold(_PARTS, shuffle=True, random_state=seed).split(x, y, pair_of)
    chances = cross_val_predict(model, x, y, cv=parts, method="predict_proba")[:, 1]
    best = np.zeros(len(readings))
    np.maximum.at(best, pair_of, chances)
    unanswerable = best[[not pair.expect for pair, _ in readings]]
    answer = float(np.quantile(unanswerable, 1 - FALSE_FOLLOW_UPS))
    clarify = float(np.quantile(unanswerable, 1 - FALSE_FOLLOW_UPS - FALSE_FOLLOW_QUESTIONS))
    model.fit(x, y)
    return ContextConfig(
        features=CONTEXT_FEATURES,
        weights=_row(model.coef_[0] / scale),
        bias=round(float(model.intercept_[0]), 5),
        run={"follow_ups": len(readings), "without_an_answer": len(unanswerable)},
        thresholds=Thresholds(answer=round(answer, 3), clarify=round(clarify, 3), option=round(clarify / 3, 3)),
    )


def tune(knowledge: Knowledge, progress: Progress) -> tuple[JudgeConfig, DoubleConfig, ContextConfig]:
    """Tune all judges and write them beside the code."""
    with tempfile.TemporaryDirectory() as folder:
        folds = hold_out(knowledge, Path(folder), progress)
        held = held_out_features(folds)
        counts = {"held_out_questions": len(held.near_miss), "near_misses": int(held.near_miss.sum())}
        progress("judge")
        run: dict[str, str | int | float] = {"knowledge": knowledge.digest, "folds": FOLDS, **counts}
        config = fit_judge(held, run)
        progress("two in one")
        double = fit_double(held_out_splits(folds, Judge(config)), run)
        _write(JUDGE_FILE, config)
        _write(DOUBLE_FILE, double)
        train_retrieval(knowledge, Path(folder) / "whole", None, progress)
        context = tune_context(knowledge, Path(folder) / "whole")
    return config, double, context


def tune_context(knowledge: Knowledge, trained: Path) -> ContextConfig:
    """Tune the judge of follow-ups on what was trained and write it; nothing trained has seen a follow-up."""
    context = fit_context(readings_of(load_retriever(trained, knowledge), knowledge.follow_ups))
    _write(CONTEXT_FILE, context)
    return context


def _pairs(asked: Sequence[Example], dice: random.Random) -> list[tuple[Example, Example]]:
    """Return pairs of short questions with different answers."""
    short = [e for e in asked if len(e.text) in _HALF]
    pairs = [(dice.choice(short), dice.choice(short)) for _ in range(_DOUBLES)]
    return [(a, b) for a, b in pairs if a.entry != b.entry]


def _joined(first: Example, second: Example, dice: random.Random) -> str:
    return first.text.rstrip("。?!, ") + dice.choice(_JOINED_BY) + second.text


def _write(path: Path, config: BaseModel) -> None:
    text = "# Written by `helpdesk tune`; docs/operations/tuning.md says when to run it.\n"
    path.write_text(text + yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, width=120), encoding="utf-8")


def _row(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(v), 5) for v in values)
