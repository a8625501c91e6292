"""Domain, rules, actions and words agree with each other."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.actions.rasa_actions import ACTIONS
from bot.actions.words import Words
from bot.components.entity_rules import load_patterns
from core.settings import ROOT
from knowledge.loader import load_knowledge

DOMAIN: dict[str, Any] = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = yaml.safe_load((ROOT / "bot/data/rules/rules.yml").read_text(encoding="utf-8"))["rules"]
TEXTS = {name.removeprefix("utter_"): [v["text"] for v in variants] for name, variants in DOMAIN["responses"].items()}
SPEAKERS = sorted([*(ROOT / "bot/actions").glob("*.py"), *(ROOT / "channels").rglob("*.py")])
OFFICIAL = {entry.answer for entry in load_knowledge().entries.values()}
_HAN = r"[\u3400-\u9fff]"


def words_said() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield where and which sentences the code says, as patterns: the first argument of every `say(...)`."""
    for path in SPEAKERS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name_of(node.func) == "say" and node.args:
                yield from ((f"{path.name}:{node.lineno}", pattern) for pattern in _patterns(node.args[0]))


def _name_of(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _patterns(argument: ast.expr) -> Iterator[re.Pattern[str]]:
    match argument:
        case ast.Constant(value=str(name)):
            yield re.compile(re.escape(name))
        case ast.JoinedStr(values=parts):
            yield re.compile("".join(re.escape(p.value) if isinstance(p, ast.Constant) else r"\w+" for p in parts))
        case ast.IfExp(body=one, orelse=other):
            yield from (*_patterns(one), *_patterns(other))


def names_in_code() -> set[str]:
    """Return every string of the code that is a sentence's name: what `say(name)` may be given."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in SPEAKERS]
    return {
        n.value for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }


def test_every_intent_has_exactly_one_rule() -> None:
    ruled = Counter(step["intent"] for rule in RULES for step in rule["steps"] if "intent" in step)
    assert ruled == Counter(DOMAIN["intents"])


def test_every_rule_is_one_intent_and_one_action() -> None:
    assert [
        rule["rule"] for rule in RULES if [next(iter(step)) for step in rule["steps"]] != ["intent", "action"]
    ] == []


def test_rules_domain_and_code_know_the_same_actions() -> None:
    ruled = {step["action"] for rule in RULES for step in rule["steps"] if "action" in step}
    implemented = [action().name() for action in ACTIONS]
    assert ruled == set(DOMAIN["actions"]) == set(implemented)
    assert len(implemented) == len(set(implemented))


def test_what_no_rule_knows_is_answered() -> None:
    policy = next(p for p in CONFIG["policies"] if p["name"] == "RulePolicy")
    assert policy["core_fallback_action_name"] in DOMAIN["actions"]


def test_every_intent_has_examples() -> None:
    files = [yaml.safe_load(p.read_text(encoding="utf-8"))["nlu"] for p in (ROOT / "bot/data/nlu").glob("*.yml")]
    assert {block["intent"] for blocks in files for block in blocks if block.get("examples")} == set(DOMAIN["intents"])


def test_no_example_has_two_intents() -> None:
    intents: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "bot/data/nlu").glob("*.yml"):
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            for line in block["examples"].splitlines():
                intents[line.removeprefix("- ").strip()].add(block["intent"])
    assert {example: sorted(names) for example, names in intents.items() if len(names) > 1} == {}


def test_entities_are_those_of_the_patterns() -> None:
    patterns = load_patterns()
    known = {*patterns["phrases"], *patterns["patterns"]}
    extractor = next(part for part in CONFIG["pipeline"] if part["name"] == "SpacyEntityExtractor")
    assert set(DOMAIN["entities"]) == set(extractor["dimensions"]) == known


def test_rasa_keeps_nothing_of_a_family() -> None:
    assert DOMAIN.get("slots", {}) == {}
    assert not DOMAIN["session_config"]["carry_over_slots_to_new_session"]


def test_every_sentence_that_the_code_says_exists() -> None:
    said = list(words_said())
    assert len(said) > 20
    assert [(where, p.pattern) for where, p in said if not any(p.fullmatch(name) for name in TEXTS)] == []


def test_every_sentence_is_said() -> None:
    patterns, names = [pattern for _, pattern in words_said()], names_in_code()
    assert [t for t in TEXTS if t not in names and not any(p.fullmatch(t) for p in patterns)] == []


@pytest.mark.parametrize("name", TEXTS)
def test_sentence_has_one_wording_without_half_width_marks(name: str) -> None:
    assert len(TEXTS[name]) == 1
    text = TEXTS[name][0]
    assert not re.search(rf"{_HAN}[,;:!?.]|[,;:!?]{_HAN}", text)
    assert text == text.strip()
    assert text not in OFFICIAL


def test_words_are_looked_up_by_name(tmp_path: Path) -> None:
    file = tmp_path / "domain.yml"
    file.write_text("responses:\n  utter_hello:\n  - text: 您好，{who}。\n", encoding="utf-8")
    assert Words(file).say("hello", who="家长") == "您好，家长。"
    with pytest.raises(KeyError, match="utter_goodbye"):
        Words(file).say("goodbye")
