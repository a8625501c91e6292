"""The bot's first messages: who it is, and what many ask."""

from __future__ import annotations

from bot.actions.desk import Desk
from conversations.reply import Choice, Message, Option, OptionsMessage, TextMessage
from core.scope import CITIES, City, Scope

_START: dict[City, tuple[str, ...]] = {
    "chongqing": ("cq-10", "cq-11", "cq-07", "cq-19"),
    "qingdao": ("qd-b05", "qd-b02", "qd-a08", "qd-c01"),
}


def opening_messages(desk: Desk, scope: Scope) -> list[Message]:
    """Return the welcome and, for a known city, what is asked most; else the question for the city."""
    say = desk.words.say
    welcome = TextMessage(text=say("welcome"))
    if scope.city is None:
        options = [Option(label=say(f"city_{c}"), city=c, choice=Choice(do="city", city=c)) for c in CITIES]
        return [welcome, OptionsMessage(text=say("welcome_ask_city"), purpose="city", options=options)]
    options = [
        Option(label=desk.knowledge.entries[i].label, entry_id=i, choice=Choice(do="answer", entry_id=i))
        for i in _START[scope.city]
    ]
    return [welcome, OptionsMessage(text=say("quick_start"), purpose="start", options=options)]
