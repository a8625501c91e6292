"""The file of a backup: a zip with one JSON-lines file for each table, and a manifest.

A line is a JSON array with one row's values in the order of the manifest's columns: times as ISO 8601 in UTC, what a
JSON column holds as its text, bytes as base64. The manifest is written last; a file that was cut off has none.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import HelpdeskError
from core.private_files import written_whole

FORMAT: Final = 1
_MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 1_000_000
_DAMAGE = (
    BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    LookupError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What reading a damaged zip may raise."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TableEntry(_Strict):
    """One table in the file: its columns in the order of each line, how many lines, and their SHA-256."""

    columns: tuple[str, ...]
    rows: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(_Strict):
    """What a backup says of itself; `revision` is Alembic's, `made_at` ISO 8601 in UTC."""

    format: Literal[1] = FORMAT
    revision: str
    made_at: str
    database: str
    tables: dict[str, TableEntry]


class BackupFileError(HelpdeskError):
    """A file is no backup, or is damaged; the message names it."""


class ArchiveWriter:
    """Writes the tables one after the other; the memory that it takes does not grow with the rows."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self.tables: dict[str, TableEntry] = {}

    def add(self, table: str, columns: Iterable[str], rows: Iterable[list[Any]]) -> None:
        """Write a table's rows, each a list of values that JSON knows."""
        digest, count = hashlib.sha256(), 0
        with self._archive.open(_entry(table), "w", force_zip64=True) as file, io.BufferedWriter(file, 1 << 16) as out:
            for row in rows:
                line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
                digest.update(line)
                out.write(line)
                count += 1
        self.tables[table] = TableEntry(columns=tuple(columns), rows=count, sha256=digest.hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, which makes the file a backup."""
        self._archive.writestr(_MANIFEST, manifest.model_dump_json(indent=2))


@contextmanager
def new_archive(path: Path, force: bool = False) -> Iterator[ArchiveWriter]:
    """Make a backup's file, mode 0600; it gets its name once it is whole and on the disk, and is gone after an error.

    Raises:
        FileNotWrittenError: there is such a file and `force` is not given, or it can't be written.
    """
    with written_whole(path, force) as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
        yield ArchiveWriter(archive)


class Archive:
    """A backup's file, read; the manifest is checked when it is opened, a table whenever it is read to its end."""

    def __init__(self, path: Path, archive: ZipFile, manifest: Manifest) -> None:
        self._path, self._archive, self.manifest = path, archive, manifest

    def check(self) -> None:
        """Read everything once.

        Raises:
            BackupFileError: a table is not what the manifest says.
        """
        for table in self.manifest.tables:
            for _ in self._lines(table):
                pass

    def rows(self, table: str) -> Iterator[list[Any]]:
        """Yield a table's rows; what was yielded counts only if the end is reached without an error.

        Raises:
            BackupFileError: the table is not what the manifest says.
        """
        width = len(self.manifest.tables[table].columns)
        for line in self._lines(table):
            row = json.loads(line)
            if not isinstance(row, list) or len(row) != width:
                raise BackupFileError(f"{self._path}: a row of {table} does not have the manifest's columns")
            yield row

    def _lines(self, table: str) -> Iterator[bytes]:
        told, digest, count = self.manifest.tables[table], hashlib.sha256(), 0
        with _damage_named(self._path), io.BufferedReader(self._archive.open(_entry(table)), 1 << 16) as lines:  # type: ignore[type-var]
            for line in lines:
                digest.update(line)
                count += 1
                yield line
        if (count, digest.hexdigest()) != (told.rows, told.sha256):
            raise BackupFileError(f"{self._path}: {table} is not what the manifest says; the file was changed")


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a backup's file.

    Raises:
        BackupFileError: it can't be read, is no backup, is cut off, or has another format.
    """
    try:
        archive = ZipFile(path)
    except OSError as error:
        raise BackupFileError(f"cannot read {path}: {error.strerror}") from error
    except _DAMAGE as error:
        raise BackupFileError(f"{path} is no backup, or was cut off") from error
    with archive:
        yield Archive(path, archive, _manifest(path, archive))


def _manifest(path: Path, archive: ZipFile) -> Manifest:
    if _MANIFEST not in archive.namelist():
        raise BackupFileError(f"{path} is no backup: it has no manifest")
    with _damage_named(path), archive.open(_MANIFEST) as file:
        text = file.read(_LARGEST_MANIFEST)
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, one["loc"])) or "all of it" for one in error.errors())
        raise BackupFileError(f"{path}: the manifest is none of format {FORMAT}: {fields}") from error
    if {*map(_entry, manifest.tables), _MANIFEST} != {*archive.namelist()}:
        raise BackupFileError(f"{path}: the manifest and the tables in the file differ")
    return manifest


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise BackupFileError(f"{path} is damaged") from error


def _entry(table: str) -> str:
    return f"{table}.jsonl"
