from __future__ import annotations

from pathlib import Path

import pytest

from core.settings import settings
from knowledge.entry import Entry, Similar
from knowledge.loader import Knowledge, load_knowledge
from retrieval.branches import BranchJudge, load_branches
from retrieval.retriever import Retriever, load_retriever
from retrieval.train import train_retrieval

FEW = ("cq-01", "cq-02", "cq-08", "cq-10", "cq-11", "cq-16", "qd-a03", "qd-a09", "qd-b02", "qd-b05", "qd-b12", "qd-c02")


@pytest.fixture(scope="session")
def known() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="session")
def few(known: Knowledge) -> Knowledge:
    """Give six entries of each city with a few questions each."""
    entries = {i: _with_few_questions(known.entries[i]) for i in FEW}
    near_misses = tuple(m for m in known.near_misses if m.near and set(m.near) <= set(FEW))[::20]
    follow_ups = tuple(f for f in known.follow_ups if set(f.expect) <= set(FEW))
    return Knowledge(known.documents, entries, near_misses, follow_ups)


def _with_few_questions(entry: Entry) -> Entry:
    similar = Similar(
        voices={voice: questions[:4] for voice, questions in entry.similar.voices.items()},
        branches={branch: questions[:4] for branch, questions in entry.similar.branches.items()},
    )
    return entry.model_copy(update={"similar": similar})


@pytest.fixture(scope="session")
def few_folder(few: Knowledge, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train everything on the few entries, once."""
    folder = tmp_path_factory.mktemp("few") / "retrieval"
    train_retrieval(few, folder, None, lambda step: None)
    return folder


@pytest.fixture(scope="session")
def retriever(known: Knowledge) -> Retriever:
    """Load the real models; `make train` makes them."""
    current = settings()
    return load_retriever(current.var_dir / "retrieval", known, current.encoder_folder)


@pytest.fixture(scope="session")
def branches() -> BranchJudge:
    return load_branches(settings().var_dir / "retrieval")


@pytest.fixture(scope="session")
def other_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a tiny SentenceTransformer of somebody else's: plain text in, no mark of ours."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split

    letters = "刷脸查不到孩子的信息购房合同上传哪几页自动填地址对"
    tokenizer = Tokenizer(
        WordLevel({"[UNK]": 0, **{c: i for i, c in enumerate(dict.fromkeys(letters), start=1)}}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = Split(Regex("."), "isolated")  # type: ignore[assignment]
    weights = torch.randn(tokenizer.get_vocab_size(), 8, generator=torch.Generator().manual_seed(1))
    folder = tmp_path_factory.mktemp("models") / "tiny-zh"
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)], device="cpu").save(
        str(folder), create_model_card=False
    )
    return folder
