"""Compare two results question by question, with McNemar's exact test.

As a program: `python -m evaluation.compare BEFORE.json AFTER.json`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path

from core.errors import HelpdeskError
from evaluation.results import Result, Row, load_result


@dataclass(frozen=True, slots=True)
class Comparison:
    """Questions that both runs asked; pairs are (before, after). `p` is two-sided, in [0, 1]."""

    common: int
    gained: list[tuple[Row, Row]]
    lost: list[tuple[Row, Row]]

    @property
    def p(self) -> float:
        """McNemar's exact p: how likely so uneven a split of the changed questions is by chance."""
        return mcnemar_exact(len(self.gained), len(self.lost))

    def __str__(self) -> str:
        changed = f"{len(self.gained)} gained, {len(self.lost)} lost"
        head = f"{self.common} common questions: {changed}, McNemar exact p = {self.p:.4f}"
        lines = [
            f"{sign} {before.question.q}  [{_state(before)} → {_state(after)}]"
            for sign, pairs in (("+", self.gained), ("-", self.lost))
            for before, after in pairs
        ]
        return "\n".join([head, *lines])


def mcnemar_exact(gained: int, lost: int) -> float:
    """Return the two-sided exact p of McNemar's test (1947): a fair coin's chance of a split as uneven as this.

    Args:
        gained: questions right only in the second run.
        lost: questions right only in the first run.
    """
    changed = gained + lost
    tail = sum(comb(changed, k) for k in range(min(gained, lost) + 1))
    return min(1.0, float(2 * tail / 2**changed))


def compare(before: Result, after: Result) -> Comparison:
    """Compare what both asked; a question is the same if text, context and city are."""
    earlier = {row.question.key: row for row in before.rows}
    pairs = [(earlier[row.question.key], row) for row in after.rows if row.question.key in earlier]
    gained = [(old, new) for old, new in pairs if new.good and not old.good]
    lost = [(old, new) for old, new in pairs if old.good and not new.good]
    return Comparison(len(pairs), gained, lost)


def _state(row: Row) -> str:
    return f"{row.verdict} {row.reply.first_choice or row.reply.kind}"


def main(arguments: Sequence[str]) -> int:
    """Print the comparison of two result files; 2 if they cannot be read."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m evaluation.compare BEFORE.json AFTER.json\n")
        return 2
    try:
        before, after = (load_result(Path(name)) for name in arguments)
    except HelpdeskError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{compare(before, after)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
