"""Checks of the bounded tracker store, run by Rasa's Python: `python -m unittest tests/rasa/check_tracker_store.py`."""

from __future__ import annotations

import asyncio
import unittest

from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.components.tracker_store import BoundedTrackerStore

DOMAIN = Domain.from_dict({"intents": ["greet"], "actions": ["action_small_talk"]})


def turn(number: int) -> list[Event]:
    metadata = {"conversation_id": "c", "turn_id": str(number)}
    said = UserUttered("words", intent={"name": "greet", "confidence": 0.9}, metadata=metadata)
    return [ActionExecuted("action_listen"), said, ActionExecuted("action_small_talk")]


def tracker(sender: str, turns: int) -> DialogueStateTracker:
    events = [event for number in range(turns) for event in turn(number)]
    return DialogueStateTracker.from_events(sender, events, DOMAIN.slots)


class BoundedTrackerStoreTest(unittest.TestCase):
    def save(self, store: BoundedTrackerStore, *trackers: DialogueStateTracker) -> None:
        for one in trackers:
            asyncio.run(store.save(one))

    def kept(self, store: BoundedTrackerStore, sender: str) -> DialogueStateTracker | None:
        return asyncio.run(store.retrieve(sender))

    def test_turn_survives_with_its_metadata(self) -> None:
        store = BoundedTrackerStore(DOMAIN)
        self.save(store, tracker("a", 1))
        message = self.kept(store, "a").latest_message
        self.assertEqual(message.metadata, {"conversation_id": "c", "turn_id": "0"})
        self.assertEqual(message.intent["name"], "greet")
        self.assertEqual(self.kept(store, "a").sender_id, "a")

    def test_unknown_conversation_is_none(self) -> None:
        self.assertIsNone(self.kept(BoundedTrackerStore(DOMAIN), "nobody"))

    def test_only_the_last_events_are_kept(self) -> None:
        store = BoundedTrackerStore(DOMAIN, max_events=6)
        self.save(store, tracker("a", 50))
        kept = self.kept(store, "a")
        self.assertEqual(len(kept.events), 6)
        self.assertEqual(kept.latest_message.metadata["turn_id"], "49")

    def test_events_stay_bounded_turn_after_turn(self) -> None:
        store = BoundedTrackerStore(DOMAIN)
        for number in range(40):
            current = self.kept(store, "a") or tracker("a", 0)
            for event in turn(number):
                current.update(event)
            self.save(store, current)
            self.assertLessEqual(len(self.kept(store, "a").events), store.max_events)
            self.assertEqual(self.kept(store, "a").latest_message.metadata["turn_id"], str(number))

    def test_conversation_unused_longest_is_forgotten(self) -> None:
        store = BoundedTrackerStore(DOMAIN, max_conversations=2)
        self.save(store, tracker("a", 1), tracker("b", 1), tracker("a", 2), tracker("c", 1))
        self.assertEqual(list(asyncio.run(store.keys())), ["a", "c"])
        self.assertIsNone(self.kept(store, "b"))

    def test_conversations_do_not_mix(self) -> None:
        store = BoundedTrackerStore(DOMAIN)
        self.save(store, tracker("a", 1), tracker("b", 3))
        self.assertEqual(self.kept(store, "a").latest_message.metadata["turn_id"], "0")
        self.assertEqual(self.kept(store, "b").latest_message.metadata["turn_id"], "2")


if __name__ == "__main__":
    unittest.main()
