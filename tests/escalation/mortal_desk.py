"""A small service that is made to be killed: parents write, staff work on tickets, steps are announced, all at once.

It forks for each line on standard input, so that no start costs more than a fork; what a child was told to be done, it
writes into a file before it goes on.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from bot.actions.words import Words
from channels.tickets import announcing
from conversations.news import NewsStore
from conversations.reply import Memory, Message, Reply, TextMessage, TicketMessage
from conversations.storage import ConversationStore, open_engine
from core import clock
from core.errors import IllegalTransitionError
from core.outcomes import Outcome
from core.scope import Scope
from escalation.cards import card_of_ticket
from escalation.desk import Draft, StaleTicketError, TicketDesk
from escalation.listing import Filter, Reach
from escalation.outbox import Outbox
from escalation.routing import own_rules
from escalation.rules import Actor, Command, Name, Place

PLACE = Place("chongqing", "渝北区", "第一小学")
TEACHER = Actor("school-1", "王老师", "school")
COMMANDS: tuple[Name, ...] = ("claim", "claim", "reply", "reply", "ask_parent", "note", "release", "resolve", "reopen")
Ack = Callable[..., object]


def some_words() -> str:
    """Return words that are said once; no figures, which could be masked."""
    return "".join(random.choices("甲乙丙丁戊己庚辛壬癸", k=20))


class MortalDesk:
    """The parts of a service that keep things, on one database; `ack` is told what was done once it was done."""

    def __init__(self, url: str, ack: Ack) -> None:
        self.engine = open_engine(url)
        self.store, self.news = ConversationStore(self.engine), NewsStore(self.engine)
        self.desk, self.outbox = TicketDesk(self.engine, own_rules()), Outbox(self.engine)
        self.ack = ack
        self.announcer: Any = SimpleNamespace(store=self.store, news=self.news, tickets=self.desk, words=WORDS)

    def parent(self) -> None:
        """Open a conversation, write, have a ticket made, and get the answer that shows it."""
        conversation, _ = self.store.create(Scope("chongqing"), [TextMessage(text="您好")])
        turn, _ = self.store.begin_turn(conversation.id, f"问 {conversation.id}")
        self.ack("said", conversation.id, turn.text)
        by = Actor(f"parent:{conversation.id}", "家长", "parent")
        ticket, _ = self.desk.create(Draft(turn.id, PLACE, turn.text, conversation_id=conversation.id), by)
        self.ack("step", ticket.id, ticket.version)
        card = TicketMessage(ticket=card_of_ticket(ticket, self.desk.book.levels))
        said: list[Message] = [TextMessage(text=f"答 {turn.id}"), card]
        reply = Reply(outcome=Outcome.HANDED_OVER, messages=said, confidence=1.0)
        self.store.leave_reply(turn, reply, scope=Scope("chongqing"), memory=Memory())
        self.ack("said", conversation.id, f"答 {turn.id}")
        added = some_words()
        self.desk.hear_parent(ticket.id, added, by)
        self.ack("words", ticket.id, added)

    def teacher(self) -> None:
        """Give some command to some ticket, as the rules and colleagues allow."""
        tickets = self.desk.listed(Filter(limit=20), Reach(), clock.now()).tickets
        ticket = random.choice(tickets) if tickets else None
        if ticket is None:
            return
        text = some_words()
        command = Command(random.choice(COMMANDS), ticket.version, text=text, why="因故")
        try:
            file = self.desk.act(ticket.id, command, TEACHER, Reach())
        except (StaleTicketError, IllegalTransitionError):
            return
        self.ack("step", ticket.id, file.events[-1].version)
        self.ack("words", ticket.id, text)

    def announce(self) -> None:
        """Bring what is to be announced into the conversations, as the service does."""
        asyncio.run(announcing._announce(self.announcer, self.outbox))


WORDS = Words()


def live(service: MortalDesk) -> None:
    """Work until killed."""
    random.seed(time.time_ns())

    def forever(do: Callable[[], None]) -> None:
        try:
            while True:
                do()
        except Exception:
            service.ack("fault", traceback.format_exc())
            raise

    for do in (service.parent, service.teacher, service.announce):
        threading.Thread(target=forever, args=(do,)).start()
    time.sleep(60)
    os._exit(1)


def main() -> None:
    """Fork a child for each line, tell its number and when it is gone; arguments: database, file of what is done."""
    url, file = sys.argv[1:]
    number = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    service = MortalDesk(url, lambda *what: os.write(number, json.dumps(what).encode() + b"\n"))
    for do in (service.parent, service.teacher, service.announce):
        do()  # so that no child has to build its statements first
    service.engine.dispose()
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            live(service)
        print(child, flush=True)  # noqa: T201
        os.waitpid(child, 0)
        print("gone", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
