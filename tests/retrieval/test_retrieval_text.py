"""The form that everything trained has seen, and what a question is made of."""

from __future__ import annotations

import pytest

from retrieval.grams import all_grams, char_grams, pinyin_grams, syllables
from retrieval.normalise import normalise, strip_invisible


def wide(text: str) -> str:
    """Return the text with full-width digits, letters and marks."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("刷脸查不到孩子", "刷脸查不到孩子"),
        (wide("APP登录123"), "app登录123"),
        (wide("怎么办?!"), "怎么办?!"),
        ("好的\uff0c谢谢\uff01", "好的,谢谢!"),
        ("打开APP", "打开app"),
        ("帳號註冊失敗", "帐号注册失败"),
        ("臺灣學生報名系統裡面", "台湾学生报名系统里面"),
        ("渝\u200b快\u200d办", "渝快办"),
        ("\ufeff爱山东\u2060", "爱山东"),
        ("\u202e爱山东\u202c", "爱山东"),
        ("停\x00\x07了", "停了"),
        ("\u246010\u33a1", "110m2"),
        ("啊啊啊啊啊", "啊啊"),
        ("急急急!!!!!!", "急急!!"),
        ("好好", "好好"),
        ("招 生 平台", "招生平台"),
        ("招\u3000生\n平台", "招生平台"),
        ("我的  APP\t打不开", "我的 app 打不开"),
        ("  前后  ", "前后"),
        ("\u2026\u2026", ".."),
        ("", ""),
        (" \u200b\n", ""),
    ],
)
def test_normal_form(typed: str, normal: str) -> None:
    assert normalise(typed) == normal
    assert normalise(normal) == normal


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("\u200b/restart", "/restart"),
        ("\u2066/restart\u2069", "/restart"),
        (" \ufeff 你好 \u00ad", "你好"),
        ("第一行\n第二行", "第一行\n第二行"),
        (wide("ABC"), wide("ABC")),
    ],
)
def test_invisible_characters_are_stripped_and_nothing_else(typed: str, left: str) -> None:
    assert strip_invisible(typed) == left


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("zhuce不了", "注册不了"),
        ("yukuaiban打不开", "渝快办打不开"),
        ("渝快版", "渝快办"),
        ("登陆", "登录"),
        ("身份正", "身份证"),
        ("验正码", "验证码"),
        ("审合", "审核"),
        ("qindao", "青岛"),
        ("shualian", "刷脸"),
        ("资料sangcuan", "资料上传"),
        ("房产政", "房产证"),
        ("维户", "维护"),
    ],
)
def test_typo_and_word_meet_in_their_sounds(typo: str, meant: str) -> None:
    assert set(pinyin_grams(typo)) & set(pinyin_grams(meant))


def test_look_alike_meets_in_the_sounds_around_it() -> None:
    shared = set(all_grams("涮脸查不到")) & set(all_grams("刷脸查不到"))
    assert {"脸", "查不到", "~lian-ca", "~ca-bu-dao"} <= shared


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("登录", ["deng", "lu"]),
        ("zhuce", ["zhu", "ce"]),
        ("app登录", ["app", "deng", "lu"]),
        ("第3步", ["di", "|", "bu"]),
        ("", []),
    ],
)
def test_syllables(text: str, sounds: list[str]) -> None:
    assert syllables(text) == sounds


def test_character_grams() -> None:
    assert char_grams("登录") == ["^", "登", "录", "$", "^登", "登录", "录$", "^登录", "登录$"]
    assert char_grams("登,录", longest=2)[-4:] == ["^登", "登|", "|录", "录$"]
    assert set(all_grams("登录")) == {*char_grams("登录"), *pinyin_grams("登录")}
