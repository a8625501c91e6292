from __future__ import annotations

import yaml

from knowledge.loader import Knowledge
from retrieval.doubles import load_double
from retrieval.drift import counts_of, drift
from retrieval.judge import JUDGE_FILE


def test_both_judges_say_which_run_made_them() -> None:
    run = yaml.safe_load(JUDGE_FILE.read_text(encoding="utf-8"))["run"]
    assert run.items() <= load_double().run.items()


def test_drift_is_counted_from_the_questions_that_a_run_holds_out(known: Knowledge) -> None:
    counts = counts_of(known)
    assert counts["held_out_questions"] > counts["near_misses"] > 1_000
    assert drift({"near_misses": 4_000, "knowledge": "x"}, {"near_misses": 5_000}) == {"near_misses": 0.25}
