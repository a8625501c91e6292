"""Which branch of an answer fits a parent's words: one small linear model per entry that has branches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np

from knowledge.loader import Knowledge
from retrieval.lexical import NONE, LexicalModel, train_lexical
from retrieval.normalise import normalise

BRANCHES_FILE = "branches.joblib"
CERTAIN = 0.7


@dataclass
class BranchJudge:
    """`models[entry]` has a class per branch and "none" for words that decide nothing."""

    models: dict[str, LexicalModel]

    def decide(self, entry_id: str, text: str) -> str | None:
        """Return the branch that the text (normal form) decides for, or None."""
        model = self.models.get(entry_id)
        if model is None:
            return None
        chances = model.probabilities(text)
        best = int(np.argmax(chances))
        branch = model.classes[best]
        return branch if branch != NONE and chances[best] >= CERTAIN else None


def train_branches(knowledge: Knowledge, folder: Path) -> None:
    """Train a model for every entry whose branches have similar questions."""
    models: dict[str, LexicalModel] = {}
    for entry in knowledge.entries.values():
        examples = [(q, branch) for branch, questions in entry.similar.branches.items() for q in questions]
        examples += [(f"{branch.label} {branch.text}", branch.id) for branch in entry.branches]
        examples += [(q, NONE) for q in (entry.question, *entry.similar.undecided)]
        if entry.similar.branches:
            texts, labels = zip(*examples, strict=True)
            models[entry.id] = train_lexical([normalise(t) for t in texts], labels, "characters", strength=3.0)
    joblib.dump(models, folder / BRANCHES_FILE)


def load_branches(folder: Path) -> BranchJudge:
    """Load what `train_branches` wrote."""
    return BranchJudge(joblib.load(folder / BRANCHES_FILE))
