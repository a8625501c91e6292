"""What a question is made of: character n-grams, and the same in pinyin so that homophone typos and pinyin meet.

Both see the normal form (`retrieval.normalise`). Pinyin is toneless and fuzzy (zh = z, ch = c, sh = s, -ng = -n), and
runs of Latin letters are cut into syllables where they can be: `zhuce不了` and `注册不了` share their syllable grams.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from pypinyin import lazy_pinyin
from pypinyin.constants import PINYIN_DICT
from pypinyin.contrib.tone_convert import to_normal

_PART = re.compile(r"[a-z]+|[\u3400-\u9fff]+|[^a-z\u3400-\u9fff]+")
_NOT_WORD = re.compile(r"[^\w]+")
_LONGEST_SYLLABLE = 6


def char_grams(text: str, longest: int = 3) -> list[str]:
    """Return all character n-grams of length 1 to `longest`; anything but letters and digits counts as `|`."""
    framed = f"^{_NOT_WORD.sub('|', text)}$"
    return [framed[i : i + n] for n in range(1, longest + 1) for i in range(len(framed) - n + 1)]


def pinyin_grams(text: str) -> list[str]:
    """Return the syllable 2- and 3-grams, marked with `~`."""
    sounds = [_fuzzy(s) for s in syllables(text)]
    return ["~" + "-".join(sounds[i : i + n]) for n in (2, 3) for i in range(len(sounds) - n + 1)]


@lru_cache(maxsize=64)
def all_grams(text: str) -> tuple[str, ...]:
    """Return character and pinyin n-grams; the last texts are remembered, since several views read each."""
    return (*char_grams(text), *pinyin_grams(text))


def syllables(text: str) -> list[str]:
    """Return the text as toneless pinyin syllables; what is neither Han nor Latin counts as `|`."""
    sounds: list[str] = []
    for part in _PART.findall(text):
        if part[0] >= "\u3400":
            sounds += map(sound_of, part)
        elif part[0].isalpha() and part.isascii():
            sounds += _cut(part)
        else:
            sounds.append("|")
    return sounds


@cache
def sound_of(character: str) -> str:
    """Return the toneless pinyin of one Han character, the commonest where it has several."""
    return str(lazy_pinyin(character)[0])


def _fuzzy(sound: str) -> str:
    if sound[:2] in ("zh", "ch", "sh"):
        sound = sound[0] + sound[2:]
    return sound[:-1] if sound.endswith("ng") else sound


@lru_cache(maxsize=1)
def _known_syllables() -> frozenset[str]:
    plain = {to_normal(sound) for sounds in PINYIN_DICT.values() for sound in sounds.split(",")}
    return frozenset(s for s in plain if s.isascii() and (len(s) > 1 or s in "aeo"))


@lru_cache(maxsize=4096)
def _cut(letters: str) -> list[str]:
    """Cut a run of letters into the fewest syllables, or leave it whole."""
    best: dict[int, list[str]] = {0: []}
    for start in range(len(letters)):
        for size in range(1, _LONGEST_SYLLABLE + 1) if start in best else ():
            end = start + size
            cut = [*best[start], letters[start:end]]
            if end <= len(letters) and cut[-1] in _known_syllables() and len(cut) < len(best.get(end, letters + " ")):
                best[end] = cut
    return best.get(len(letters), [letters])
