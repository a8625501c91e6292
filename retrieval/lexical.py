"""Lexical scores: TF-IDF over n-grams and a linear model per city whose classes are its entries and "none".

"None" is learnt from the city's near misses and from off-topic questions, so the probability of an entry says both
which entry it is and whether there is an answer at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from retrieval.grams import all_grams, char_grams

NONE = "none"
_VIEWS: dict[str, Callable[[str], list[str]]] = {"characters": char_grams, "sounds": all_grams}


@dataclass
class LexicalModel:
    """One view of one city: `probabilities` has a column per class in `classes`, "none" among them."""

    view: str
    vectoriser: TfidfVectorizer
    classes: list[str]
    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return P(class | text), shape (len(texts), len(classes)), of texts in normal form."""
        scores = self.vectoriser.transform(texts) @ self.weights + self.bias
        scores = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray(scores / scores.sum(1, keepdims=True), dtype=np.float32)


def train_lexical(texts: Sequence[str], labels: Sequence[str], view: str, *, strength: float = 30.0) -> LexicalModel:
    """Train one view.

    Args:
        texts: questions in normal form.
        labels: an entry's id, or "none".
        view: `characters`, or `sounds` (characters and pinyin).
        strength: inverse regularisation C of the logistic regression.
    """
    vectoriser = TfidfVectorizer(analyzer=_VIEWS[view], sublinear_tf=True, dtype=np.float32)
    model = LogisticRegression(C=strength, max_iter=120).fit(vectoriser.fit_transform(texts), labels)
    weights = np.ascontiguousarray(model.coef_.T, dtype=np.float32)
    return LexicalModel(view, vectoriser, list(model.classes_), weights, model.intercept_.astype(np.float32))
