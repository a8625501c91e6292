"""Judge replies by design.md's definitions. Pure functions; all shares are in [0, 1]."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from evaluation.questions import Group, Question
from evaluation.replies import Reply

Shares = dict[str, int | float]
Labels = Mapping[tuple[str, str], str]
KIND_OF_INTENT = {"case_status": "case", "human_handoff": "handoff", "chitchat": "small_talk"}
_CITY_OF_PREFIX = {"cq": "chongqing", "qd": "qingdao"}


class Verdict(StrEnum):
    """How a reply is judged; which ones are possible depends on the question's group."""

    CORRECT = "correct"
    CLARIFIED = "clarified"
    WRONG = "wrong"
    MISSED = "missed"
    FALSE_ANSWER = "false_answer"
    DECLINED = "declined"
    RIGHT = "right"
    OTHER_KIND = "other_kind"


class BranchVerdict(StrEnum):
    """What became of the branch that applies."""

    RIGHT = "right"
    WRONG = "wrong"
    ASKED = "asked"
    SILENT = "silent"
    UNANSWERED = "unanswered"


class Judged(NamedTuple):
    """A question with its verdicts; `branch` is None where the question says nothing of branches.

    `extra`: whether a single question got an answer beside the one that it asked for.
    """

    question: Question
    verdict: Verdict
    branch: BranchVerdict | None
    extra: bool = False


WITH_CITY = "answerable_with_city"
NOT_ANSWERED_AFTER = "unanswerable_follow_up"
_NAMES = (
    *(Group.ANSWERABLE.value, WITH_CITY, Group.TWO_IN_ONE.value, Group.FOLLOW_UP.value),
    *(Group.UNANSWERABLE.value, NOT_ANSWERED_AFTER, Group.INTENTS.value),
)
_VERDICTS_OF: Mapping[str, tuple[Verdict, ...]] = {
    Group.UNANSWERABLE: (Verdict.FALSE_ANSWER, Verdict.CLARIFIED, Verdict.DECLINED),
    NOT_ANSWERED_AFTER: (Verdict.FALSE_ANSWER, Verdict.CLARIFIED, Verdict.DECLINED),
    Group.INTENTS: (Verdict.RIGHT, Verdict.OTHER_KIND),
}
_ANSWERABLE_VERDICTS = (Verdict.CORRECT, Verdict.CLARIFIED, Verdict.WRONG, Verdict.MISSED)


def judge(question: Question, reply: Reply, labels: Labels | None = None) -> Judged:
    """Judge one reply.

    Args:
        question: what was asked, with what is expected.
        reply: the last reply.
        labels: (entry id, branch's label) → branch id, for services that show labels.
    """
    branch = judge_branch(question, reply, labels or {}) if question.has_branch else None
    return Judged(question, _verdict(question, reply), branch, _has_extra(question, reply))


def _has_extra(question: Question, reply: Reply) -> bool:
    """Whether an answerable single question was taken for two and got an answer that it did not ask for."""
    single = question.group is Group.ANSWERABLE and reply.kind == "answer"
    return single and any(answer.entry_id not in question.expect for answer in reply.answers[1:])


def _verdict(question: Question, reply: Reply) -> Verdict:
    if question.group is Group.INTENTS:
        right = reply.kind == KIND_OF_INTENT[question.intent or ""]
        return Verdict.RIGHT if right else Verdict.OTHER_KIND
    if question.group is Group.UNANSWERABLE:
        found = {"answer": Verdict.FALSE_ANSWER, "clarify": Verdict.CLARIFIED}
        return found.get(reply.kind, Verdict.DECLINED)
    if reply.kind == "answer":
        return _answered(question, [answer.entry_id for answer in reply.answers])
    return Verdict.CLARIFIED if reply.kind == "clarify" and _leads_there(question, reply) else Verdict.MISSED


