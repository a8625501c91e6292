"""What parents chose where the assistant had to ask: for the editors, who learn from it how parents put a question."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from conversations.tables import FeedbackRow


@dataclass(frozen=True, slots=True)
class Taken:
    """How often a question, masked, was taken to an entry; `branch`: the one that was chosen of that entry's answer."""

    question: str | None
    entry: str | None
    branch: str | None
    times: int


def taken_between(connection: Connection, since: datetime, until: datetime) -> list[Taken]:
    """Return what was chosen from one moment to before another, the most frequent first."""
    row = FeedbackRow
    times = func.count().label("times")
    chosen = or_(row.verdict == "chosen", row.verdict.startswith("branch:"))
    wanted = (
        select(row.question, row.entry_id, row.verdict, times)
        .where(chosen, row.at >= since, row.at < until)
        .group_by(row.question, row.entry_id, row.verdict)
        .order_by(times.desc(), row.entry_id, row.question, row.verdict)
    )
    return [
        Taken(question, entry, verdict.partition(":")[2] or None, count)
        for question, entry, verdict, count in connection.execute(wanted)
    ]
