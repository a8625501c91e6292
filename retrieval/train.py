"""Train everything that retrieval needs, and write it under one folder with its manifest."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from core.scope import CITIES, City
from knowledge.loader import Knowledge
from retrieval.branches import train_branches
from retrieval.corpus import Example, examples_of, with_noise
from retrieval.encoder import Encoder, load_encoder, save_encoder, train_encoder
from retrieval.index import Manifest, build_index, code_digest, save_index, write_manifest
from retrieval.lexical import NONE, pair_of, train_lexical
from retrieval.normalise import normalise
from retrieval.ranking import CityRanker, vocabulary_of
from retrieval.storage import save_trained

ENCODER = "encoder"
Progress = Callable[[str], None]


def train_retrieval(knowledge: Knowledge, folder: Path, encoder_folder: Path | None, progress: Progress) -> None:
    """Train encoder (unless another one is given), lexical models and indexes into `folder`, atomically.

    Args:
        knowledge: the entries and near misses.
        folder: where everything goes; what was there is replaced once the new is complete.
        encoder_folder: a SentenceTransformer to use instead of our own.
        progress: told each step.
    """
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    examples = {city: examples_of(knowledge, city) for city in CITIES}
    if encoder_folder is None:
        progress("encoder")
        fit_encoder([e for city in CITIES for e in examples[city]], fresh / ENCODER)
    encoder = load_encoder(encoder_folder or fresh / ENCODER)
    for city in CITIES:
        progress(f"index and lexical models of {city}")
        ranker = fit_city(knowledge, city, examples[city], encoder)
        save_index(ranker.index, fresh, city)
        save_trained((ranker.lexical, ranker.vocabulary), fresh / f"{city}.pickle")
    progress("branches")
    train_branches(knowledge, fresh)
    rows = {city: len(examples[city]) for city in CITIES}
    write_manifest(
        fresh, Manifest(encoder=encoder.fingerprint, knowledge=knowledge.digest, code=code_digest(), rows=rows)
    )
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def fit_encoder(examples: Sequence[Example], folder: Path) -> None:
    """Train our encoder; each unanswerable question is a class of its own."""
    distinct = {(e.text, e.entry): e for e in with_noise(examples)}.values()
    labels = [e.entry if e.entry != NONE else f"{NONE} {i}" for i, e in enumerate(distinct)]
    save_encoder(train_encoder([e.text for e in distinct], labels), folder)


def fit_city(knowledge: Knowledge, city: City, examples: Sequence[Example], encoder: Encoder) -> CityRanker:
    """Train one city's lexical models and build its index."""
    noisy = with_noise(examples)
    texts, labels = [e.text for e in noisy], [e.entry for e in noisy]
    views = (train_lexical(texts, labels, "characters"), train_lexical(texts, labels, "sounds", rarest=2))
    texts, labels = [e.text for e in examples], [e.entry for e in examples]
    index = build_index(encoder.encode(texts), labels, [e.near or "" for e in examples])
    known: dict[str, list[str]] = {e.id: [normalise(e.answer)] for e in knowledge.of_city(city)}
    for example in examples:
        if example.entry != NONE:
            known[example.entry].append(example.text)
    return CityRanker(pair_of(*views), index, vocabulary_of(known, texts))
