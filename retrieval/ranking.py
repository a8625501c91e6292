"""Rank a city's entries for a question: collect what every view says of each candidate, as features for the judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.encoder import Vectors
from retrieval.grams import char_grams
from retrieval.index import VectorIndex
from retrieval.lexical import NONE, LexicalModel

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
)
CANDIDATES = 5
_MEAN_OF = 4
_FLOOR = 1e-4


@dataclass(frozen=True, slots=True)
class Ranked:
    """Candidates of one question, best first: `features` has shape (len(entry_ids), len(FEATURES))."""

    entry_ids: list[str]
    features: npt.NDArray[np.float32]


@dataclass
class CityRanker:
    """Everything trained for one city."""

    lexical: tuple[LexicalModel, LexicalModel]
    index: VectorIndex
    vocabulary: dict[str, frozenset[str]]

    @property
    def entry_ids(self) -> list[str]:
        """The entries that can be candidates."""
        return [c for c in self.lexical[0].classes if c != NONE]

    def rank(self, texts: Sequence[str], vectors: Vectors) -> list[Ranked]:
        """Rank entries for each text (normal form) with its vector, shape (len(texts), dimensions)."""
        cosines, rows = self.index.search(vectors)
        return [
            self._rank_one(
                text,
                [model.probabilities(text) for model in self.lexical],
                cosines[i],
                self.index.labels[rows[i]].tolist(),
            )
            for i, text in enumerate(texts)
        ]

    def _rank_one(self, text: str, rows: list[npt.NDArray[np.float32]], cosines: Vectors, labels: list[str]) -> Ranked:
        classes = self.lexical[0].classes
        none_at = classes.index(NONE)
        logs = [np.log(np.maximum(row, _FLOOR)) for row in rows]
        best, mean, votes = _by_label(cosines, labels)
        overall = np.array([logs[0][i] + logs[1][i] + 6 * mean.get(c, 0.0) for i, c in enumerate(classes)])
        overall[none_at] = -np.inf
        order = [at for at in np.argsort(-overall)[:CANDIDATES] if at != none_at]
        pairs = two_grams(text)
        others = [label for label in mean if label != NONE]
        features = np.zeros((len(order), len(FEATURES)), dtype=np.float32)
        for k, at in enumerate(order):
            entry = classes[at]
            rival = max((mean[o] for o in others if o != entry), default=0.0)
            rivals = [max((log[j] for j in order if j != at), default=log[none_at]) for log in logs]
            cosine_none = mean.get(NONE, 0.0)
            features[k] = (
                logs[0][at],
                logs[1][at],
                logs[0][none_at],
                logs[1][none_at],
                logs[0][at] - rivals[0],
                logs[1][at] - rivals[1],
                best.get(entry, 0.0),
                mean.get(entry, 0.0),
                best.get(NONE, 0.0),
                cosine_none,
                mean.get(entry, 0.0) - cosine_none,
                mean.get(entry, 0.0) - rival,
                votes.get(entry, 0.0),
                votes.get(NONE, 0.0),
                sum(gram not in self.vocabulary[entry] for gram in pairs) / max(1, len(pairs)),
                min(len(text), 100) / 100,
            )
        return Ranked([classes[i] for i in order], features)


def _by_label(cosines: Vectors, labels: list[str]) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return label → best cosine, mean of its best four (missing ones count 0), share of the ten nearest."""
    found: dict[str, list[float]] = {}
    for cosine, label in zip(cosines.tolist(), labels, strict=True):
        found.setdefault(label, []).append(cosine)
    nearest = labels[:10]
    return (
        {label: values[0] for label, values in found.items()},
        {label: sum(values[:_MEAN_OF]) / _MEAN_OF for label, values in found.items()},
        {label: nearest.count(label) / 10 for label in found},
    )


def vocabulary_of(texts: Sequence[str]) -> frozenset[str]:
    """Return the 2-grams of the texts."""
    return frozenset(gram for text in texts for gram in two_grams(text))


def two_grams(text: str) -> list[str]:
    """Return the text's character 2-grams."""
    return [gram for gram in char_grams(text, 2) if len(gram) == 2]
