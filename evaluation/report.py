"""Write a report: one HTML page, its pictures, and the result as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaluation.baselines import Baseline
from evaluation.calibration import CurvePoint, coverage_risk
from evaluation.compare import Comparison
from evaluation.floors import Checked
from evaluation.metrics import BranchVerdict, Verdict
from evaluation.peers.report import Kept
from evaluation.pictures import NO_ENTRY, draw_confusion, draw_coverage_risk, draw_reliability
from evaluation.questions import Group
from evaluation.results import Result, Row, first_choices, singles

PAGE = "index.html"
RESULT = "result.json"
PREVIOUS = "previous.json"
CITY_ASKED = "city?"
_SECTIONS: Mapping[str, int] = {
    name: i
    for i, name in enumerate(("wrong", "false_answer", "missed", "other_kind", "branch", "extra_answer", "clarified"))
}


def write_report(
    result: Result,
    folder: Path,
    checked: Sequence[Checked] = (),
    baselines: Sequence[Baseline] = (),
    comparison: Comparison | None = None,
    *,
    peers: Kept | None = None,
    candidates: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Write everything into `folder` and return the page.

    Args:
        result: the evaluation.
        folder: made if it is not there.
        checked: figures beside floors and targets.
        baselines: simpler methods on the same questions, ours in-process among them.
        comparison: this result against an earlier one.
        peers: the kept figures of Rasa alone; they are marked where they are of older data.
        candidates: question's key → what the judge saw, shown with the misses.

    The result that was there before is kept beside it as `previous.json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / RESULT).exists():
        (folder / RESULT).replace(folder / PREVIOUS)
    result.save(folder / RESULT)
    _draw(result, folder, baselines)
    template = _templates().get_template("report.html.jinja")
    page = template.render(
        result=result,
        checked=checked,
        baselines=baselines,
        peers=peers,
        comparison=comparison,
        misses=misses(result.rows),
        candidates=candidates or {},
    )
    (folder / PAGE).write_text(page, encoding="utf-8")
    return folder / PAGE


def misses(rows: Sequence[Row]) -> dict[str, list[tuple[Row, str]]]:
    """Return section → (row, reason) of everything that did not end as wished, gravest section first."""
    found = sorted((row for row in rows if not row.good or row.extra), key=lambda row: _SECTIONS[_section(row)])
    return {name: [(row, reason_of(row)) for row in part] for name, part in groupby(found, key=_section)}


def reason_of(row: Row) -> str:
    """Return in one line what was said instead, how sure the service was, and which candidates it showed."""
    reply = row.reply
    if reply.failure:
        return reply.failure
    said = [f"{reply.kind}/{reply.outcome}" if reply.outcome else reply.kind, f"confidence {reply.confidence:.2f}"]
    if reply.answers:
        said.append("answered " + ", ".join(_answer(a.entry_id, a.branch) for a in reply.answers))
    if offered := [option.entry_id or option.city or option.label for option in reply.options]:
        said.append("offered " + ", ".join(offered))
    if reply.intent:
        said.append(f"intent {reply.intent}")
    return "; ".join(said + ([f"said “{reply.said}”"] if not reply.answers and reply.said else []))


def _answer(entry_id: str, branch: str | None) -> str:
    return f"{entry_id} [{branch}]" if branch else entry_id


def _section(row: Row) -> str:
    if row.good:
        return "extra_answer"
    fine = row.verdict in (Verdict.CORRECT, Verdict.RIGHT, Verdict.DECLINED)
    return "branch" if fine and row.branch is not BranchVerdict.RIGHT else row.verdict.value


def _draw(result: Result, folder: Path, baselines: Sequence[Baseline]) -> None:
    pairs = [
        (row.question.expect[0] if row.question.expect else NO_ENTRY, _chosen(row))
        for row in singles(result.rows)
        if row.question.group is Group.ANSWERABLE or row.reply.first_choice
    ]
    draw_confusion(pairs, folder / "confusion.png", "First choice: answered, or offered first")
    scored = first_choices(result.rows)
    curves: dict[str, Sequence[CurvePoint]] = {baseline.name: baseline.curve for baseline in baselines}
    curves["service"] = coverage_risk(scored, max(1, len(singles(result.rows))))
    draw_coverage_risk(curves, folder / "coverage_risk.png")
    draw_reliability(scored, folder / "reliability.png")


def _chosen(row: Row) -> str:
    """Return the first choice; an expected entry is shown as the row's own, so that the diagonal means right."""
    chosen = row.reply.first_choice
    if chosen in row.question.expect:
        return row.question.expect[0]
    if chosen is None and any(option.city for option in row.reply.options):
        return CITY_ASKED
    return chosen or NO_ENTRY


def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
