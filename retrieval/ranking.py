"""Rank a city's entries for a question: collect what every view says of each candidate, as features for the judge."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from retrieval.encoder import Vectors
from retrieval.grams import char_grams
from retrieval.index import VectorIndex
from retrieval.lexical import NONE, LexicalPair

FEATURES = (
    "log_p_characters",
    "log_p_sounds",
    "log_none_characters",
    "log_none_sounds",
    "margin_characters",
    "margin_sounds",
    "cosine_best",
    "cosine_mean",
    "cosine_none_best",
    "cosine_none_mean",
    "cosine_gap_none",
    "cosine_gap_other",
    "votes",
    "votes_none",
    "novelty",
    "length",
    "rare_novelty",
    "unknown",
    "cosine_near_miss",
)
CANDIDATES = 5
_MEAN_OF = 4
_FLOOR = 1e-4


@dataclass(frozen=True, slots=True)
class Ranked:
    """Candidates of one question, best first: `features` has shape (len(entry_ids), len(FEATURES))."""

    entry_ids: list[str]
    features: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Vocabulary:
    """A city's 2-grams: those of each entry, and the rarity (inverse document frequency, ≥ 0) of every one seen."""

    of_entry: dict[str, frozenset[str]]
    rarity: dict[str, float]
    rarest: float


@dataclass
class CityRanker:
    """Everything trained for one city."""

    lexical: LexicalPair
    index: VectorIndex
    vocabulary: Vocabulary

    @property
    def entry_ids(self) -> list[str]:
        """The entries that can be candidates."""
        return [c for c in self.lexical.classes if c != NONE]

    def rank(self, texts: Sequence[str], vectors: Vectors) -> list[Ranked]:
        """Rank entries for each text (normal form) with its vector, shape (len(texts), dimensions)."""
        cosines, rows = self.index.search(vectors)
        labels, resembled = self.index.labels[rows], self.index.near[rows]
        return [
            self._rank_one(text, _by_label(cosines[i].tolist(), labels[i].tolist(), resembled[i].tolist()))
            for i, text in enumerate(texts)
        ]

    def _rank_one(self, text: str, near: _Near) -> Ranked:
        # Plain floats: for so few numbers an array costs more than the arithmetic.
        chars, sounds = np.log(np.maximum(self.lexical.probabilities(text), _FLOOR)).tolist()
        classes, best, mean, votes = self.lexical.classes, near.best, near.mean, near.votes
        none_at = classes.index(NONE)
        overall = [chars[i] + sounds[i] + 6 * mean.get(c, 0.0) for i, c in enumerate(classes)]
        overall[none_at] = -math.inf
        order = sorted(range(len(classes)), key=overall.__getitem__, reverse=True)[: min(CANDIDATES, len(classes) - 1)]
        pairs = two_grams(text)
        weights = [self.vocabulary.rarity.get(pair, self.vocabulary.rarest) for pair in pairs]
        unknown = sum(pair not in self.vocabulary.rarity for pair in pairs) / max(1, len(pairs))
        features = []
        for at in order:
            entry = classes[at]
            others = [j for j in order if j != at]
            cosine = mean.get(entry, 0.0)
            new = [pair not in self.vocabulary.of_entry[entry] for pair in pairs]
            rival = max((value for label, value in mean.items() if label not in (NONE, entry)), default=0.0)
            features.append(
                (
                    chars[at],
                    sounds[at],
                    chars[none_at],
                    sounds[none_at],
                    chars[at] - max((chars[j] for j in others), default=chars[none_at]),
                    sounds[at] - max((sounds[j] for j in others), default=sounds[none_at]),
                    best.get(entry, 0.0),
                    cosine,
                    best.get(NONE, 0.0),
                    mean.get(NONE, 0.0),
                    cosine - mean.get(NONE, 0.0),
                    cosine - rival,
                    votes.get(entry, 0.0),
                    votes.get(NONE, 0.0),
                    sum(new) / max(1, len(pairs)),
                    min(len(text), 100) / 100,
                    sum(compress(weights, new)) / max(1.0, sum(weights)),
                    unknown,
                    near.missed.get(entry, 0.0),
                )
            )
        return Ranked([classes[i] for i in order], np.array(features, dtype=np.float32).reshape(-1, len(FEATURES)))


class _Near(NamedTuple):
    """Label → best cosine, mean of its best four (missing ones count 0), share of the ten nearest.

    `missed`: entry → best cosine of a near miss that resembles it.
    """

    best: dict[str, float]
    mean: dict[str, float]
    votes: dict[str, float]
    missed: dict[str, float]


def _by_label(cosines: list[float], labels: list[str], resembled: list[str]) -> _Near:
    found: dict[str, list[float]] = {}
    missed: dict[str, float] = {}
    for cosine, label, entry in zip(cosines, labels, resembled, strict=True):
        found.setdefault(label, []).append(cosine)
        if label == NONE:
            missed.setdefault(entry, cosine)
    nearest = labels[:10]
    return _Near(
        {label: values[0] for label, values in found.items()},
        {label: sum(values[:_MEAN_OF]) / _MEAN_OF for label, values in found.items()},
        {label: nearest.count(label) / 10 for label in found},
        missed,
    )


def vocabulary_of(known: Mapping[str, Sequence[str]], texts: Sequence[str]) -> Vocabulary:
    """Return the 2-grams of what is known of each entry, and their rarity in all texts."""
    counts = Counter(gram for text in texts for gram in set(two_grams(text)))
    rarest = math.log(max(2, len(texts)))
    return Vocabulary(
        {entry: frozenset(gram for text in own for gram in two_grams(text)) for entry, own in known.items()},
        {gram: rarest - math.log(count) for gram, count in counts.items()},
        rarest,
    )


def two_grams(text: str) -> list[str]:
    """Return the text's character 2-grams."""
    return [gram for gram in char_grams(text, 2) if len(gram) == 2]
