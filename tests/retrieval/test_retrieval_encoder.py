"""Our encoder is the same each time; any other one on disk can take its place; a missing one is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelMissingError
from knowledge.loader import Knowledge
from retrieval.corpus import examples_of
from retrieval.encoder import Encoder, fingerprint, load_encoder, save_encoder, train_encoder
from retrieval.index import build_index, load_index, save_index

QUESTIONS = ["刷脸查不到孩子的信息", "购房合同上传哪几页", "自动填的地址不对"]


def train(known: Knowledge, folder: Path, seed: int) -> Encoder:
    examples = examples_of(known, "chongqing")[:120]
    model = train_encoder([e.text for e in examples], [e.entry for e in examples], seed=seed, epochs=2, dimensions=16)
    save_encoder(model, folder)
    return load_encoder(folder)


def test_same_seed_gives_the_same_weights(few: Knowledge, tmp_path: Path) -> None:
    first, again, other = (train(few, tmp_path / name, seed) for name, seed in [("a", 7), ("b", 7), ("c", 8)])
    assert first.fingerprint == again.fingerprint
    assert np.array_equal(first.encode(QUESTIONS), again.encode(QUESTIONS))
    assert first.fingerprint != other.fingerprint


def test_saved_encoder_gives_unit_vectors(few: Knowledge, tmp_path: Path) -> None:
    encoder = train(few, tmp_path / "encoder", 7)
    vectors = encoder.encode(QUESTIONS)
    assert vectors.shape == (3, encoder.dimensions) == (3, 16)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)
    assert np.allclose(encoder.encode(QUESTIONS[:1]), vectors[:1])


def test_text_of_unknown_grams_has_a_finite_vector(few: Knowledge, tmp_path: Path) -> None:
    assert np.isfinite(train(few, tmp_path / "encoder", 7).encode(["\u9fa5", "zzz"])).all()


def test_another_sentence_transformer_can_be_set(other_encoder: Path) -> None:
    encoder = load_encoder(other_encoder)
    vectors = encoder.encode(QUESTIONS)
    assert vectors.shape == (3, encoder.dimensions) == (3, 8)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)
    assert not np.allclose(vectors[0], vectors[1])


def test_index_over_another_encoder_finds_each_question_first(other_encoder: Path, tmp_path: Path) -> None:
    vectors = load_encoder(other_encoder).encode(QUESTIONS)
    save_index(build_index(vectors, ["cq-10", "cq-16", "none"], ["", "", "qd-b05"]), tmp_path, "city")
    index = load_index(tmp_path, "city")
    cosines, rows = index.search(vectors, neighbours=40)
    assert rows[:, 0].tolist() == [0, 1, 2]
    assert cosines[:, 0] == pytest.approx(1, abs=1e-3)
    assert index.labels[rows[0, 0]] == "cq-10"
    assert index.near.tolist() == ["", "", "qd-b05"]


@pytest.mark.parametrize("name", ["BAAI/bge-small-zh-v1.5", "nowhere"])
def test_encoder_that_is_not_on_disk_is_named_with_the_way_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelMissingError, match=rf"no SentenceTransformer at {tmp_path / name}.*HELPDESK_ENCODER"):
        load_encoder(tmp_path / name)


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelMissingError, match=r"modules\.json.*HELPDESK_ENCODER"):
        load_encoder(tmp_path)


def test_fingerprint_tells_every_change_but_the_readme(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"1")
    before = fingerprint(tmp_path)
    (tmp_path / "README.md").write_text("words", encoding="utf-8")
    assert fingerprint(tmp_path) == before
    (tmp_path / "weights").write_bytes(b"2")
    assert fingerprint(tmp_path) != before
