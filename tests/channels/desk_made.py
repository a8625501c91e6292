"""The desk in this process, on a database of its own, without Rasa and backend; and a parent who talks to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from desk_running import desk_environment, settings_of
from parent_client import Turn

from bot.actions.desk import Desk
from channels.app import build_desk
from channels.rasa import RasaClient
from channels.turn import Incoming, run_turn
from conversations.storage import Conversation
from core.scope import Scope


@contextmanager
def made_desk(folder: Path) -> Iterator[Desk]:
    """Build the real desk."""
    desk = build_desk(settings_of(desk_environment(folder)))
    yield desk
    desk.audit.close()
    desk.store.engine.dispose()


@dataclass
class Talk:
    """A parent's conversation; Rasa is not there, so each turn ends by the product's own means."""

    desk: Desk
    scope: Scope = field(default_factory=Scope)
    last: Turn | None = None

    def __post_init__(self) -> None:
        self.conversation: Conversation = self.desk.store.create(self.scope, [])[0]
        self.id = self.conversation.id

    def say(self, text: str) -> Turn:
        """Type something."""
        return self._turn(text=text)

    def press(self, label: str) -> Turn:
        """Press a button of the last turn."""
        assert self.last
        return self._turn(payload=self.last.payload(label))

    def said(self) -> list[dict[str, Any]]:
        """Return what the bot has said."""
        said = self.desk.store.said_after(self.id, 0)
        return [one.message.model_dump(mode="json") for one in said if one.author == "bot"]

    def offered(self) -> None:
        """Make the buttons of the whole talk pressable by `press`."""
        self.last = Turn({"messages": self.said()[::-1]})

    def _turn(self, **what: str) -> Turn:
        async def run() -> Turn:
            rasa = RasaClient(self.desk.settings)
            turn = await run_turn(Incoming(self.desk, rasa, self.id, **what))
            await rasa.aclose()
            return Turn({"kind": turn.outcome.kind, "outcome": turn.outcome, "messages": turn.messages})

        self.last = asyncio.run(run())
        return self.last
