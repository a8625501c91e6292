"""Load the knowledge and prove it: every answer equal to its source, every id known once.

Files: `documents.yml`, `entry-ids.tsv` (the fixed ids), `sources/`, `entries/<city>/<topic>.yml`,
`similar/<id>.yml`, `facets/<id>.yml` (every entry has one), `near_misses/*.yml`, `follow_ups/*.yml`.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from core.errors import KnowledgeError
from core.scope import City
from knowledge.entry import Document, Entry, Facets, FollowUp, NearMiss, Similar
from knowledge.importer import Published, read_published, squeeze, tidy

FOLDER = Path(__file__).parent
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_M = TypeVar("_M", bound=BaseModel)
COVERED = 0.45
"""Share of a facet's characters that its entry must have; 7 of 8 facets of other entries have fewer, or no pair."""


@dataclass(frozen=True)
class Knowledge:
    """Everything that the help desk may say officially, and what it knows not to be answered."""

    documents: dict[str, Document]
    entries: dict[str, Entry]
    near_misses: tuple[NearMiss, ...]
    follow_ups: tuple[FollowUp, ...] = ()

    def of_city(self, city: City | None) -> list[Entry]:
        """Return the entries of `city`, of both cities for `None`, in the documents' order."""
        return [entry for entry in self.entries.values() if city in (None, entry.city)]

    def document_of(self, entry: Entry) -> Document:
        """Return the document that the entry was published in."""
        return self.documents[entry.document]

    @cached_property
    def digest(self) -> str:
        """Hash of entries, similar questions and near misses: what indexes and models are built from.

        Follow-ups are not among them: only `helpdesk tune` reads these.
        """
        digest = hashlib.sha256()
        for part in (*self.entries.values(), *self.near_misses):
            digest.update(part.model_dump_json().encode())
        return digest.hexdigest()[:16]


def load_knowledge(folder: Path = FOLDER) -> Knowledge:
    """Load and prove the knowledge under `folder`.

    Raises:
        KnowledgeError: a file, an entry or an answer breaks a rule; the message names file, entry and reason.
    """
    documents = {d.id: d for d in _models(Document, folder / "documents.yml", _read(folder / "documents.yml"))}
    published = {d.id: _published(folder, d) for d in documents.values()}
    ids = _fixed_ids(folder / "entry-ids.tsv")
    _refuse_strays(folder, set(ids))
    entries: dict[str, Entry] = {}
    for path, raw in _raw_entries(folder):
        entry = _entry(folder, path, raw)
        if entry.id in entries:
            raise KnowledgeError(f"{path}: {entry.id}: this id stands twice")
        _prove(path, entry, ids, documents, published)
        _prove_facets(path, entry)
        entries[entry.id] = entry
    if missing := sorted(set(ids) - set(entries)):
        raise KnowledgeError(f"{folder / 'entries'}: {', '.join(missing)}: published, but there is no such entry")
    follow_ups = tuple(_follow_ups(folder, entries))
    return Knowledge(documents, {i: entries[i] for i in ids}, tuple(_near_misses(folder, set(ids))), follow_ups)


