"""A case as an agent reads it aloud: short Chinese sentences, the words of which stand in `case_aloud.yml`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import yaml

from conversations.reply import ApplicationCard
from core import clock

WORDS_FILE = Path(__file__).with_name("case_aloud.yml")


def case_lines(card: ApplicationCard) -> list[str]:
    """Return the card's facts and advice; an official quote stands word for word in a line that says so."""
    return [*_facts(card), *_problems(card), *_advice(card), _say("as_of", as_of=_day_and_time(card.as_of))]


def _facts(card: ApplicationCard) -> Iterator[str]:
    first = card.child.split("*")[0]
    if card.school:
        yield _say("child" if first else "school", school=card.school, first=first)
    yield _say("state", state=card.state, since=_day(card.since))
    yield _say("meaning", meaning=card.meaning)


def _problems(card: ApplicationCard) -> Iterator[str]:
    if card.problems:
        yield _say("problems", count=len(card.problems))
    for number, problem in enumerate(card.problems, start=1):
        yield _say("problem", number=number, item=problem.item, reason=problem.reason)


def _advice(card: ApplicationCard) -> Iterator[str]:
    yield _say("next", next=card.next)
    if card.then:
        yield _say("then", then=card.then)
    if card.window_open and card.window_closes:
        yield _say("window_closes", closes=_day_and_time(card.window_closes))
    else:
        yield _say("window_open" if card.window_open else "window_closed")
    if quote := card.official_quote:
        document = quote.source.document if quote.source else quote.entry_id
        official = _say("official", document=document, text=quote.text)
        yield official + (_say("official_note", note=quote.note) if quote.note else "")


def _day(moment: datetime) -> str:
    local = moment.astimezone(clock.CHINA)
    return f"{local.month}月{local.day}日"


def _day_and_time(moment: datetime) -> str:
    local = moment.astimezone(clock.CHINA)
    return f"{_day(moment)}{local.hour}点{local.minute:02d}分"


def _say(name: str, **values: object) -> str:
    return _sentences()[name].format(**values)


@lru_cache(maxsize=1)
def _sentences() -> dict[str, str]:
    sentences: dict[str, str] = yaml.safe_load(WORDS_FILE.read_text(encoding="utf-8"))
    return sentences
