from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.questions import SETS, Question, QuestionSetError, digest_of, load_questions
from knowledge.loader import load_knowledge

GOOD = '{"q": "娃儿信息在哪加", "city": "chongqing", "expect": ["cq-01"], "kind": "short"}'


def written(folder: Path, text: str, name: str = "set.jsonl") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_set_is_read_in_order_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    path = written(tmp_path, f'{GOOD}\n\n{{"q": "在吗", "city": null, "expect": [], "intent": "chitchat"}}\n')
    first, second = load_questions(path)
    assert (first.q, first.group, second.group) == ("娃儿信息在哪加", "answerable", "intents")


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("{not json", "line 2: not JSON .* write one JSON object on each line"),
        ("[]", "line 2: the line: "),
        ('{"city": null, "expect": []}', "line 2: q: Field required"),
        ('{"q": "", "city": null, "expect": []}', "line 2: q: "),
        ('{"q": "好", "expect": []}', "line 2: city: Field required"),
        ('{"q": "好", "city": "beijing", "expect": []}', "line 2: city: .*beijing"),
        ('{"q": "好", "city": null, "expect": "cq-01"}', "line 2: expect: "),
        ('{"q": "好", "city": null, "expect": ["cq-99"]}', "line 2: expect names 'cq-99'; use the ids of"),
        ('{"q": "好", "city": null, "expect": ["cq-01"], "all": true}', "line 2: .*at least two ids"),
        ('{"q": "好", "city": null, "expect": [], "branch": "computer"}', "line 2: .*needs an id in `expect`"),
        ('{"q": "好", "city": null, "expect": [], "intent": "weather"}', "line 2: intent: .*weather"),
    ],
)
def test_an_error_names_file_and_line_and_what_to_do(tmp_path: Path, line: str, match: str) -> None:
    path = written(tmp_path, f"{GOOD}\n{line}\n")
    with pytest.raises(QuestionSetError, match=match) as caught:
        load_questions(path, ["cq-01"])
    assert str(path) in str(caught.value)


def test_missing_and_empty_files_say_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(QuestionSetError, match="no such file; name a question set"):
        load_questions(tmp_path / "none.jsonl")
    with pytest.raises(QuestionSetError, match=r"no .jsonl file in this folder"):
        load_questions(tmp_path)
    with pytest.raises(QuestionSetError, match="no question in it"):
        load_questions(written(tmp_path, "\n"))


def test_what_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(QuestionSetError, match="not readable as UTF-8"):
        load_questions(tmp_path / "set.jsonl")


def test_null_means_not_given_and_unknown_fields_are_left_aside(tmp_path: Path) -> None:
    line = '{"q": "好", "city": null, "expect": ["cq-01"], "all": null, "context": null, "kind": null, "writer": "x"}'
    (found,) = load_questions(written(tmp_path, line))
    assert (found.group, found.label, found.has_branch) == ("answerable", "unlabelled", False)


def test_a_folder_is_all_its_sets(tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("short", "b"), "b.jsonl")
    written(tmp_path, GOOD.replace("short", "a"), "a.jsonl")
    assert [question.kind for question in load_questions(tmp_path)] == ["a", "b"]


def test_the_digest_changes_with_a_question() -> None:
    one = Question(q="一", city=None, expect=())
    assert digest_of([one]) == digest_of([one])
    assert digest_of([one]) != digest_of([Question(q="二", city=None, expect=())])


@pytest.mark.parametrize("path", sorted(SETS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_our_own_sets_load_with_known_ids_branches_and_fields(path: Path) -> None:
    knowledge = load_knowledge()
    for question in load_questions(path, knowledge.entries):
        branches = {branch.id for i in question.expect for branch in knowledge.entries[i].branches}
        assert question.branch is None or question.branch in branches, question.q
        assert not question.city or all(knowledge.entries[i].city == question.city for i in question.expect), question.q
    for line in path.read_text(encoding="utf-8").splitlines():
        assert set(json.loads(line)) <= set(Question.model_fields), line
