"""Two questions in one message are found, and stories are not taken for two."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ModelMissingError
from core.scope import City
from core.settings import ROOT
from evaluation.questions import Group, load_questions
from retrieval.doubles import DOUBLE_FILE, cuts_of, load_double, splits_of
from retrieval.retriever import Retriever

DEVELOPMENT = load_questions(ROOT / "evaluation/sets/development.jsonl")


@pytest.mark.parametrize(
    ("text", "city", "entries"),
    [
        ("刷脸查不到孩子,另外购房合同要传哪几页", "chongqing", {"cq-10", "cq-16"}),
        ("刷脸查不到孩子购房合同要传哪几页", "chongqing", {"cq-10", "cq-16"}),
        ("登录密码忘了怎么找回?自动填的地址不对怎么办", "qingdao", {"qd-a09", "qd-b05"}),
    ],
)
def test_two_questions_are_found_with_and_without_a_mark(
    retriever: Retriever, text: str, city: City, entries: set[str]
) -> None:
    halves = retriever.search_double(retriever.search(text, city), city)
    assert halves is not None
    assert {half.best for half in halves} == entries


@pytest.mark.parametrize(
    ("text", "city"),
    [
        ("我家娃儿刷脸查不到,试了好几次了,怎么办", "chongqing"),
        ("刚下的软件,姓名身份证都填了,点注册就失败,重来五六次了,该找谁", "chongqing"),
        ("验证码一直收不到,等了半天,换了个手机还是这样", "qingdao"),
    ],
)
def test_a_story_is_one_question(retriever: Retriever, text: str, city: City) -> None:
    assert retriever.search_double(retriever.search(text, city), city) is None


def test_the_nearer_entry_stands_first(retriever: Retriever) -> None:
    whole = retriever.search("刷脸查不到孩子,另外购房合同要传哪几页", "chongqing")
    halves = retriever.search_double(whole, "chongqing")
    assert halves is not None
    split = retriever.split(whole, "chongqing")
    assert split is not None
    assert split.halves == halves


def test_few_single_questions_of_the_development_set_are_split(retriever: Retriever) -> None:
    singles = [q for q in DEVELOPMENT if q.group is Group.ANSWERABLE and q.city and q.kind != "half_answered"]
    split = [q.q for q in singles if q.city and retriever.search_double(retriever.search(q.q, q.city), q.city)]
    assert len(split) / len(singles) <= 0.04


def test_unanswerable_message_is_never_two_questions(retriever: Retriever) -> None:
    whole = retriever.search("明天下雨吗,中午吃什么好", "qingdao")
    assert whole.decision == "none"
    assert retriever.split(whole, "qingdao") is None


@given(st.text(max_size=60))
def test_halves_are_parts_of_the_message(text: str) -> None:
    for first, second in [*splits_of(text), *cuts_of(text)]:
        assert text.find(first) < text.rfind(second)
        assert min(len(first), len(second)) >= 4


def test_weights_for_other_features_are_refused(tmp_path: Path) -> None:
    content = yaml.safe_load(DOUBLE_FILE.read_text(encoding="utf-8"))
    content["features"] = content["features"][:-1]
    path = tmp_path / "double.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ModelMissingError, match="helpdesk tune"):
        load_double(path)
