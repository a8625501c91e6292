"""Scripts and styles under content-hashed addresses, read once at start."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from fastapi import APIRouter, Response

from core.errors import NotFoundError

MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


class Assets:
    """The files of one folder, all under one version.

    The version is the hash of the whole folder, so that a module's relative imports stay within it.

    Args:
        folder: holds the files, without sub-folders.
        base: address under which they are served, e.g. `/widget/static`.
        shared: files of other folders that are served among them.
    """

    def __init__(self, folder: Path, base: str, shared: Iterable[Path] = ()) -> None:
        self.base = base
        paths = [*(path for path in sorted(folder.iterdir()) if path.suffix in MEDIA_TYPES), *shared]
        self.files = {path.name: path.read_bytes() for path in paths}
        digest = hashlib.sha256()
        for name, content in self.files.items():
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        self.version = digest.hexdigest()[:12]

    def address(self, name: str) -> str:
        """Return the address of a file; an unknown name is a slip in a template and raises `KeyError`."""
        if name not in self.files:
            raise KeyError(name)
        return f"{self.base}/{self.version}/{name}"

    def names(self, suffix: str) -> list[str]:
        """Return the names that end in `suffix`."""
        return [name for name in self.files if name.endswith(suffix)]

    def add_route(self, router: APIRouter) -> None:
        """Serve the files on `router`."""

        @router.get(f"{self.base}/{{version}}/{{name}}", include_in_schema=False)
        def static_file(version: str, name: str) -> Response:
            if version != self.version or name not in self.files:
                raise NotFoundError("没有这个文件，请刷新页面。", name=name)
            return Response(
                self.files[name],
                media_type=MEDIA_TYPES[Path(name).suffix],
                headers={"Cache-Control": FOREVER, "X-Content-Type-Options": "nosniff"},
            )
