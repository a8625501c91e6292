"""A tracker store that forgets: a turn must not get slower, nor memory larger, as conversations grow.

What must last is kept in `conversations/`; Rasa's tracker needs only the present turn.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any, Dict, Iterable, List, Optional, Text

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event
from rasa.shared.core.trackers import DialogueStateTracker

MAX_EVENTS = 8
MAX_CONVERSATIONS = 10_000


class BoundedTrackerStore(TrackerStore):
    """Keeps the last events of the conversations used most recently, in memory.

    Args:
        domain: the bot's domain.
        event_broker: where events are streamed, if anywhere.
        max_events: events kept of each conversation.
        max_conversations: conversations kept; the one unused longest is forgotten first.
    """

    def __init__(
        self,
        domain: Domain,
        event_broker: Optional[EventBroker] = None,
        max_events: int = MAX_EVENTS,
        max_conversations: int = MAX_CONVERSATIONS,
        **kwargs: Dict[Text, Any],
    ) -> None:
        self.max_events = max_events
        self.max_conversations = max_conversations
        self._events: "OrderedDict[Text, List[Text]]" = OrderedDict()
        super().__init__(domain, event_broker, **kwargs)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Keep the last `max_events` events of the conversation."""
        await self.stream_events(tracker)
        last = list(tracker.events)[-self.max_events :]
        self._events[tracker.sender_id] = [json.dumps(event.as_dict()) for event in last]
        self._events.move_to_end(tracker.sender_id)
        while len(self._events) > self.max_conversations:
            self._events.popitem(last=False)

    async def retrieve(self, sender_id: Text) -> Optional[DialogueStateTracker]:
        """Return the conversation's tracker with the events that were kept, or None."""
        kept = self._events.get(sender_id)
        if kept is None:
            return None
        events = [Event.from_parameters(json.loads(event)) for event in kept]
        slots = self.domain.slots if self.domain else []
        return DialogueStateTracker.from_events(sender_id, [e for e in events if e], slots)

    async def keys(self) -> Iterable[Text]:
        """Return the ids of the conversations kept."""
        return list(self._events)
