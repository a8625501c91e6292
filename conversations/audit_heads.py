"""Heads of the audit log: how many looks there were and how the chain ended, kept in a second place.

Rows that are cut off at the end, or a log written anew by somebody who has the key, don't fit the heads.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from conversations.audit_seal import seal
from core.errors import SettingsError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """The chain's end at one moment: number (0: none yet) and hash of the last row, time (ISO 8601, UTC)."""

    seq: int
    hash: str
    at: str


class HeadFile:
    """Heads, one JSON object a line, each with a seal of its own; lines are only ever added."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Make sure that lines can be added.

        Raises:
            SettingsError: they can't; the message names setting, file and reason.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.open("ab").close()
        except OSError as error:
            reason = f"cannot append to {self.path}: {error.strerror}"
            raise SettingsError(f"HELPDESK_AUDIT_HEAD_FILE: {reason}") from error

    def append(self, head: Head, key: bytes) -> None:
        """Add a head; it is on the disk when this returns."""
        line = json.dumps({**asdict(head), "mac": seal(key, "head", astuple(head))}) + "\n"
        with self.path.open("ab", buffering=0) as file:
            file.write(line.encode())
            os.fsync(file.fileno())

    def read(self, key: bytes) -> Iterator[Head | None]:
        """Yield the heads in their order, None for a line that is damaged or wrongly sealed.

        An unfinished last line is left out: it is being written.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield _head(line, key)


def _head(line: bytes, key: bytes) -> Head | None:
    try:
        read = json.loads(line)
        mac, head = read.pop("mac"), Head(**read)
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    return head if mac == seal(key, "head", astuple(head)) else None


class HeadKeeper:
    """Has heads written by a thread of its own, so that a look never waits for a disk.

    Args:
        write: writes a head.
        every_records: looks after which it is called.
        every_seconds: seconds after a look by which it is called.
    """

    def __init__(self, write: Callable[[], None], every_records: int, every_seconds: float) -> None:
        self._write, self._records, self._seconds = write, every_records, every_seconds
        self._changed = threading.Condition()
        self._waiting = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def note(self) -> None:
        """Count a look that no head covers yet."""
        with self._changed:
            self._waiting += 1
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="audit-heads", daemon=True)
                self._thread.start()
            if self._waiting in (1, self._records):
                self._changed.notify()

    def close(self) -> None:
        """Stop the thread, after a last head if a look waits for one."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while self._wait():
            if not self._written() and self._closed:
                return

    def _wait(self) -> bool:
        """Wait until a head is due; return whether there is one to write, and count anew."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(lambda: self._waiting >= self._records or self._closed, self._seconds)
            waiting, self._waiting = self._waiting, 0
            return waiting > 0

    def _written(self) -> bool:
        """Write a head; if that fails, leave it due."""
        try:
            self._write()
        except (OSError, SQLAlchemyError):
            log.exception("the audit log's head could not be written; it is tried again")
            self.note()
            return False
        return True
