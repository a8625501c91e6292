"""Which branch of an answer fits a parent's words: one small linear model per entry that has branches.

To name a wrong branch is worse than to name none, since then the parent reads the whole answer or is asked. How sure a
model must be is found entry by entry, on examples that it was not trained on: what is one word's difference for one
entry (born in Chongqing or not) is plain for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge.entry import Entry
from knowledge.loader import Knowledge
from retrieval.lexical import NONE, LexicalModel, train_lexical
from retrieval.normalise import normalise
from retrieval.storage import load_trained, save_trained

BRANCHES_FILE = "branches.pickle"
FOLDS = 5
LEAST = 0.65
WRONG = 0.05  # of an entry's held-out examples, that may get a wrong branch
_Example = tuple[str, str]


@dataclass(frozen=True)
class BranchModel:
    """A class per branch, and "none" for words that decide nothing; a chance in [0, 1] above `certain` decides."""

    words: LexicalModel
    certain: float

    def best(self, text: str) -> tuple[str, float]:
        """Return the likeliest class of a text (normal form), with its probability in [0, 1]."""
        chances = self.words.probabilities(text)
        best = int(np.argmax(chances))
        return self.words.classes[best], float(chances[best])


@dataclass
class BranchJudge:
    """Entry → its model."""

    models: dict[str, BranchModel]

    def decide(self, entry_id: str, text: str) -> str | None:
        """Return the branch that the text (normal form) decides for, or None."""
        model = self.models.get(entry_id)
        if model is None:
            return None
        branch, chance = model.best(text)
        return branch if branch != NONE and chance > model.certain else None


def train_branches(knowledge: Knowledge, folder: Path) -> None:
    """Train a model for every entry whose branches have similar questions."""
    models = {entry.id: _fit(entry) for entry in knowledge.entries.values() if entry.similar.branches}
    save_trained(models, folder / BRANCHES_FILE)


def load_branches(folder: Path) -> BranchJudge:
    """Load what `train_branches` wrote."""
    return BranchJudge(load_trained(folder / BRANCHES_FILE))


def _fit(entry: Entry) -> BranchModel:
    published = [(entry.question, NONE), *((f"{branch.label} {branch.text}", branch.id) for branch in entry.branches)]
    written = [(q, branch) for branch, questions in entry.similar.branches.items() for q in questions]
    written += [(q, NONE) for q in entry.similar.undecided]
    written += [(q, branch) for branch, questions in entry.similar.contrasts.items() for q in questions]
    held_out: list[tuple[str, str, float]] = []
    for fold in range(FOLDS):
        rest = [example for i, example in enumerate(written) if i % FOLDS != fold]
        model = BranchModel(_train([*published, *rest]), LEAST)
        held_out += [(right, *model.best(normalise(q))) for q, right in written[fold::FOLDS]]
    return BranchModel(_train([*published, *written]), certainty(held_out))


def _train(examples: Sequence[_Example]) -> LexicalModel:
    texts, labels = zip(*examples, strict=True)
    return train_lexical([normalise(t) for t in texts], labels, "circumstances", strength=3.0)


def certainty(held_out: Sequence[tuple[str, str, float]]) -> float:
    """Return the chance in [0, 1] above which few enough held-out examples get a wrong branch.

    Args:
        held_out: right class, class found, and the chance in [0, 1] that the model gave it.
    """
    wrong = sorted((chance for right, found, chance in held_out if found not in (right, NONE)), reverse=True)
    return max([LEAST, *wrong[int(WRONG * len(held_out)) :]])
