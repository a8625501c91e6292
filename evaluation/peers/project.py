"""The Rasa projects in which Rasa alone chooses the entry: one for each peer and city.

The pipeline is the one that Rasa's documentation proposes without pre-trained vectors, with its tokenizer for Chinese;
what finds entities is left out, as the training questions name none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from retrieval.corpus import Example

CONFIG, DOMAIN, DATA = "config.yml", "domain.yml", "nlu.json"
EPOCHS = 10
FEATURES: tuple[Mapping[str, Any], ...] = (
    {"name": "JiebaTokenizer"},
    {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
)
# ranking_length 0 has Rasa tell all labels, not the first ten.
_LEARNING = {"epochs": EPOCHS, "constrain_similarities": True, "random_seed": 7, "ranking_length": 0}


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to have Rasa choose the entry.

    Args:
        name: in the report.
        component: the settings of what is trained.
        retrieval_intent: the intent under which every entry is a response key; None: every entry is an intent.
    """

    name: str
    component: Mapping[str, Any]
    retrieval_intent: str | None = None

    @property
    def config(self) -> dict[str, Any]:
        """Rasa's configuration."""
        pipeline = [dict(part) for part in (*FEATURES, self.component)]
        return {"recipe": "default.v1", "language": "zh", "assistant_id": "peer", "pipeline": pipeline}

    def label(self, entry: str) -> str:
        """Return the label of an entry's id, or of "none"."""
        return f"{self.retrieval_intent}/{entry}" if self.retrieval_intent else entry

    def entry(self, label: str) -> str:
        """Return the id that a label stands for, or "none"."""
        return label.removeprefix(f"{self.retrieval_intent}/") if self.retrieval_intent else label

    def with_epochs(self, epochs: int) -> Peer:
        """Return the same peer, trained for so many passes over the examples."""
        return replace(self, component={**self.component, "epochs": epochs})


PEERS = (
    Peer("Rasa DIET, one intent per entry", {"name": "DIETClassifier", "entity_recognition": False, **_LEARNING}),
    Peer(
        "Rasa ResponseSelector, one response key per entry",
        {"name": "ResponseSelector", "retrieval_intent": "faq", **_LEARNING},
        "faq",
    ),
)


def write_project(peer: Peer, examples: Sequence[Example], folder: Path) -> None:
    """Write configuration, domain and training data; the folder is made.

    The data are Rasa's JSON, not its YAML: there, brackets in a question could be read as annotations.
    """
    labels = sorted({peer.label(example.entry) for example in examples})
    data = {"common_examples": [{"text": e.text, "intent": peer.label(e.entry)} for e in examples]}
    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(_yaml(peer.config), encoding="utf-8")
    (folder / DOMAIN).write_text(_yaml(_domain(peer, labels)), encoding="utf-8")
    (folder / DATA).write_text(json.dumps({"rasa_nlu_data": data}, ensure_ascii=False), encoding="utf-8")


def _domain(peer: Peer, labels: Sequence[str]) -> dict[str, Any]:
    """Return the domain; a response's words are not learnt (`use_text_as_label` is off), so its label will do."""
    if peer.retrieval_intent is None:
        return {"version": "3.1", "intents": [*labels]}
    responses = {f"utter_{label}": [{"text": label}] for label in labels}
    return {"version": "3.1", "intents": [peer.retrieval_intent], "responses": responses}


def _yaml(content: Mapping[str, Any]) -> str:
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
