"""Files that only their owner may read: made once although several processes start together, or written whole."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.errors import HelpdeskError


def read_or_make(path: Path, content: bytes) -> bytes:
    """Return what the file holds; if there is none, make it with this content and mode 0600 first.

    Of several processes that make it at the same moment one wins, and all get what that one wrote.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{uuid.uuid4().hex}")
        fresh.touch(mode=0o600)
        try:
            fresh.write_bytes(content)
            path.hardlink_to(fresh)
        except FileExistsError:
            pass  # another process was quicker
        finally:
            fresh.unlink()
    return path.read_bytes()


class FileNotWrittenError(HelpdeskError):
    """A file is there already, or can't be written; the message names it."""


@contextmanager
def written_whole(path: Path, force: bool = False) -> Iterator[IO[bytes]]:
    """Give a file to write to, mode 0600; it gets its name once it is on the disk, and is gone after an error.

    Raises:
        FileNotWrittenError: there is such a file and `force` is not given, or it can't be written.
    """
    if path.exists() and not force:
        raise FileNotWrittenError(f"{path} is there already; --force replaces it")
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise FileNotWrittenError(f"cannot write {path}: {error.strerror}") from error
    finally:
        fresh.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
