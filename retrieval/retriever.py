"""Answer the one question of this package: which official entry, if any, answers these words in this city."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jieba

from core.errors import ModelMissingError
from core.scope import CITIES, City
from knowledge.loader import Knowledge
from retrieval.context import ContextConfig, in_context, load_context
from retrieval.doubles import DoubleConfig, Split, best_split, load_double
from retrieval.encoder import Encoder, load_encoder
from retrieval.index import code_digest, load_index, read_manifest
from retrieval.judge import Judge, Judgement, load_judge
from retrieval.normalise import normalise
from retrieval.ranking import CityRanker
from retrieval.storage import load_trained
from retrieval.train import ENCODER


@dataclass
class Retriever:
    """Encoder, one ranker per city and the judge; safe to use from several threads."""

    encoder: Encoder
    rankers: dict[City, CityRanker]
    judge: Judge
    double: DoubleConfig
    context: ContextConfig

    def search(self, text: str, city: City) -> Judgement:
        """Judge the entries of one city for a parent's words, as typed."""
        return self.search_all([text], city)[0]

    def search_all(self, texts: Sequence[str], city: City) -> list[Judgement]:
        """Judge several texts at once, each by itself; cheaper than one by one."""
        plain = [normalise(text) for text in texts]
        asked = [text for text in plain if any(c.isalnum() for c in text)]
        ranked = self.rankers[city].rank(asked, self.encoder.encode(asked)) if asked else []
        found = {text: self.judge.judge(one, text) for one, text in zip(ranked, asked, strict=True)}
        return [found.get(text) or Judgement("none", (), text) for text in plain]

    def search_double(self, whole: Judgement, city: City) -> tuple[Judgement, Judgement] | None:
        """Return what the two halves of a message come to if it holds two questions; the nearer entry stands first."""
        split = self.split(whole, city)
        sure = split and split.fits(whole) and self.double.chance(split.features) >= self.double.threshold
        return split.halves if split and sure else None

    def search_in_context(self, alone: Judgement, before: str, city: City) -> Judgement:
        """Return what a message comes to: by itself or, only if it can't stand alone, with the message before."""
        return in_context(alone, before, lambda texts: self.search_all(texts, city), self.context)

    def split(self, whole: Judgement, city: City) -> Split | None:
        """Return the best way to cut a message in two, or None if it can't be two questions."""
        return best_split(whole, lambda texts: self.search_all(texts, city), self.double)


def load_retriever(folder: Path, knowledge: Knowledge, encoder_folder: Path | None = None) -> Retriever:
    """Load what `train_retrieval` wrote.

    Raises:
        ModelMissingError: something is missing, or was made from other entries or by another encoder.
    """
    manifest = read_manifest(folder)
    encoder = load_encoder(encoder_folder or folder / ENCODER)
    for what, ours, theirs in (
        ("entries", knowledge.digest, manifest.knowledge),
        ("code", code_digest(), manifest.code),
        ("encoder", encoder.fingerprint, manifest.encoder),
    ):
        if ours != theirs:
            raise ModelMissingError(f"the index at {folder} was made with other {what}: run `helpdesk train`")
    rankers: dict[City, CityRanker] = {}
    for city in CITIES:
        lexical, vocabulary = load_trained(folder / f"{city}.pickle")
        rankers[city] = CityRanker(lexical, load_index(folder, city), vocabulary)
    jieba.initialize()
    return Retriever(encoder, rankers, load_judge(), load_double(), load_context())
