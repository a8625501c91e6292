"""Files that only their owner may read, made once although several processes may start together."""

from __future__ import annotations

import uuid
from pathlib import Path


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
