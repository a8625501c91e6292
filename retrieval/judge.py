"""Judge the candidates: whether there is an answer, we must ask, or there is none.

One confidence in [0, 1] per candidate: the calibrated probability that the entry answers the question, a logistic
function of the ranking's features. Weights and thresholds are data: `judge.yml`, beside the run that chose them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import BaseModel, ConfigDict, Field

from core.errors import ModelMissingError
from retrieval.ranking import FEATURES, Ranked

JUDGE_FILE = Path(__file__).parent / "judge.yml"
_TOO_FEW = 2  # different letters
Decision = Literal["answer", "clarify", "none"]


class Thresholds(BaseModel):
    """From which confidence on a candidate is answered, offered, or left out; all in [0, 1]."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    answer: float = Field(ge=0, le=1)
    clarify: float = Field(ge=0, le=1)
    option: float = Field(ge=0, le=1)

    def decide(self, confidence: float) -> Decision:
        """Return the decision for the best candidate's confidence."""
        if confidence >= self.answer:
            return "answer"
        return "clarify" if confidence >= self.clarify else "none"


class JudgeConfig(BaseModel):
    """What `helpdesk tune` wrote: the model, the thresholds and the run that chose them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: dict[str, str | int | float]
    thresholds: Thresholds
    features: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    hidden: tuple[tuple[float, ...], ...]
    hidden_bias: tuple[float, ...]
    output: tuple[float, ...]
    output_bias: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry with the probability in [0, 1] that it answers, and why."""

    entry_id: str
    confidence: float
    features: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The decision, with the candidates best first."""

    decision: Decision
    candidates: tuple[Candidate, ...]
    text: str = ""

    @property
    def confidence(self) -> float:
        """The best candidate's confidence; 0 without one."""
        return self.candidates[0].confidence if self.candidates else 0.0

    @property
    def none(self) -> float:
        """How much the question looks like the known unanswerable ones, in [0, 1]; the lower of the two views."""
        if not self.candidates or not self.candidates[0].features:
            return 1.0
        features = self.candidates[0].features
        return math.exp(min(features["log_none_characters"], features["log_none_sounds"]))

    @property
    def best(self) -> str | None:
        """The best candidate's entry."""
        return self.candidates[0].entry_id if self.candidates else None


class Judge:
    """Applies a `JudgeConfig`."""

    def __init__(self, config: JudgeConfig) -> None:
        if config.features != FEATURES:
            raise ModelMissingError(f"{JUDGE_FILE} was made for other features: run `helpdesk tune`")
        self.thresholds = config.thresholds
        self._centre, self._scale = np.array(config.centre), np.array(config.scale)
        self._hidden, self._hidden_bias = np.array(config.hidden), np.array(config.hidden_bias)
        self._output, self._output_bias = np.array(config.output), config.output_bias

    def probabilities(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return P(entry answers), shape (n,), of features of shape (n, len(FEATURES))."""
        z = np.maximum((features - self._centre) / self._scale @ self._hidden + self._hidden_bias, 0)
        return np.asarray(1 / (1 + np.exp(-(z @ self._output + self._output_bias))))

    def judge(self, ranked: Ranked, text: str = "") -> Judgement:
        """Decide over one question's candidates."""
        if not ranked.entry_ids:
            return Judgement("none", (), text)
        chances = self.probabilities(ranked.features)
        order = np.argsort(-chances)
        rows = ranked.features.tolist()
        candidates = tuple(
            Candidate(ranked.entry_ids[i], float(chances[i]), dict(zip(FEATURES, rows[i], strict=True))) for i in order
        )
        decision = self.thresholds.decide(candidates[0].confidence)
        if decision == "answer" and is_bare_word(text):
            decision = "clarify"
        return Judgement(decision, candidates, text)


def is_bare_word(text: str) -> bool:
    """Whether a text (normal form) is a bare word: no question, however plainly it points to an entry.

    >>> is_bare_word("孩子"), is_bare_word("刷脸失败")
    (True, False)
    """
    return 0 < len(set(filter(str.isalnum, text))) <= _TOO_FEW


def load_judge(path: Path = JUDGE_FILE) -> Judge:
    """Load the judge that was tuned last."""
    return Judge(JudgeConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))))
