"""Bring a message into the form that everything trained has seen; the original is kept for display.

NFKC (full width), lower case, traditional → simplified (OpenCC), invisible characters out, white space and runs of
repeated characters shortened.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import opencc

_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\ufe00-\ufe0f]|[\x00-\x08\x0b-\x1f\x7f]")
_RUN = re.compile(r"(.)\1{2,}")
_SPACE = re.compile(r"\s+")
_BETWEEN_HAN = re.compile(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])")


@lru_cache(maxsize=1)
def _simplifier() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def strip_invisible(text: str) -> str:
    """Remove zero-width, bidirectional and control characters, and outer white space."""
    return _INVISIBLE.sub("", text).strip()


@lru_cache(maxsize=256)
def normalise(text: str) -> str:
    """Return the normal form of a message; it may be empty. The last ones are remembered: each step of a turn asks.

    >>> normalise("帳號註冊 失敗!!!!")
    '帐号注册失败!!'
    """
    text = unicodedata.normalize("NFKC", strip_invisible(text)).lower()
    text = _SPACE.sub(" ", _simplifier().convert(text))
    return _RUN.sub(r"\1\1", _BETWEEN_HAN.sub("", text)).strip()