def _answered(question: Question, answered: Sequence[str]) -> Verdict:
    if not question.all:
        return Verdict.CORRECT if answered and answered[0] in question.expect else Verdict.WRONG
    if set(question.expect) <= set(answered):
        return Verdict.CORRECT
    beside = not answered or not set(answered) <= set(question.expect)
    return Verdict.WRONG if beside else Verdict.MISSED


def _leads_there(question: Question, reply: Reply) -> bool:
    """Whether an option leads to an expected entry or, where no city was given, to an expected entry's city."""
    if any(option.entry_id in question.expect for option in reply.options):
        return True
    cities = {_CITY_OF_PREFIX.get(entry_id[:2]) for entry_id in question.expect} - {None}
    return question.city is None and any(option.city in cities for option in reply.options)


def judge_branch(question: Question, reply: Reply, labels: Labels) -> BranchVerdict:
    """Judge the branch named for the first expected entry answered; any branch is wrong where none is decided."""
    answers = reply.answers if reply.kind == "answer" else ()
    answer = next((a for a in answers if a.entry_id in question.expect), None)
    if answer is None:
        return BranchVerdict.UNANSWERED
    if answer.branch is not None:
        named = labels.get((answer.entry_id, answer.branch), answer.branch)
        return BranchVerdict.RIGHT if named == question.branch else BranchVerdict.WRONG
    if question.branch is None:
        return BranchVerdict.RIGHT
    return BranchVerdict.ASKED if reply.asks_branch else BranchVerdict.SILENT


def group_figures(judged: Iterable[Judged]) -> dict[str, Shares]:
    """Return group → {"questions": count, verdict: share …}; groups without a question are left out.

    `answerable_with_city` is the part of `answerable` whose city was given: without one, asking for it is often the
    best that can be done, and that is clarified, not correct. `unanswerable_follow_up` is the part of `unanswerable`
    that came after another message, which a help desk is tempted to lean on. `extra_answer` is the share of answerable
    single questions that were taken for two; it says nothing of the first answer, which is judged as ever.
    """
    counts: dict[str, Counter[Verdict]] = defaultdict(Counter)
    branches: Counter[BranchVerdict] = Counter()
    extra = 0
    for one in judged:
        for name in _names_of(one.question):
            counts[name][one.verdict] += 1
        branches.update([one.branch] if one.branch else [])
        extra += one.extra
    found = [name for name in _NAMES if name in counts]
    figures = {name: _shares(counts[name], _VERDICTS_OF.get(name, _ANSWERABLE_VERDICTS)) for name in found}
    if single := figures.get(Group.ANSWERABLE):
        single["extra_answer"] = round(extra / single["questions"], 4)
    for shares in figures.values():
        if "correct" in shares:
            shares["correct_or_clarified"] = round(shares["correct"] + shares["clarified"], 4)
    return {**figures, **({"branches": _shares(branches, tuple(BranchVerdict))} if branches else {})}


def _names_of(question: Question) -> list[str]:
    """Return the figures that a question counts for: its group and, where it is of one, a part of it."""
    part: str | None = None
    if question.group is Group.ANSWERABLE and question.city:
        part = WITH_CITY
    elif question.group is Group.UNANSWERABLE and question.context:
        part = NOT_ANSWERED_AFTER
    return [question.group.value, *([part] if part else [])]


def kind_figures(judged: Iterable[Judged]) -> dict[str, dict[str, Shares]]:
    """Return kind → what `group_figures` gives for the questions of that kind."""
    by_kind: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        by_kind[one.question.label].append(one)
    return {kind: group_figures(found) for kind, found in sorted(by_kind.items())}


def _shares(counts: Counter[Verdict] | Counter[BranchVerdict], names: Iterable[StrEnum]) -> Shares:
    total = sum(counts.values())
    found: dict[str, int] = {name.value: count for name, count in counts.items()}
    return {"questions": total, **{name.value: round(found.get(name.value, 0) / total, 4) for name in names}}
