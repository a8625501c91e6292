"""The same question, two cities: no words get the other city's answer, however alike the two cities' entries are."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from resembling import PAIRS, known, open_questions, partners
from sklearn.feature_extraction.text import TfidfVectorizer

from core.scope import CITIES, City
from core.settings import ROOT
from evaluation.questions import load_questions
from retrieval.normalise import normalise
from retrieval.retriever import Retriever

# A pair belongs on the list from ALIKE on, and may stay on it down to UNLIKE: a few new questions change no list.
ALIKE, UNLIKE = 0.35, 0.28
OTHER: dict[City, City] = {"chongqing": "qingdao", "qingdao": "chongqing"}
PARTNERS = partners()
DEVELOPMENT = load_questions(ROOT / "evaluation/sets/development.jsonl")


def likeness() -> dict[tuple[str, str], float]:
    """Return pair → cosine in [0, 1] between the mean character n-grams of its entries' questions."""
    entries = list(known().entries.values())
    asked = [[normalise(q) for q in (e.question, *e.similar_questions)] for e in entries]
    grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True).fit(chain.from_iterable(asked))
    means = np.stack([np.asarray(grams.transform(questions).mean(0))[0] for questions in asked])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return {
        (one.id, other.id): float(means[i] @ means[j])
        for i, one in enumerate(entries)
        for j, other in enumerate(entries)
        if (one.city, other.city) == CITIES
    }


def asked_in_both() -> set[tuple[str, str]]:
    """Return the pairs that the development set asks with one and the same question."""
    answers: dict[City, dict[str, tuple[str, ...]]] = {city: {} for city in CITIES}
    for question in DEVELOPMENT:
        if question.city and question.kind == "two_cities":
            answers[question.city][question.q] = question.expect
    here, there = (answers[city] for city in CITIES)
    return {(one, other) for q in here.keys() & there.keys() for one in here[q] for other in there[q]}


def test_no_pair_of_entries_that_resemble_each_other_is_missing() -> None:
    alike, both = likeness(), asked_in_both()
    assert {pair for pair, cosine in alike.items() if cosine >= ALIKE} | both <= set(PAIRS)
    assert [pair for pair in PAIRS if alike[pair] < UNLIKE and pair not in both] == []
    assert len(set(PAIRS)) == len(PAIRS) >= 20


@pytest.mark.parametrize("entry_id", sorted(PARTNERS))
def test_its_own_city_answers_with_the_entry_or_asks_back(retriever: Retriever, entry_id: str) -> None:
    entry = known().entries[entry_id]
    found = retriever.search_all([entry.question, *entry.similar_questions], entry.city)
    assert {judgement.best for judgement in found if judgement.decision == "answer"} == {entry_id}


@pytest.mark.parametrize("entry_id", sorted(PARTNERS))
def test_the_other_city_answers_with_what_resembles_it_or_not_at_all(retriever: Retriever, entry_id: str) -> None:
    entry = known().entries[entry_id]
    found = retriever.search_all([entry.question, *entry.similar_questions], OTHER[entry.city])
    assert {judgement.best for judgement in found if judgement.decision == "answer"} <= PARTNERS[entry_id]
    assert {known().entries[c.entry_id].city for j in found for c in j.candidates} == {OTHER[entry.city]}


@pytest.mark.parametrize("entry_id", sorted(PARTNERS))
def test_words_that_tell_no_city_are_known_to_some_city(retriever: Retriever, entry_id: str) -> None:
    asked = open_questions(entry_id)
    assert len(asked) >= 20
    decisions = zip(*([j.decision for j in retriever.search_all(asked, city)] for city in CITIES), strict=True)
    assert [q for q, both in zip(asked, decisions, strict=True) if set(both) == {"none"}] == []


@pytest.mark.parametrize("city", CITIES)
def test_questions_that_were_never_trained_on_stay_within_their_city(retriever: Retriever, city: City) -> None:
    asked = [q for q in DEVELOPMENT if q.city == city and set(q.expect) & PARTNERS.keys() and not q.context]
    found = retriever.search_all([q.q for q in asked], city)
    wrong = [q.q for q, j in zip(asked, found, strict=True) if j.decision == "answer" and j.best not in q.expect]
    assert len(asked) >= 300
    assert len(wrong) / len(asked) <= 0.02
