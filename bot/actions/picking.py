"""What was offered to choose from may be chosen in words, not only by its button."""

from __future__ import annotations

from bot.actions import form_fields
from bot.actions.answering import alone_judgement
from bot.actions.desk import Work
from bot.actions.option_words import option_named, says_yes
from conversations.reply import Choice
from knowledge.entry import Entry

SHORT = 8
"""Characters of words that may tell a branch although they lead to another entry."""
NEW_QUESTION = 0.9
"""Confidence from which on words that lead to another entry are a question of their own."""
_WHAT_THEN = "呢?"
"""What ends words that tell a case and ask no more than what then: 「平台都关了呢」."""


def picked(work: Work, *, tells: bool) -> Choice | None:
    """Return what typed words choose of the entries or branches that were offered, or None if they choose none.

    The words for which they were offered, said once more, choose none.

    Args:
        work: the turn; its memory holds what was offered.
        tells: whether the words may tell the parent's case, and so choose a branch without naming it.
    """
    pending = work.memory.pending
    if pending is None or not pending.entry_ids or work.text == pending.question:
        return None
    entries = [work.desk.knowledge.entries[i] for i in pending.entry_ids]
    if pending.ask == "which":
        return _entry_picked(work.text, entries, pending.question)
    if pending.ask == "branch":
        branch = _branch_named(work.text, entries[0]) or (_branch_told(work, entries[0]) if tells else None)
        same = {"entry_id": entries[0].id, "question": pending.question}
        return Choice(do="branch", branch=branch, **same) if branch else None
    return None


def _entry_picked(text: str, entries: list[Entry], question: str | None) -> Choice | None:
    at = option_named(text, [entry.label for entry in entries])
    if at is None and len(entries) == 1 and says_yes(text):
        at = 0
    return None if at is None else Choice(do="answer", entry_id=entries[at].id, question=question)


def _branch_named(text: str, entry: Entry) -> str | None:
    at = option_named(text, [branch.label for branch in entry.branches])
    return None if at is None else entry.branches[at].id


def _branch_told(work: Work, entry: Entry) -> str | None:
    """Return the branch that the words decide for by themselves.

    A model of branches knows nothing but its own entry: words that lead elsewhere, or ask what has no answer, decide
    for none of them, whatever it says.
    """
    branch = work.desk.branches.decide(entry.id, work.text)
    if branch is None:
        return None
    alone = alone_judgement(work, work.text, entry.city)
    asks = form_fields.asks_something(work.text.rstrip(_WHAT_THEN))
    if alone.best == entry.id:
        return None if asks and alone.decision == "none" else branch
    elsewhere = asks or alone.decision == "none" or alone.confidence >= NEW_QUESTION
    return None if elsewhere or len(work.text) > SHORT else branch
