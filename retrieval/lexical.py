"""Lexical scores: TF-IDF over n-grams and one linear model per city whose classes are its entries and "none".

"None" is learnt from the city's near misses and from off-topic questions, so the probability of an entry says both
which entry it is and whether there is an answer at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from retrieval.grams import all_grams, char_grams

NONE = "none"
SHARPNESS = 4.0  # of the softmax that turns margins into probabilities
_VIEWS: dict[str, Callable[[str], Sequence[str]]] = {"characters": char_grams, "sounds": all_grams}


@dataclass
class LexicalModel:
    """One view of one city, as plain arrays, since scoring one question at a time through scikit-learn is slow.

    `weights` has shape (grams, classes), `idf` (grams,), `bias` (classes,); "none" is among `classes`.
    """

    view: str
    vocabulary: dict[str, int]
    idf: npt.NDArray[np.float32]
    classes: list[str]
    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]

    def probabilities(self, text: str) -> npt.NDArray[np.float32]:
        """Return P(class | text), shape (len(classes),), of a text in normal form."""
        counts = Counter(_VIEWS[self.view](text))
        known = [(self.vocabulary[gram], count) for gram, count in counts.items() if gram in self.vocabulary]
        scores = self.bias
        if known:
            rows, times = np.array(known).T
            tf = 1 + np.log(times.astype(np.float32))
            tfidf = tf * self.idf[rows]
            scores = scores + (tfidf / np.linalg.norm(tfidf)) @ self.weights[rows]
        exponents = np.exp(SHARPNESS * (scores - scores.max()))
        return np.asarray(exponents / exponents.sum(), dtype=np.float32)


def train_lexical(
    texts: Sequence[str], labels: Sequence[str], view: str, *, strength: float = 1.0, rarest: int = 1
) -> LexicalModel:
    """Train one view.

    Args:
        texts: questions in normal form.
        labels: an entry's id, or "none".
        view: `characters`, or `sounds` (characters and pinyin).
        strength: the support vector machine's C, the inverse of its regularisation.
        rarest: grams in fewer texts are left out.
    """
    vectoriser = TfidfVectorizer(analyzer=_VIEWS[view], sublinear_tf=True, min_df=rarest, dtype=np.float32)
    model = LinearSVC(C=strength, random_state=7).fit(vectoriser.fit_transform(texts), labels)
    coefficients, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coefficients, bias = np.vstack([-coefficients, coefficients]), np.concatenate([-bias, bias])
    return LexicalModel(
        view,
        {str(gram): int(at) for gram, at in vectoriser.vocabulary_.items()},
        vectoriser.idf_.astype(np.float32),
        [str(name) for name in model.classes_],
        np.ascontiguousarray(coefficients.T, dtype=np.float32),
        bias.astype(np.float32),
    )
