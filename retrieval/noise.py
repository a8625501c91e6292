"""Typing slips for training: homophones, pinyin left standing, a character lost or doubled.

Learning from slips beats correcting them: a corrector also damages words that were right.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping

from retrieval.grams import sound_of


def homophones(texts: Iterable[str]) -> dict[str, list[str]]:
    """Return Han character → the other characters of the texts that sound the same without tone."""
    sounds: dict[str, set[str]] = defaultdict(set)
    for character in {c for text in texts for c in text if c >= "\u3400"}:
        sounds[sound_of(character)].add(character)
    return {c: sorted(group - {c}) for group in sounds.values() for c in group if len(group) > 1}


def with_slips(text: str, same_sound: Mapping[str, list[str]], dice: random.Random) -> str:
    """Return the text with one to three slips; it may come back unchanged if it has no Han characters."""
    places = [i for i, c in enumerate(text) if c >= "\u3400"]
    if len(places) < 3:
        return text
    characters = list(text)
    for place in dice.sample(places, k=min(len(places), dice.choice((1, 1, 2, 3)))):
        slip = dice.random()
        if slip < 0.5:
            characters[place] = dice.choice(same_sound.get(characters[place], [characters[place]]))
        elif slip < 0.85:
            characters[place] = sound_of(text[place])
        elif slip < 0.93:
            characters[place] = ""
        else:
            characters[place] *= 2
    return "".join(characters)
