"""The spoken form of a case: all that the card says, in short sentences, the official words as such."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.orm import Session

from bot.actions.case_cards import application_card
from bot.actions.desk import Desk
from conversations.reply import ApplicationCard
from core import clock
from core.settings import settings
from enrollment.reference import cases
from enrollment.reference.database import open_database
from enrollment.reference.families import read_families, seed_families
from hotline.case_aloud import case_lines
from knowledge.loader import load_knowledge

NUMBERS = [child.id for family in read_families() for child in family.children]


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ApplicationCard]]:
    """Give the card of each demo application."""
    # a card needs no more of the desk
    desk = cast("Desk", SimpleNamespace(knowledge=load_knowledge(), settings=settings()))
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('spoken') / 'enrollment.db'}")
    with Session(engine) as session:
        seed_families(session, clock.now())
        found: dict[str, Any] = {number: cases.application(session, number, clock.now()) for number in NUMBERS}
        yield {number: application_card(desk, application) for number, application in found.items()}
    engine.dispose()


@pytest.mark.parametrize("number", NUMBERS)
def test_all_that_the_card_says_is_said(cards: dict[str, ApplicationCard], number: str) -> None:
    card = cards[number]
    said = "\n".join(case_lines(card))
    told = [card.school, card.state, card.meaning, card.next, card.then, card.child[0]]
    told += [text for problem in card.problems for text in (problem.item, problem.reason)]
    assert [text for text in told if text and text not in said] == []


@pytest.mark.parametrize("number", NUMBERS)
def test_official_words_stand_verbatim_in_a_line_that_says_so_and_in_no_other(
    cards: dict[str, ApplicationCard], number: str
) -> None:
    card = cards[number]
    official = [line for line in case_lines(card) if "官方答复的原文" in line]
    if card.official_quote is None:
        assert official == []
    else:
        (line,) = official
        assert f"“{card.official_quote.text}”" in line
        assert card.official_quote.source
        assert card.official_quote.source.document in line
        assert card.official_quote.note
        assert card.official_quote.note in line


@pytest.mark.parametrize("number", NUMBERS)
def test_our_own_lines_are_short_sentences_without_what_cannot_be_read_aloud(
    cards: dict[str, ApplicationCard], number: str
) -> None:
    for line in case_lines(cards[number]):
        assert line.endswith("。") or "官方答复的原文" in line
        if "官方答复的原文" not in line:
            assert len(line) <= 100
            assert not re.search(r"[*{}|]|None|\d{4}-\d", line)


def test_a_name_of_which_nothing_is_shown_is_left_out(cards: dict[str, ApplicationCard]) -> None:
    card = cards[NUMBERS[0]].model_copy(update={"child": "*小明"})
    assert "第一个字" not in "".join(case_lines(card))
    assert "小明" not in "".join(case_lines(card))
