"""The FAISS index of one city's questions, with a manifest that tells whether it still fits.

Rows are titles and similar questions (label: the entry) and near misses and off-topic questions (label: "none").
An index is never changed in place: a new one is built and swapped in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import ModelMissingError
from retrieval.circumstances import CIRCUMSTANCES_FILE
from retrieval.encoder import Vectors

NEIGHBOURS = 40
MANIFEST = "manifest.json"
_TRAINED_BY = (
    "branches",
    "circumstances",
    "corpus",
    "encoder",
    "grams",
    "index",
    "lexical",
    "noise",
    "normalise",
    "ranking",
    "train",
)


class Manifest(BaseModel):
    """What the models under one folder were made from."""

    model_config = ConfigDict(extra="forbid")

    encoder: str
    knowledge: str
    code: str
    rows: dict[str, int]


@dataclass
class VectorIndex:
    """`labels[row]` is the entry that a row's question belongs to, or "none"; `near[row]` the entry it resembles."""

    index: faiss.Index
    labels: npt.NDArray[np.str_]
    near: npt.NDArray[np.str_]

    def search(self, vectors: Vectors, neighbours: int = NEIGHBOURS) -> tuple[Vectors, npt.NDArray[np.int64]]:
        """Return cosines and rows of the nearest, both of shape (len(vectors), neighbours), best first."""
        return self.index.search(vectors, min(neighbours, len(self.labels)))


def build_index(vectors: Vectors, labels: Sequence[str], near: Sequence[str]) -> VectorIndex:
    """Build an inner-product index over unit vectors that looks at every row.

    Rows are kept in half precision, which changes a cosine by about 1e-4 and halves what a search must read.
    """
    index = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    return VectorIndex(index, np.array(labels), np.array(near))


def save_index(index: VectorIndex, folder: Path, name: str) -> None:
    """Write one index as `<name>.faiss` and `<name>.npz`."""
    faiss.write_index(index.index, str(folder / f"{name}.faiss"))
    np.savez(folder / f"{name}.npz", labels=index.labels, near=index.near)


def load_index(folder: Path, name: str) -> VectorIndex:
    """Read what `save_index` wrote; one thread searches, since several would wait for one another at each question."""
    faiss.omp_set_num_threads(1)
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        return VectorIndex(faiss.read_index(str(folder / f"{name}.faiss")), arrays["labels"], arrays["near"])


def code_digest() -> str:
    """Return a hash over the code that decides what is trained and how questions are read, and Rasa's examples used."""
    folder, digest = Path(__file__).parent, hashlib.sha256()
    from retrieval.corpus import CONVERSATION, NLU

    for intent in CONVERSATION:
        digest.update((NLU / f"{intent}.yml").read_bytes())
    for name in _TRAINED_BY:
        digest.update((folder / f"{name}.py").read_bytes())
    digest.update(CIRCUMSTANCES_FILE.read_bytes())
    return digest.hexdigest()[:16]


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest.

    Raises:
        ModelMissingError: there is none, or it is of another format.
    """
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise ModelMissingError(f"no usable index at {folder}: run `helpdesk train`") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest; last, so that a broken build has none."""
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")
