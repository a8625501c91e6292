"""Intents by a linear support vector machine over character n-grams.

Chosen by measurement (docs/adr/0003-coarse-intents.md): no worse than Rasa's own classifiers, trained in seconds.
Confidences are a softmax over the margins, in [0, 1].
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Text

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, INTENT_NAME_KEY, PREDICTED_CONFIDENCE_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

RANKING = 5


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class LinearIntentClassifier(IntentClassifier, GraphComponent):
    """Classifies a message's text; needs no featurizer before it."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """Return the defaults: n-gram lengths, SVM's C, and the softmax's sharpness over margins."""
        return {"min_ngram": 1, "max_ngram": 3, "C": 1.0, "sharpness": 4.0}

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "LinearIntentClassifier":
        """Create an untrained classifier."""
        return cls(config, model_storage, resource)

    def __init__(self, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._intents: List[Text] = []
        self._vocabulary: Dict[Text, int] = {}
        self._idf = self._weights = self._bias = np.zeros(0, dtype=np.float32)

    def train(self, training_data: TrainingData) -> Resource:
        """Train on all examples that have an intent, and store the result."""
        examples = [e for e in training_data.intent_examples if e.get(INTENT) and e.get(TEXT)]
        vectoriser = TfidfVectorizer(analyzer=self._grams, sublinear_tf=True)
        features = vectoriser.fit_transform([e.get(TEXT) for e in examples])
        model = LinearSVC(C=self._config["C"], class_weight="balanced", random_state=7)
        model.fit(features, [e.get(INTENT) for e in examples])
        self._intents = [str(name) for name in model.classes_]
        self._vocabulary = {str(gram): int(at) for gram, at in vectoriser.vocabulary_.items()}
        self._idf = vectoriser.idf_.astype(np.float32)
        self._weights = np.ascontiguousarray(model.coef_.T, dtype=np.float32)
        self._bias = model.intercept_.astype(np.float32)
        self._persist()
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        """Set intent and ranking of each message."""
        for message in messages:
            chances = self._probabilities(message.get(TEXT) or "")
            order = np.argsort(-chances)[:RANKING]
            ranking = [{INTENT_NAME_KEY: self._intents[i], PREDICTED_CONFIDENCE_KEY: float(chances[i])} for i in order]
            message.set(INTENT, ranking[0], add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
        return messages

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "LinearIntentClassifier":
        """Load a trained classifier."""
        classifier = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
            classifier._intents, classifier._vocabulary = names["intents"], names["vocabulary"]
            with np.load(str(folder / "arrays.npz"), allow_pickle=False) as arrays:
                classifier._idf, classifier._weights = arrays["idf"], arrays["weights"]
                classifier._bias = arrays["bias"]
        return classifier

    def _persist(self) -> None:
        with self._storage.write_to(self._resource) as folder:
            names = {"intents": self._intents, "vocabulary": self._vocabulary}
            (folder / "names.json").write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")
            np.savez(str(folder / "arrays.npz"), idf=self._idf, weights=self._weights, bias=self._bias)

    def _grams(self, text: Text) -> List[Text]:
        framed = "^" + text.lower() + "$"
        sizes = range(self._config["min_ngram"], self._config["max_ngram"] + 1)
        return [framed[i : i + n] for n in sizes for i in range(len(framed) - n + 1)]

    def _probabilities(self, text: Text) -> np.ndarray:
        counts: Dict[int, int] = {}
        for gram in self._grams(text):
            at = self._vocabulary.get(gram)
            if at is not None:
                counts[at] = counts.get(at, 0) + 1
        scores = self._bias
        if counts:
            rows = np.fromiter(counts, dtype=np.int64)
            tfidf = (1 + np.log(np.fromiter(counts.values(), dtype=np.float32))) * self._idf[rows]
            scores = scores + (tfidf / np.linalg.norm(tfidf)) @ self._weights[rows]
        exponents = np.exp(self._config["sharpness"] * (scores - scores.max()))
        return exponents / exponents.sum()
