"""Each way to break the knowledge fails with file, entry and reason."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import KnowledgeError
from core.settings import ROOT
from knowledge.loader import FOLDER, load_knowledge

Break = Callable[[Path], None]
MATERIALS = "entries/chongqing/materials.yml"
AUTOFILL = "entries/qingdao/autofill_wrong.yml"
PARTS = ("documents.yml", "entry-ids.tsv", "sources", "entries", "similar", "facets", "near_misses", "follow_ups")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Copy the real knowledge to where it may be broken."""
    copy = tmp_path / "knowledge"
    copy.mkdir()
    for part in PARTS:
        source = FOLDER / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / part)
    return copy


def put(file: str, old: str, new: str) -> Break:
    def change(folder: Path) -> None:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) >= 1, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def add(file: str, text: str) -> Break:
    def change(folder: Path) -> None:
        path = folder / file
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(before + text, encoding="utf-8")

    return change


def drop(file: str) -> Break:
    return lambda folder: (folder / file).unlink()


def drop_entry(file: str, entry: str) -> Break:
    def change(folder: Path) -> None:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(rf"  - id: {entry}\n(?:    .*\n|\n)+", "", text), encoding="utf-8")

    return change


def duplicate_entry(file: str, entry: str, other: str) -> Break:
    def change(folder: Path) -> None:
        found = re.search(rf"  - id: {entry}\n(?:    .*\n|\n)+", (folder / file).read_text(encoding="utf-8"))
        assert found
        add(other, found[0])(folder)

    return change


