"""Turn questions into vectors: the project's own sentence-transformers model, or any other one on disk.

Our own is a bag of n-gram embeddings (`StaticEmbedding`), trained from scratch by supervised contrast
(Khosla et al., 2020): questions of one entry attract, everything else repels, near misses are hard negatives.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from core.errors import ModelMissingError
from retrieval.grams import all_grams

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

Vectors = npt.NDArray[np.float32]
DIMENSIONS = 192
RAREST = 1  # grams in no more questions than that are not learnt
_MARK = "helpdesk.json"
_UNKNOWN = "[UNK]"


class Encoder(Protocol):
    """Turns texts into vectors; an index is valid for one `fingerprint`, a hash of the model's files."""

    fingerprint: str
    dimensions: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dimensions), of texts in normal form."""
        ...


class GramEncoder:
    """Our own model: the mean of the grams' vectors, as StaticEmbedding takes it.

    Read without PyTorch, which takes seconds to import and makes tensors for one short text.
    """

    def __init__(self, folder: Path) -> None:
        self.fingerprint = fingerprint(folder)
        self._vocabulary: dict[str, int] = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
        self._weights: Vectors = load_file(folder / "model.safetensors")["embedding.weight"]
        self.dimensions = self._weights.shape[1]

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dimensions), of texts in normal form."""
        known = self._vocabulary
        rows = [[known[g] for g in dict.fromkeys(all_grams(text)) if g in known] or [known[_UNKNOWN]] for text in texts]
        vectors = np.stack([self._weights[row].mean(0) for row in rows])
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), dtype=np.float32)


class PlainEncoder:
    """Any other SentenceTransformer on disk, which reads plain text."""

    def __init__(self, folder: Path) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(1)
        self.fingerprint = fingerprint(folder)
        model = SentenceTransformer(str(folder), device="cpu", local_files_only=True, trust_remote_code=False)
        self._model = model.eval()
        self.dimensions = int(model.get_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dimensions), of texts in normal form."""
        vectors = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)


def load_encoder(folder: Path) -> Encoder:
    """Load a SentenceTransformer from disk; never from a hub.

    Raises:
        ModelMissingError: there is no such folder, or no model in it; the message says where to put one.
    """
    if not (folder / "modules.json").exists():
        raise ModelMissingError(
            f"no SentenceTransformer at {folder}: run `helpdesk train` for the project's own, or put the folder of "
            "another one (with its modules.json) there and name it in HELPDESK_ENCODER"
        )
    mark = folder / _MARK
    grams = bool(json.loads(mark.read_text(encoding="utf-8"))["grams"]) if mark.exists() else False
    return GramEncoder(folder) if grams else PlainEncoder(folder)


def fingerprint(folder: Path) -> str:
    """Return a hash over the model's files."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".md"):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def train_encoder(
    texts: Sequence[str], labels: Sequence[str], *, seed: int = 7, epochs: int = 8, dimensions: int = DIMENSIONS
) -> SentenceTransformer:
    """Train our encoder; the same input and seed give the same model.

    Args:
        texts: questions in normal form.
        labels: the entry that answers each; a label that occurs once makes its text a pure negative.
        seed: seed of every random choice.
        epochs: passes over the texts.
        dimensions: length of a vector.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    grams = [list(dict.fromkeys(all_grams(text))) for text in texts]
    counts = Counter(gram for row in grams for gram in row)
    vocabulary = {_UNKNOWN: 0, **{g: i for i, g in enumerate(sorted(g for g in counts if counts[g] > RAREST), start=1)}}
    weights = _contrast(
        [np.array([vocabulary[g] for g in row if g in vocabulary]) for row in grams],
        labels,
        np.array([0.0] + [np.log(len(texts) / counts[g]) for g in list(vocabulary)[1:]], dtype=np.float32),
        seed=seed,
        epochs=epochs,
        dimensions=dimensions,
    )
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=_UNKNOWN))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    module = StaticEmbedding(tokenizer, embedding_weights=torch.from_numpy(weights))
    return SentenceTransformer(modules=[module], device="cpu")


def save_encoder(model: SentenceTransformer, folder: Path) -> None:
    """Save our encoder with the mark that says what it reads."""
    model.save(str(folder), create_model_card=False)
    (folder / _MARK).write_text(json.dumps({"grams": True}), encoding="utf-8")


def _contrast(
    rows: list[npt.NDArray[np.int64]],
    labels: Sequence[str],
    idf: Vectors,
    *,
    seed: int,
    epochs: int,
    dimensions: int,
    batch: int = 512,
    rate: float = 0.02,
    temperature: float = 0.07,
    drop: float = 0.3,
) -> Vectors:
    """Learn one vector per gram, already multiplied by the gram's idf; shape (grams, dimensions)."""
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    random = np.random.default_rng(seed)
    known = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    classes = torch.tensor([known[label] for label in labels])
    bag = torch.nn.EmbeddingBag(len(idf), dimensions, mode="sum", sparse=True)
    torch.nn.init.normal_(bag.weight, std=0.1)
    optimiser = torch.optim.SparseAdam(list(bag.parameters()), lr=rate)
    scales = torch.from_numpy(idf)
    batch = min(batch, len(rows))
    steps = epochs * (len(rows) // batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
    for _ in range(epochs):
        order = random.permutation(len(rows))
        for start in range(0, len(rows) - batch + 1, batch):
            chosen = order[start : start + batch]
            kept = [row[random.random(len(row)) > drop] for row in (rows[i] for i in chosen)]
            offsets = torch.from_numpy(np.cumsum([0, *(len(row) for row in kept[:-1])]))
            flat = torch.from_numpy(np.concatenate(kept))
            vectors = functional.normalize(bag(flat, offsets, per_sample_weights=scales[flat]), dim=1)
            loss = _supervised_contrast(vectors, classes[torch.from_numpy(chosen)], temperature)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()  # type: ignore[no-untyped-call]
            schedule.step()
    return np.asarray(bag.weight.detach().numpy() * idf[:, None], dtype=np.float32)


def _supervised_contrast(vectors: torch.Tensor, classes: torch.Tensor, temperature: float) -> torch.Tensor:
    import torch

    similarity = (vectors @ vectors.T / temperature).fill_diagonal_(-1e9)
    same = (classes[:, None] == classes[None, :]).float().fill_diagonal_(0)
    logs = similarity - torch.logsumexp(similarity, dim=1, keepdim=True)
    positives = same.sum(1)
    has = positives > 0
    return -((logs * same).sum(1)[has] / positives[has]).mean()
