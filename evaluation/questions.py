"""Load question sets; `evaluation/sets/README.md` describes them field by field."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import HelpdeskError
from core.scope import City

SETS = Path(__file__).parent / "sets"
DEVELOPMENT = SETS / "development.jsonl"


class QuestionSetError(HelpdeskError):
    """A question set cannot be used; the message names file and line and says what to do."""


class Group(StrEnum):
    """Which figures a question counts for; exactly one group a question."""

    ANSWERABLE = "answerable"
    TWO_IN_ONE = "two_in_one"
    FOLLOW_UP = "follow_up"
    UNANSWERABLE = "unanswerable"
    INTENTS = "intents"


class Question(BaseModel):
    """One line of a question set; fields that are not ours are left aside, null is "not given"."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    q: str = Field(min_length=1)
    city: City | None
    expect: tuple[str, ...]
    all: bool | None = None
    context: str | None = None
    intent: Literal["case_status", "human_handoff", "chitchat"] | None = None
    kind: str | None = None
    branch: str | None = None

    @model_validator(mode="after")
    def _fields_agree(self) -> Question:
        if self.all and len(self.expect) < 2:
            raise ValueError("`all` needs at least two ids in `expect`")
        if self.branch and not self.expect:
            raise ValueError("`branch` needs an id in `expect`")
        return self

    @property
    def has_branch(self) -> bool:
        """Whether the line says which branch applies; `"branch": null` says that the words decide for none."""
        return "branch" in self.model_fields_set and bool(self.expect)

    @property
    def label(self) -> str:
        """The kind to report by."""
        return self.kind or "unlabelled"

    @property
    def group(self) -> Group:
        """The figures that this question counts for."""
        if self.intent:
            return Group.INTENTS
        if not self.expect:
            return Group.UNANSWERABLE
        if self.all:
            return Group.TWO_IN_ONE
        return Group.FOLLOW_UP if self.context else Group.ANSWERABLE

    @property
    def key(self) -> str:
        """What identifies the question when two runs are compared."""
        return "\t".join((self.city or "", self.context or "", self.q))


def load_questions(path: Path, known_ids: Iterable[str] | None = None) -> list[Question]:
    """Load a question set, or all sets of a folder in the order of their names.

    Args:
        path: a `.jsonl` file, or a folder of them.
        known_ids: the ids that `expect` may name; None: any.

    Raises:
        QuestionSetError: nothing there, not readable, or a line breaks a rule.
    """
    ids = None if known_ids is None else frozenset(known_ids)
    questions = [question for file in _files(path) for question in _load_file(file, ids)]
    if not questions:
        raise QuestionSetError(f"{path}: no question in it; write one JSON object a line, as {SETS / 'README.md'} says")
    return questions


def digest_of(questions: Iterable[Question]) -> str:
    """Return a hash of the questions in their order: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for question in questions:
        digest.update(question.model_dump_json(exclude_unset=True).encode() + b"\n")
    return digest.hexdigest()[:16]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(path.glob("*.jsonl"))
        if not files:
            raise QuestionSetError(f"{path}: there is no .jsonl file in this folder; name a question set")
        return files
    if not path.is_file():
        raise QuestionSetError(f"{path}: there is no such file; name a question set, e.g. {SETS / 'development.jsonl'}")
    return [path]


def _load_file(path: Path, ids: frozenset[str] | None) -> Iterator[Question]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionSetError(f"{path}: not readable as UTF-8 text ({error}); save it as UTF-8") from error
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if line.strip():
            yield _question(f"{path}, line {number}", line, ids)


def _question(where: str, line: str, ids: frozenset[str] | None) -> Question:
    try:
        question = Question.model_validate(json.loads(line))
    except json.JSONDecodeError as error:
        raise QuestionSetError(f"{where}: not JSON ({error.msg}); write one JSON object on each line") from error
    except ValidationError as error:
        raise QuestionSetError(f"{where}: {_reason(error)}; {SETS / 'README.md'} describes the fields") from error
    if ids is not None and (unknown := sorted(set(question.expect) - ids)):
        raise QuestionSetError(f"{where}: expect names {unknown[0]!r}; use the ids of knowledge/entry-ids.tsv")
    return question


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "the line"
    return f"{field}: {first['msg']} (value: {str(first['input'])[:80]})"