PAGES = "答:合同封面页、产权人信息页、房产坐落页、卖买双方签字盖章页。"
CASES: dict[str, tuple[Break, str]] = {
    "a changed character in an answer": (
        put(MATERIALS, "卖买双方", "买卖双方"),
        r"materials\.yml: cq-16: the answer is not the source's: at character \d+, .*买卖双方.* instead of .*卖买双方",
    ),
    "a changed mark in an answer": (
        put(MATERIALS, "封面页、产权人", "封面页,产权人"),
        r"materials\.yml: cq-16: the answer is not the source's",
    ),
    "an answer cut short": (
        put(MATERIALS, "、卖买双方签字盖章页。", "。"),
        r"materials\.yml: cq-16: the answer is not the source's",
    ),
    "a space put into an answer": (
        put(MATERIALS, "合同封面页、产权人信息页", "合同封面页、 产权人信息页"),
        r"materials\.yml: cq-16: the answer is not the source's: only spaces or line breaks differ",
    ),
    "a changed character in a source": (
        put("sources/chongqing-2025-batch3.txt", PAGES, PAGES.replace("卖买", "买卖")),
        r"materials\.yml: cq-16: the answer is not the source's",
    ),
    "a changed question": (
        put(MATERIALS, "question: 购房合同上传哪几页?", "question: 购房合同要传哪几页?"),
        r"materials\.yml: cq-16: city, number or question differ from entry-ids\.tsv",
    ),
    "another number": (
        put(MATERIALS, "number: '16'", "number: '61'"),
        r"materials\.yml: cq-16: city, number or question differ from entry-ids\.tsv",
    ),
    "the other city": (
        put(MATERIALS, "city: chongqing", "city: qingdao"),
        r"materials\.yml: cq-\d\d: city, number or question differ",
    ),
    "no such city": (put(MATERIALS, "city: chongqing", "city: chengdu"), r"materials\.yml: cq-\d\d: city: .*chongqing"),
    "an id twice in a file": (
        duplicate_entry(MATERIALS, "cq-16", MATERIALS),
        r"materials\.yml: cq-16: this id stands twice",
    ),
    "an id twice in two files": (
        duplicate_entry(MATERIALS, "cq-16", "entries/chongqing/policy.yml"),
        r"policy\.yml: cq-16: this id stands twice",
    ),
    "an id that is not ours": (
        put(MATERIALS, "id: cq-16", "id: cq-99"),
        r"materials\.yml: cq-99: this id is not in entry-ids\.tsv",
    ),
    "an id of another shape": (put(MATERIALS, "id: cq-16", "id: cq16"), r"materials\.yml: cq16: id: .*pattern"),
    "a missing entry": (drop_entry(MATERIALS, "cq-16"), r"entries: cq-16: published, but there is no such entry"),
    "a missing file of entries": (drop(AUTOFILL), r"entries: qd-b0\d.*: published, but there is no such entry"),
    "an unknown field of an entry": (
        put(MATERIALS, "    number: '16'", "    colour: red\n    number: '16'"),
        r"materials\.yml: cq-16: colour: Extra inputs are not permitted",
    ),
    "a missing field of an entry": (
        put(MATERIALS, "    number: '16'\n", ""),
        r"materials\.yml: cq-16: number: Field required",
    ),
    "an unknown field of a file": (add(MATERIALS, "colour: red\n"), r"materials\.yml: expected exactly the fields"),
    "a topic that is no name": (
        put(MATERIALS, "topic: materials", "topic: 材料"),
        r"materials\.yml: cq-\d\d: topic: .*pattern",
    ),
    "a document that is not ours": (
        put(MATERIALS, "document: cq-2025-3", "document: cq-2024-1"),
        r"materials\.yml: cq-\d\d: document 'cq-2024-1' is not in documents\.yml",
    ),
    "the other document": (
        put(MATERIALS, "document: cq-2025-3", "document: qd-primary"),
        r"materials\.yml: cq-\d\d: not found in its source",
    ),
    "a branch that is no part of the answer": (
        put("entries/chongqing/process_timing.yml", "text: 电脑端报名通道", "text: 手机和电脑端报名通道"),
        r"process_timing\.yml: cq-01: .*branch 'computer': its text is not a part of the answer",
    ),
    "two branches with one id": (
        put("entries/chongqing/process_timing.yml", "- id: phone", "- id: computer"),
        r"process_timing\.yml: cq-01: .*two branches have the same id",
    ),
    "similar questions of a branch that does not exist": (
        put("similar/cq-19.yml", "  in_review:", "  in_doubt:"),
        r"\.yml: cq-19: .*branch that does not exist: \['in_doubt'\]",
    ),
    "an unknown field of similar questions": (
        add("similar/cq-16.yml", "colour: [red]\n"),
        r"similar/cq-16\.yml: .*colour: Extra inputs",
    ),
    "similar questions that belong to no entry": (
        add("similar/cq-77.yml", "voices: {phone: [没有这一条]}\n"),
        r"similar/cq-77\.yml",
    ),
    "similar questions inside an entry": (
        put(MATERIALS, "    number: '16'", "    similar: {voices: {}}\n    number: '16'"),
        r"materials\.yml: cq-16: similar belongs into .*similar/cq-16\.yml",
    ),
    "an unknown field of facets": (
        add("facets/cq-16.yml", "colour: [red]\n"),
        r"facets/cq-16\.yml: .*colour: Extra inputs",
    ),
    "no facets": (drop("facets/cq-11.yml"), r"cq-11: its facets are missing: write facets/cq-11\.yml"),
    "a facet that the answer says nothing of": (
        put("facets/cq-11.yml", "covers:\n", "covers:\n  - 绝对没有的话\n"),
        r"cq-11: facets: covers what the entry does not say: \['绝对没有的话'\]",
    ),
    "a facet of another answer": (
        put("facets/cq-11.yml", "covers:\n", "covers:\n  - 合同要上传卖买双方签字盖章页\n"),
        r"cq-11: facets: covers what the entry does not say: \['合同要上传卖买双方签字盖章页'\]",
    ),
    "nothing left open": (
        lambda folder: (folder / "facets/cq-11.yml").write_text("covers: [更过名的]\nleaves_open: []\n", "utf-8"),
        r"facets/cq-11\.yml: .*leaves_open: Tuple should have at least 1 item",
    ),
    "covered and left open": (
        put("facets/cq-11.yml", "leaves_open:\n", "leaves_open:\n  - 更过名的“姓名”可以改\n"),
        r"facets/cq-11\.yml: .*covered and left open at once: \['更过名的“姓名”可以改'\]",
    ),
    "a missing source": (
        drop("sources/qingdao-primary.txt"),
        r"sources/qingdao-primary\.txt: the source of qd-primary is missing",
    ),
    "a missing list of documents": (drop("documents.yml"), r"documents\.yml: this file is missing"),
    "a missing list of ids": (drop("entry-ids.tsv"), r"entry-ids\.tsv: .*missing"),
    "an unknown field of a document": (
        put("documents.yml", "  official: true", "  official: true\n  colour: red"),
        r"documents\.yml: cq-2025-3: colour: Extra inputs",
    ),
    "a format that nobody reads": (
        put("documents.yml", "format: numbered", "format: pdf"),
        r"documents\.yml: cq-2025-3: format: Input should be 'numbered'",
    ),
    "documents that are no list": (
        put("documents.yml", "- id: cq-2025-3", "all:\n- id: cq-2025-3"),
        r"documents\.yml: ",
    ),
    "a near miss of an unknown entry": (
        add("near_misses/cq.yml", "  - q: 有这个吗\n    city: chongqing\n    near: [cq-99]\n"),
        r"near_misses/cq\.yml: 有这个吗: near names unknown entries \['cq-99'\]",
    ),
    "a follow-up that another city's entry answers": (
        add("follow_ups/first.yml", "  - {before: 怎么报名, q: 那呢, city: chongqing, expect: [qd-a03]}\n"),
        r"follow_ups/first\.yml: 那呢: expect names no entries of chongqing: \['qd-a03'\]",
    ),
    "a follow-up without its message before": (
        add("follow_ups/first.yml", "  - {q: 那呢, city: chongqing, expect: []}\n"),
        r"follow_ups/first\.yml: .*before: Field required",
    ),
    "an unknown field of a near miss": (
        add("near_misses/cq.yml", "  - q: 有这个吗\n    city: chongqing\n    colour: red\n"),
        r"near_misses/cq\.yml: .*colour: Extra inputs",
    ),
    "near misses that are no list": (
        lambda folder: (folder / "near_misses/cq.yml").write_text("q: 有这个吗\n", encoding="utf-8"),
        r"near_misses/cq\.yml: expected a list",
    ),
    "bad YAML in the entries": (add(MATERIALS, "  - [\n"), r"materials\.yml: not readable as YAML"),
    "bad YAML in similar questions": (add("similar/cq-16.yml", "\t- x\n"), r"similar/cq-16\.yml: not readable as YAML"),
    "a file that is not UTF-8": (
        lambda folder: (folder / MATERIALS).write_bytes("城市".encode("gbk")),
        r"materials\.yml: not readable as YAML",
    ),
    "a source that is not UTF-8": (
        lambda folder: (folder / "sources/qingdao-primary.txt").write_bytes("城市".encode("gbk")),
        r"sources/qingdao-primary\.txt: ",
    ),
    "a file of entries without entries": (
        lambda folder: (folder / MATERIALS).write_text(
            "city: chongqing\ntopic: materials\nentries:\n", encoding="utf-8"
        ),
        r"materials\.yml: ",
    ),
}