def _read(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader
    except FileNotFoundError as error:
        raise KnowledgeError(f"{path}: this file is missing") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise KnowledgeError(f"{path}: not readable as YAML: {error}") from error


def _models(model: type[_M], path: Path, raw: Any) -> list[_M]:
    if not isinstance(raw, list):
        raise KnowledgeError(f"{path}: expected a list")
    return [_model(model, path, item) for item in raw]


def _model(model: type[_M], path: Path, raw: Any) -> _M:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        name = raw.get("id", "?") if isinstance(raw, dict) else "?"
        where = ".".join(str(part) for part in first["loc"])
        raise KnowledgeError(f"{path}: {name}: {where}: {first['msg']}") from error


def _raw_entries(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted((folder / "entries").rglob("*.yml")):
        content = _read(path)
        if not isinstance(content, dict) or set(content) != {"city", "topic", "entries"}:
            raise KnowledgeError(f"{path}: expected exactly the fields city, topic and entries")
        if not isinstance(content["entries"], list):
            raise KnowledgeError(f"{path}: entries: expected a list")
        for raw in content["entries"]:
            yield path, {"city": content["city"], "topic": content["topic"], **raw}


def _entry(folder: Path, path: Path, raw: dict[str, Any]) -> Entry:
    for field, model in (("similar", Similar), ("facets", Facets)):
        side = folder / field / f"{raw.get('id')}.yml"
        if field in raw:
            raise KnowledgeError(f"{path}: {raw.get('id')}: {field} belongs into {side}")
        if side.exists():
            raw = {**raw, field: _model(model, side, _read(side))}
    return _model(Entry, path, raw)


def _published(folder: Path, document: Document) -> dict[str, Published]:
    path = folder / "sources" / document.file
    if not path.exists():
        raise KnowledgeError(f"{path}: the source of {document.id} is missing")
    try:
        found = read_published(path.read_text(encoding="utf-8"), document.format)
    except UnicodeDecodeError as error:
        raise KnowledgeError(f"{path}: the source of {document.id} is not UTF-8") from error
    prefix = "cq-" if document.format == "numbered" else "qd-"
    return {f"{prefix}{'abc'[p.part] if prefix == 'qd-' else ''}{int(p.number):02d}": p for p in found}


def _refuse_strays(folder: Path, ids: set[str]) -> None:
    for field in ("similar", "facets"):
        for path in sorted((folder / field).glob("*.yml")):
            if path.stem not in ids:
                raise KnowledgeError(f"{path}: there is no entry {path.stem}")


def _fixed_ids(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        raise KnowledgeError(f"{path}: this file is missing")
    with path.open(encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}


def _prove(
    path: Path,
    entry: Entry,
    ids: dict[str, dict[str, str]],
    documents: dict[str, Document],
    published: dict[str, dict[str, Published]],
) -> None:
    def fail(reason: str) -> None:
        raise KnowledgeError(f"{path}: {entry.id}: {reason}")

    if entry.document not in documents:
        fail(f"document {entry.document!r} is not in documents.yml")
    if entry.id not in ids:
        fail("this id is not in entry-ids.tsv")
    source = published[entry.document].get(entry.id)
    if source is None:
        fail("not found in its source")
        return
    fixed = ids[entry.id]
    if (entry.city, entry.number, entry.question) != (fixed["city"], fixed["number"], fixed["question"]):
        fail("city, number or question differ from entry-ids.tsv")
    for name, ours, theirs in (("question", entry.question, source.question), ("answer", entry.answer, source.answer)):
        if ours != theirs or ours != tidy(ours):
            fail(f"the {name} is not the source's: {_first_difference(squeeze(ours), squeeze(theirs))}")


def _prove_facets(path: Path, entry: Entry) -> None:
    if entry.facets is None:
        raise KnowledgeError(f"{path}: {entry.id}: its facets are missing: write facets/{entry.id}.yml")
    if unfounded := [facet for facet in entry.facets.covers if not _covers(entry, facet)]:
        raise KnowledgeError(f"{path}: {entry.id}: facets: covers what the entry does not say: {unfounded}")


def _covers(entry: Entry, facet: str) -> bool:
    """Whether the words of a facet come from question and answer: most of its characters, and a pair of them at least.

    A facet puts the answer in other words, so that this finds what is made up or stands in another entry's file.
    """
    words, source = squeeze(facet), squeeze(entry.question + entry.answer)
    known = sum(character in source for character in words)
    return known >= COVERED * len(words) and any(words[i : i + 2] in source for i in range(len(words) - 1))


def _first_difference(ours: str, theirs: str) -> str:
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    if ours == theirs:
        return "only spaces or line breaks differ"
    return f"at character {at}, …{ours[at : at + 12]!r} instead of …{theirs[at : at + 12]!r}"


def _near_misses(folder: Path, ids: set[str]) -> Iterator[NearMiss]:
    for path in sorted((folder / "near_misses").glob("*.yml")):
        for miss in _models(NearMiss, path, _read(path)):
            if unknown := set(miss.near) - ids:
                raise KnowledgeError(f"{path}: {miss.q}: near names unknown entries {sorted(unknown)}")
            yield miss


def _follow_ups(folder: Path, entries: dict[str, Entry]) -> Iterator[FollowUp]:
    for path in sorted((folder / "follow_ups").glob("*.yml")):
        for pair in _models(FollowUp, path, _read(path)):
            if strange := [i for i in pair.expect if i not in entries or entries[i].city != pair.city]:
                raise KnowledgeError(f"{path}: {pair.q}: expect names no entries of {pair.city}: {strange}")
            yield pair
