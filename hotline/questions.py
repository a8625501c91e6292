"""What a caller asked, from what stood in the box whenever something happened."""

from __future__ import annotations

from collections.abc import Sequence


def questions_of(typed: Sequence[str]) -> list[str]:
    """Return the questions in order, each once: a text that was typed on, or shortened again, is one question.

    >>> questions_of(["刷脸", "刷脸查不到", "刷脸查不到孩子", "房产证传哪几页", "房产证传", "刷脸查不到孩子"])
    ['刷脸查不到孩子', '房产证传哪几页']
    """
    questions: list[str] = []
    for text in (one.strip() for one in typed):
        if not text or any(known.startswith(text) for known in questions):
            continue
        if questions and text.startswith(questions[-1]):
            questions.pop()
        questions.append(text)
    return questions
