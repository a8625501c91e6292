"""The importer reads both published formats and leaves the page's chrome out."""

from __future__ import annotations

import pytest

from core.settings import ROOT
from knowledge.importer import Published, read_published, squeeze, tidy

NUMBERED = """今日起,第三批次“子女信息维护”正式开启 快来看↓↓↓
1.如何进入?
答:电脑端→个人空间。 手机端→我的子女。
2.何为“三对口”?
答:1.户口一致。 2.视为符合。
"""
QUESTION_ANSWER = """您即将离开“某网站”给大家整理了一些问题,家长们可做参考哦~
另外今年都使用“爱山东”app了
Q9
密码忘记?
A9
短信登录。
Q10
登录提示错误?
A10
稍等 ,再试。
Q1
有顺序吗?
A1
有:

1、先一。
2、再二。
Q2
第二问?
A2
第二答。
Q1
审核通过了吗?
A1
并不等同。
本文转载自某圈
"""


def test_numbered_document() -> None:
    assert read_published(NUMBERED, "numbered") == [
        Published(0, "1", "如何进入?", "电脑端→个人空间。 手机端→我的子女。"),
        Published(0, "2", "何为“三对口”?", "1.户口一致。 2.视为符合。"),
    ]


def test_question_answer_document_with_numbering_that_restarts() -> None:
    found = read_published(QUESTION_ANSWER, "question_answer")
    assert [(p.part, p.number) for p in found] == [(0, "9"), (0, "10"), (1, "1"), (1, "2"), (2, "1")]
    assert found[1] == Published(0, "10", "登录提示错误?", "稍等,再试。")
    assert found[2].answer == "有:\n\n1、先一。\n2、再二。"


@pytest.mark.parametrize(("text", "form"), [(NUMBERED, "numbered"), (QUESTION_ANSWER, "question_answer")])
@pytest.mark.parametrize("chrome", ["您即将离开", "本文转载自", "爱山东", "今日起", "↓"])
def test_chrome_is_not_part_of_any_answer(text: str, form: str, chrome: str) -> None:
    assert not [p for p in read_published(text, form) if chrome in p.question + p.answer]


def test_windows_line_ends_change_nothing() -> None:
    assert read_published(QUESTION_ANSWER.replace("\n", "\r\n"), "question_answer") == read_published(
        QUESTION_ANSWER, "question_answer"
    )


def test_question_without_answer_is_not_an_entry_of_the_numbered_document() -> None:
    assert read_published("1.如何进入?\n2.怎么办?\n答:这样。", "numbered") == [Published(0, "2", "怎么办?", "这样。")]


@pytest.mark.parametrize(
    ("raw", "tidied"),
    [
        ("登录招 生平台", "登录招生平台"),
        ("省统一 身份认证", "省统一身份认证"),
        ("退出APP ,重新打开", "退出APP,重新打开"),
        ("保存 。", "保存。"),
        ("保存 \u3002", "保存\u3002"),
        ("个人空间 \uff0c再", "个人空间\uff0c再"),
        ("招\u3000生平台", "招生平台"),
        ("招\t生平台", "招生平台"),
        ("  答案。 \n", "答案。"),
        ("可重启 APP尝试", "可重启 APP尝试"),
        ("新增子女\u3002 手机端报名", "新增子女\u3002 手机端报名"),
        ("一致。 2.适龄儿童", "一致。 2.适龄儿童"),
        ("第一行\n第二行", "第一行\n第二行"),
        ("第一段\n\n第二段", "第一段\n\n第二段"),
        ("", ""),
    ],
)
def test_tidy_removes_stray_spaces_only(raw: str, tidied: str) -> None:
    assert tidy(raw) == tidied
    assert tidy(tidied) == tidied
    assert squeeze(raw) == squeeze(tidied)


def test_squeeze_removes_all_whitespace() -> None:
    assert squeeze(" 招 生\n平\t台\u3000入\u00a0口 ") == "招生平台入口"


@pytest.mark.parametrize(
    ("file", "form", "parts"),
    [("chongqing-2025-batch3.txt", "numbered", [23]), ("qingdao-primary.txt", "question_answer", [8, 13, 3])],
)
def test_published_documents_are_read_whole(file: str, form: str, parts: list[int]) -> None:
    found = read_published((ROOT / "knowledge/sources" / file).read_text(encoding="utf-8"), form)
    assert [sum(p.part == part for p in found) for part in range(len(parts))] == parts
    assert all(p.question and p.answer for p in found)
