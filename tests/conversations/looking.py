"""Looks to record, and a process that records some: for tests that need several."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conversations.audit import AuditLog, Look
from conversations.audit_heads import HeadFile
from conversations.storage import open_engine

KEY = bytes(range(32))


def a_look(n: int = 1, **other: object) -> Look:
    """Return the n-th look of one of five guardians."""
    values: dict[str, object] = {
        "actor": f"cq-guardian-{n % 5}",
        "role": "guardian",
        "city": "chongqing",
        "applications": (f"CQ2026-0417-{n % 7:04}", f"CQ2026-0418-{n % 3:04}"),
        "purpose": "asked",
        "shown": ("list", "child", "state"),
        "conversation_id": f"conversation-{n % 4}",
    }
    return Look(**{**values, **other})  # type: ignore[arg-type]


def main() -> None:
    """Record looks from four threads; arguments: database, head file, looks per thread, a mark of this process."""
    url, heads, count, mark = sys.argv[1:]
    log = AuditLog(open_engine(url), KEY, HeadFile(Path(heads)), every_records=10)

    def work(thread: int) -> list[int]:
        return [log.record(a_look(n, actor=f"{mark}-{thread}-{n}")) for n in range(int(count))]

    with ThreadPoolExecutor(4) as threads:
        numbers = [number for some in threads.map(work, range(4)) for number in some]
    log.close()
    print(*numbers)  # noqa: T201


if __name__ == "__main__":
    main()
