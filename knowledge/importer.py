"""Read the published documents: two formats, page chrome left out.

`numbered`: a line `N.question?`, then a line `答:answer`.
`question_answer`: a line `QN`, the question, a line `AN`, the answer in one or more lines; numbers restart per part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_CHROME = (re.compile(r"^您即将离开“.*$"), re.compile(r"^本文转载自.*$"))
_NUMBERED = re.compile(r"^(\d+)\.(.+\?)$")
_Q, _A = re.compile(r"^Q(\d+)$"), re.compile(r"^A(\d+)$")
_HAN = r"\u3400-\u9fff"
_CLOSING = r"[,.;:!?)\uff0c\u3002\uff1b\uff1a\uff01\uff1f\u3001\u201d\u2019\uff09\u3011\u300b]"
_STRAY_SPACE = re.compile(rf"(?<=[{_HAN}])[ \t\u3000]+(?=[{_HAN}])|[ \t\u3000]+(?={_CLOSING})")


@dataclass(frozen=True, slots=True)
class Published:
    """One question and answer as the source has it; `part` counts the restarts of the numbering from 0."""

    part: int
    number: str
    question: str
    answer: str


def tidy(text: str) -> str:
    """Remove outer whitespace and stray spaces between two Han characters or before punctuation; nothing else."""
    return _STRAY_SPACE.sub("", text.strip())


def squeeze(text: str) -> str:
    """Remove all whitespace: what the proof compares."""
    return re.sub(r"\s+", "", text)


def read_published(text: str, form: str) -> list[Published]:
    """Return the questions and answers of a document, in its order.

    Args:
        text: the document as published.
        form: `numbered` or `question_answer`.
    """
    return _READERS[form]([line for line in text.splitlines() if not any(c.match(line) for c in _CHROME)])


def _read_numbered(lines: list[str]) -> list[Published]:
    found: list[Published] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if (head := _NUMBERED.match(line)) and following.startswith("答:"):
            found.append(Published(0, head[1], tidy(head[2]), tidy(following.removeprefix("答:"))))
    return found


def _read_question_answer(lines: list[str]) -> list[Published]:
    found: list[Published] = []
    part, number, question, answer, target = 0, 0, [""], [""], [""]
    for line in [*lines, "Q0"]:
        if head := _Q.match(line):
            if number:
                found.append(Published(part, str(number), tidy("\n".join(question)), tidy("\n".join(answer))))
                part += int(head[1]) <= number
            number, question, answer = int(head[1]), [], []
            target = question
        elif _A.match(line):
            target = answer
        else:
            target.append(line)
    return found


_READERS: dict[str, Callable[[list[str]], list[Published]]] = {
    "numbered": _read_numbered,
    "question_answer": _read_question_answer,
}
