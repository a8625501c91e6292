"""Lexical scores: TF-IDF over n-grams and one linear model per city whose classes are its entries and "none".

"None" is learnt from the city's near misses and from off-topic questions, so the probability of an entry says both
which entry it is and whether there is an answer at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.circumstances import circumstance_grams
from retrieval.grams import all_grams, char_grams

NONE = "none"
SHARPNESS = 4.0  # of the softmax that turns margins into probabilities
_VIEWS: dict[str, Callable[[str], Sequence[str]]] = {
    "characters": char_grams,
    "sounds": all_grams,
    "circumstances": circumstance_grams,
}


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
        rows, tf = _known(_VIEWS[self.view](text), self.vocabulary)
        scores = self.bias
        if len(rows):
            tfidf = tf * self.idf[rows]
            scores = scores + np.asarray(tfidf / np.linalg.norm(tfidf), np.float32) @ self.weights[rows]
        exponents = np.exp(SHARPNESS * (scores - scores.max()))
        return np.asarray(exponents / exponents.sum(), dtype=np.float32)


@dataclass
class LexicalPair:
    """Both views of one city in one table: each gram is looked up once, which is most of the work of a short question.

    The first view reads characters, the second characters and sounds. `weights` has shape (grams, 2, classes), `bias`
    (2, classes), `idf` (grams, 2), which is zero where a view doesn't know the gram.
    """

    vocabulary: dict[str, int]
    idf: npt.NDArray[np.float32]
    classes: list[str]
    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]

    def probabilities(self, text: str) -> npt.NDArray[np.float32]:
        """Return P(class | text) in both views, shape (2, len(classes)), of a text in normal form."""
        rows, tf = _known(all_grams(text), self.vocabulary)
        scores = self.bias
        if len(rows):
            tfidf = tf[:, None] * self.idf[rows]
            lengths = np.maximum(np.sqrt((tfidf * tfidf).sum(0)), 1e-9)
            scores = scores + np.einsum("gv,gvc->vc", tfidf / lengths, self.weights[rows])
        exponents = np.exp(SHARPNESS * (scores - scores.max(1, keepdims=True)))
        return np.asarray(exponents / exponents.sum(1, keepdims=True), dtype=np.float32)


def pair_of(characters: LexicalModel, sounds: LexicalModel) -> LexicalPair:
    """Lay two views with the same classes into one table."""
    vocabulary = {gram: row for row, gram in enumerate(dict.fromkeys([*characters.vocabulary, *sounds.vocabulary]))}
    idf = np.zeros((len(vocabulary), 2), dtype=np.float32)
    weights = np.zeros((len(vocabulary), 2, len(characters.classes)), dtype=np.float32)
    for view, model in enumerate((characters, sounds)):
        rows = [vocabulary[gram] for gram in model.vocabulary]
        own = list(model.vocabulary.values())
        idf[rows, view], weights[rows, view] = model.idf[own], model.weights[own]
    return LexicalPair(vocabulary, idf, characters.classes, weights, np.stack([characters.bias, sounds.bias]))


def _known(
    grams: Sequence[str], vocabulary: Mapping[str, int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the rows of the grams that are known, and how often each occurs, as 1 + log of the count."""
    known = [(vocabulary[gram], count) for gram, count in Counter(grams).items() if gram in vocabulary]
    rows, times = np.array(known, dtype=np.int64).reshape(-1, 2).T
    return rows, 1 + np.log(times.astype(np.float32))


def train_lexical(
    texts: Sequence[str], labels: Sequence[str], view: str, *, strength: float = 1.0, rarest: int = 1
) -> LexicalModel:
    """Train one view.

    Args:
        texts: questions in normal form.
        labels: an entry's id, or "none".
        view: `characters`, `sounds` (characters and pinyin) or `circumstances` (characters, places and people).
        strength: the support vector machine's C, the inverse of its regularisation.
        rarest: grams in fewer texts are left out.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

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
