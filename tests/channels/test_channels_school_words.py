"""The words of the school teams' page: every key that the API can send has one, and no word is for nothing."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import yaml

from bot.actions.words import DOMAIN_FILE
from channels.messages import Fit
from channels.school.words import WORDS_FILE, page_words
from core.outcomes import Outcome
from core.scope import CITIES
from escalation.routing import own_rules
from escalation.rules import ACTS, NAMES, STATES, URGENCIES, MessageKind, Role

WORDS: dict[str, Any] = page_words(own_rules().levels)
INTENTS = yaml.safe_load(DOMAIN_FILE.read_text(encoding="utf-8"))["intents"]


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("cities", CITIES),
        ("levels", CITIES),
        ("acts", ACTS),
        ("steps", ("create", *NAMES)),
        ("roles", get_args(Role)),
        ("messages", get_args(MessageKind)),
        ("fits", get_args(Fit)),
        ("outcomes", [one.value for one in Outcome]),
        ("intents", INTENTS),
        ("states", [state for state in STATES if state != "new"]),
        ("urgencies", URGENCIES),
    ],
)
def test_each_key_has_its_word(kind: str, keys: list[str]) -> None:
    assert set(WORDS[kind]) == set(keys)
    assert all(WORDS[kind].values())


def test_each_command_that_needs_words_has_a_box_for_them() -> None:
    for act in WORDS["acts"].values():
        assert "needs" not in act or act["needs"] in act
        assert ("send" in act) == ("text" in act or "why" in act)


def test_the_file_holds_nothing_else() -> None:
    kinds = {"cities", "acts", "steps", "roles", "messages", "fits", "sources", "outcomes", "intents"}
    assert set(yaml.safe_load(WORDS_FILE.read_text(encoding="utf-8"))) == kinds
