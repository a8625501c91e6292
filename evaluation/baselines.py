"""Simpler methods on the same training data and questions, beside our retrieval in-process.

BM25 (Robertson & Walker, 1994) over question and answer of each entry; TF-IDF over words with logistic regression
over similar questions, near misses and off-topic questions, as our own models see them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from core.scope import CITIES, City
from evaluation.calibration import CurvePoint, Scored, coverage_risk
from evaluation.questions import Group, Question
from knowledge.loader import Knowledge

if TYPE_CHECKING:
    from retrieval.retriever import Retriever

FALSE_ANSWERS = 0.05
Floats = npt.NDArray[np.float64]


class Choice(NamedTuple):
    """The best entry for a question and a score; higher is surer, the scale is the method's own."""

    entry_id: str
    score: float


Choose = Callable[[str, City], Choice]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A method's figures, shares in [0, 1]: right if forced to answer, right at the bound on false answers."""

    name: str
    forced: float
    guarded: float
    curve: tuple[CurvePoint, ...]


def measure(name: str, choose: Choose, questions: Sequence[Question], false_answers: float = FALSE_ANSWERS) -> Baseline:
    """Measure a method on the single questions; without a city the surer of the two cities' choices counts.

    Args:
        name: the method's name in the report.
        choose: gives the best entry of one city.
        questions: answerable and unanswerable ones; others are left out.
        false_answers: share of the unanswerable that may get an answer, in [0, 1].
    """
    singles = single_questions(questions)
    choices = [_choose(choose, q) for q in singles]
    right = np.array([c.entry_id in q.expect for q, c in zip(singles, choices, strict=True)], dtype=bool)
    scores = np.array([c.score for c in choices])
    answerable = np.array([bool(q.expect) for q in singles], dtype=bool)
    bar = threshold(scores[~answerable], false_answers)
    count = max(1, int(answerable.sum()))
    scored = [Scored(float(s), bool(r)) for s, r in zip(scores, right, strict=True)]
    curve = coverage_risk(scored, max(1, len(scored)))
    return Baseline(name, float(right.sum() / count), float((right & (scores > bar)).sum() / count), tuple(curve))


def single_questions(questions: Iterable[Question]) -> list[Question]:
    """Return the questions that are measured here: single ones that ask for an entry, whether there is one or not."""
    return [question for question in questions if question.group in (Group.ANSWERABLE, Group.UNANSWERABLE)]


def threshold(unanswerable: Floats, false_answers: float = FALSE_ANSWERS) -> float:
    """Return the score above which at most the share `false_answers` of the unanswerable lies; -inf without any."""
    allowed = int(false_answers * len(unanswerable))
    ordered = np.sort(unanswerable)[::-1]
    return float(ordered[allowed]) if len(ordered) > allowed else -np.inf


def run_baselines(knowledge: Knowledge, questions: Sequence[Question], retriever: Retriever | None) -> list[Baseline]:
    """Measure BM25, TF-IDF with logistic regression, and our retrieval where it is trained."""
    found = [
        measure("BM25 over question and answer", bm25(knowledge), questions),
        measure("TF-IDF + logistic regression", tfidf(knowledge), questions),
    ]
    return [*found, measure("our retrieval, in-process", ours(retriever), questions)] if retriever else found


def bm25(knowledge: Knowledge) -> Choose:
    """Return BM25 over words of question and answer, one index per city."""
    import bm25s  # type: ignore[import-untyped]

    logging.getLogger("bm25s").setLevel(logging.WARNING)
    indexes = {}
    for city in CITIES:
        entries = knowledge.of_city(city)
        index = bm25s.BM25()
        index.index([words(f"{entry.question} {entry.answer}") for entry in entries], show_progress=False)
        indexes[city] = (index, [entry.id for entry in entries])

    def choose(text: str, city: City) -> Choice:
        index, ids = indexes[city]
        asked = [word for word in words(text) if word in index.vocab_dict]
        scores = index.get_scores(asked) if asked else np.zeros(len(ids))
        return Choice(ids[int(scores.argmax())], float(scores.max()))

    return choose


def tfidf(knowledge: Knowledge) -> Choose:
    """Return TF-IDF over words with logistic regression, one model per city with "none" among its classes."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from retrieval.corpus import examples_of
    from retrieval.lexical import NONE

    models = {}
    for city in CITIES:
        examples = examples_of(knowledge, city)
        vectoriser = TfidfVectorizer(analyzer=words, sublinear_tf=True)
        model = make_pipeline(vectoriser, LogisticRegression(C=30.0, max_iter=200))
        models[city] = model.fit([e.text for e in examples], [e.entry for e in examples])

    def choose(text: str, city: City) -> Choice:
        chances = models[city].predict_proba([text])[0]
        best = max((chance, name) for chance, name in zip(chances, models[city].classes_, strict=True) if name != NONE)
        return Choice(str(best[1]), float(best[0]))

    return choose


def ours(retriever: Retriever) -> Choose:
    """Return our retrieval: its best candidate with the judge's confidence."""

    def choose(text: str, city: City) -> Choice:
        judgement = retriever.search(text, city)
        return Choice(judgement.best or "", judgement.confidence)

    return choose


def words(text: str) -> list[str]:
    """Return jieba's words of the text in normal form, without punctuation."""
    import jieba

    from retrieval.normalise import normalise

    jieba.setLogLevel(logging.WARNING)
    return [word for word in jieba.lcut(normalise(text)) if any(c.isalnum() for c in word)]


def _choose(choose: Choose, question: Question) -> Choice:
    cities = [question.city] if question.city else CITIES
    return max((choose(question.q, city) for city in cities), key=lambda choice: choice.score)
