"""A run's result as JSON: every question with its reply and verdict, the figures, and what they were taken with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from core import clock
from core.errors import HelpdeskError
from core.settings import ROOT
from evaluation.calibration import Scored, calibration_error
from evaluation.metrics import BranchVerdict, Judged, Labels, Shares, Verdict, group_figures, judge, kind_figures
from evaluation.questions import Group, Question, digest_of
from evaluation.replies import Reply
from knowledge.loader import Knowledge

CONFIG_FILES = ("config.yml", "domain.yml", "retrieval/judge.yml", "bot/dictionaries/entities.yml")


class ResultError(HelpdeskError):
    """A result file cannot be read; the message says how to make one."""


class Row(BaseModel):
    """One question with what was said and how it is judged; `extra`: answered with more than it asked."""

    model_config = ConfigDict(extra="forbid")

    question: Question
    reply: Reply
    verdict: Verdict
    branch: BranchVerdict | None = None
    extra: bool = False

    @property
    def good(self) -> bool:
        """Whether the verdict is the one wished for, branch included; a question back is good only where asked for."""
        wished = {Verdict.CORRECT, Verdict.RIGHT, Verdict.DECLINED}
        return self.verdict in wished and self.branch in (None, BranchVerdict.RIGHT)


class Result(BaseModel):
    """A finished evaluation."""

    model_config = ConfigDict(extra="forbid")

    run: dict[str, Any]
    figures: dict[str, Shares]
    kinds: dict[str, dict[str, Shares]]
    rows: list[Row]

    def save(self, path: Path) -> None:
        """Write the result as JSON; fields of a question that were not given stay out."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=1, exclude_unset=True), encoding="utf-8")


def load_result(path: Path) -> Result:
    """Read what `Result.save` wrote.

    Raises:
        ResultError: there is no such result.
    """
    try:
        return Result.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise ResultError(f"{path}: no result of `helpdesk evaluate FILE --report FOLDER` ({error})") from error


def make_result(
    questions: Sequence[Question], replies: Sequence[Reply], labels: Labels, run: dict[str, Any] | None = None
) -> Result:
    """Judge the replies and sum up; `run` is kept with it, beside time and hash of the questions."""
    judged = [judge(question, reply, labels) for question, reply in zip(questions, replies, strict=True)]
    rows = [_row(one, reply) for one, reply in zip(judged, replies, strict=True)]
    figures = group_figures(judged)
    scored = first_choices(rows)
    if scored:
        figures["calibration"] = {"questions": len(scored), "error": round(calibration_error(scored), 4)}
    about = {"at": clock.now().isoformat(timespec="seconds"), "questions": digest_of(questions), **(run or {})}
    return Result(run=about, figures=figures, kinds=kind_figures(judged), rows=rows)


def first_choices(rows: Iterable[Row]) -> list[Scored]:
    """Return the first choices of single questions, answerable or not; right is one that `expect` names."""
    return [
        Scored(row.reply.confidence, row.reply.first_choice in row.question.expect)
        for row in singles(rows)
        if row.reply.first_choice
    ]


def singles(rows: Iterable[Row]) -> list[Row]:
    """Return the rows of single questions that ask for an entry, whether the Q&A has it or not."""
    return [row for row in rows if row.question.group in (Group.ANSWERABLE, Group.UNANSWERABLE)]


def branch_labels(knowledge: Knowledge) -> dict[tuple[str, str], str]:
    """Return (entry id, branch's label) → branch id."""
    return {(entry.id, b.label): b.id for entry in knowledge.entries.values() for b in entry.branches}


def config_of(knowledge: Knowledge, root: Path = ROOT) -> dict[str, Any]:
    """Return what the result depends on: hashes of data and configuration files, and the judge's thresholds and run."""
    files = {name: root / name for name in CONFIG_FILES}
    judge_file = files["retrieval/judge.yml"]
    chosen = yaml.safe_load(judge_file.read_text(encoding="utf-8")) if judge_file.exists() else {}
    return {
        "knowledge": knowledge.digest,
        "files": {name: _hash(path) for name, path in files.items() if path.exists()},
        "judge": {name: chosen[name] for name in ("run", "thresholds") if name in chosen},
    }


def _row(judged: Judged, reply: Reply) -> Row:
    return Row(question=judged.question, reply=reply, verdict=judged.verdict, branch=judged.branch, extra=judged.extra)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
