"""What was trained fits the entries and the encoder, or is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.errors import ModelMissingError
from core.scope import City
from knowledge.entry import NearMiss
from knowledge.loader import Knowledge
from retrieval.index import read_manifest
from retrieval.retriever import load_retriever
from retrieval.train import train_retrieval


def test_manifest_says_what_the_index_was_made_from(few: Knowledge, few_folder: Path) -> None:
    manifest = read_manifest(few_folder)
    assert manifest.knowledge == few.digest
    assert set(manifest.rows) == {"chongqing", "qingdao"}
    assert min(manifest.rows.values()) > 6


@pytest.mark.parametrize(
    ("question", "city", "entry"),
    [
        ("刷脸查不到孩子", "chongqing", "cq-10"),
        ("购房合同要传哪几页", "chongqing", "cq-16"),
        ("自动回填的信息和实际不符怎么处理", "qingdao", "qd-b05"),
        ("双胞胎怎么报名", "qingdao", "qd-b12"),
    ],
)
def test_trained_folder_finds_the_entry(
    few: Knowledge, few_folder: Path, question: str, city: City, entry: str
) -> None:
    assert load_retriever(few_folder, few).search(question, city).best == entry


def test_index_of_other_entries_is_refused(few: Knowledge, few_folder: Path) -> None:
    changed = few.entries["cq-16"].model_copy(update={"label": "另一个说法"})
    stale = Knowledge(few.documents, {**few.entries, "cq-16": changed}, few.near_misses)
    with pytest.raises(ModelMissingError, match="made with other entries: run `helpdesk train`"):
        load_retriever(few_folder, stale)


def test_index_of_other_near_misses_is_refused(few: Knowledge, few_folder: Path) -> None:
    stale = Knowledge(few.documents, few.entries, (*few.near_misses, NearMiss(q="新的问题", city="chongqing")))
    with pytest.raises(ModelMissingError, match="made with other entries"):
        load_retriever(few_folder, stale)


def test_index_of_another_encoder_is_refused(few: Knowledge, few_folder: Path, other_encoder: Path) -> None:
    with pytest.raises(ModelMissingError, match="made with other encoder: run `helpdesk train`"):
        load_retriever(few_folder, few, other_encoder)


def test_missing_index_is_refused(few: Knowledge, tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match=rf"no usable index at {tmp_path}: run `helpdesk train`"):
        load_retriever(tmp_path, few)


@pytest.mark.parametrize("change", [{"colour": "red"}, {"rows": "many"}, {"code": "older"}])
def test_manifest_of_another_shape_is_refused(
    few: Knowledge, few_folder: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    shutil.copytree(few_folder, tmp_path / "copy")
    manifest = tmp_path / "copy/manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    with pytest.raises(ModelMissingError, match="run `helpdesk train`"):
        load_retriever(tmp_path / "copy", few)


def test_training_that_breaks_off_leaves_the_old_folder(few: Knowledge, tmp_path: Path) -> None:
    folder = tmp_path / "retrieval"
    folder.mkdir()
    (folder / "manifest.json").write_text("old", encoding="utf-8")

    def stop(step: str) -> None:
        raise KeyboardInterrupt(step)

    with pytest.raises(KeyboardInterrupt):
        train_retrieval(few, folder, None, stop)
    assert (folder / "manifest.json").read_text(encoding="utf-8") == "old"


def test_training_replaces_the_old_folder_whole(few_folder: Path) -> None:
    assert not few_folder.with_name(few_folder.name + ".new").exists()