def test_the_copy_is_whole(folder: Path) -> None:
    assert load_knowledge(folder) == load_knowledge()


@pytest.mark.parametrize("case", CASES)
def test_broken_knowledge_is_refused(folder: Path, case: str) -> None:
    break_it, reason = CASES[case]
    break_it(folder)
    with pytest.raises(KnowledgeError, match=re.compile(rf"{folder}/.*{reason}", re.DOTALL)):
        load_knowledge(folder)


@pytest.mark.parametrize(
    "break_it",
    [
        put("similar/cq-16.yml", "- ", "- 新的问法 "),
        put("near_misses/cq.yml", "- q: ", "- q: 新的"),
        put("entries/chongqing/materials.yml", "label: ", "label: 新的"),
    ],
)
def test_digest_tells_every_change(folder: Path, break_it: Break) -> None:
    before = load_knowledge(folder).digest
    break_it(folder)
    assert load_knowledge(folder).digest != before


def test_digest_is_the_same_each_time() -> None:
    assert load_knowledge().digest == load_knowledge().digest


def test_fixed_ids_are_those_of_the_design() -> None:
    lines = (ROOT / "knowledge/entry-ids.tsv").read_text(encoding="utf-8").splitlines()
    ids = [line.split("\t")[0] for line in lines[1:]]
    expected = [f"cq-{n:02d}" for n in range(1, 24)] + [f"qd-a{n:02d}" for n in range(3, 11)]
    assert ids == expected + [f"qd-b{n:02d}" for n in range(1, 14)] + [f"qd-c{n:02d}" for n in range(1, 4)]
