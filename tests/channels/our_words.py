"""Everything that the desk may say: its own sentences, its options' labels, and the published answers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import yaml
from parent_client import Json, Turn

from bot.actions.words import DOMAIN_FILE
from bot.components.entity_rules import load_patterns
from knowledge.entry import Document
from knowledge.loader import load_knowledge


class OurWords:
    """Knows every string that may stand in a reply to a parent who is not signed in."""

    def __init__(self, longest: int) -> None:
        self.knowledge = load_knowledge()
        responses = yaml.safe_load(DOMAIN_FILE.read_text(encoding="utf-8"))["responses"]
        texts = {name.removeprefix("utter_"): variants[0]["text"] for name, variants in responses.items()}
        fill = {
            "{limit}": [str(longest)],
            "{app}": [text for name, text in texts.items() if name.startswith("app_")],
            "{place}": [texts["city_chongqing"], texts["city_qingdao"], *load_patterns()["phrases"]["district"]],
        }
        self.sentences = {filled for text in texts.values() for filled in _filled(text, fill)}
        entries = self.knowledge.entries.values()
        self.labels = self.sentences | {e.label for e in entries} | {b.label for e in entries for b in e.branches}

    def foreign_in(self, turn: Turn) -> list[str]:
        """Return what a turn says that is not ours, or not word for word as published."""
        return [words for message in turn.raw["messages"] for words in self._foreign(message)]

    def _foreign(self, message: Json) -> Iterator[str]:
        if message["type"] == "answer":
            yield from self._changed(message)
            return
        if message["text"] not in self.sentences:
            yield message["text"]
        yield from (o["label"] for o in message.get("options", ()) if o["label"] not in self.labels)

    def _changed(self, message: Json) -> Iterator[str]:
        card, applies = message["entry"], message["applies"]
        entry = self.knowledge.entries[card["id"]]
        yield from (card[name] for name in ("city", "question", "answer") if card[name] != getattr(entry, name))
        if applies and (applies["branch"], applies["text"]) not in {(b.label, b.text) for b in entry.branches}:
            yield str(applies)
        if message["note"] not in _notes(self.knowledge.document_of(entry)):
            yield str(message["note"])


def _filled(text: str, fill: dict[str, list[str]]) -> list[str]:
    place = next((place for place in fill if place in text), None)
    return [text.replace(place, value) for value in fill[place]] if place else [text]


def _notes(document: Document) -> set[str | None]:
    notes = [note for note in document.notes.model_dump().values() if note]
    return {None, *("；".join(some) for size in range(1, len(notes) + 1) for some in combinations(notes, size))}
