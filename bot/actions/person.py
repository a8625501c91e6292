"""Offer a person: a ticket, and the ways that the Q&A names, each quoted as its entry."""

from __future__ import annotations

from bot.actions.answering import narrow_scope
from bot.actions.cards import answer_card, city_options, ticket_offer
from bot.actions.desk import Work
from bot.actions.ticket_cards import ticket_messages
from conversations.reply import Message, Pending, Reply
from core.outcomes import Outcome

_REGISTRATION = "registration_trouble"
_APP_TOPICS = {_REGISTRATION, "login_trouble", "identity_check_failed"}
_APP_WAYS = {"qd-a05", "qd-a06", "qd-a07", "qd-a10"}


async def offer_person(work: Work) -> Reply:
    """Say how to reach a person, in the conversation's city; a ticket that is not settled comes first."""
    narrow_scope(work)
    ticket = await work.desk.store.call(work.desk.tickets.unsettled, work.conversation.id)
    if ticket is None and work.scope.city is None:
        work.memory.pending = pending = Pending(ask="city", purpose="person")
        return work.reply(Outcome.PERSON_WAYS, [city_options(work, pending, "person_ask_city")])
    messages: list[Message] = ticket_messages(work.desk, ticket) if ticket else [ticket_offer(work)]
    if work.scope.city:
        messages.append(work.say("person_ways"))
        messages += [answer_card(work, work.desk.knowledge.entries[i], 1.0, branch) for i, branch in ways_of(work)]
    return work.reply(Outcome.TICKET_SHOWN if ticket else Outcome.PERSON_WAYS, messages)


def ways_of(work: Work) -> list[tuple[str, str | None]]:
    """Return the entries (with branch) that name a way to a person, by what the conversation is about."""
    entries = work.desk.knowledge.entries
    about = [entries[i] for i in (*work.memory.last_entries, *work.memory.candidates[:1]) if i in entries]
    topics = {entry.topic for entry in about if entry.city == work.scope.city}
    if work.scope.city == "chongqing":
        hotline: list[tuple[str, str | None]] = [("cq-02", None)] if _REGISTRATION in topics else []
        return [*hotline, ("cq-22", None), ("cq-21", "cannot_online")]
    app: tuple[str, str | None] = ("qd-a10", "keeps_failing")
    named = next((entry.id for entry in about if entry.id in _APP_WAYS), None)
    if topics & _APP_TOPICS:
        return [(named, "keeps_failing" if named in ("qd-a06", "qd-a10") else None)] if named else [app]
    data: tuple[str, str | None] = (
        ("qd-b03", "collective") if "qd-b03" in {e.id for e in about} else ("qd-b02", "otherwise")
    )
    return [data] if topics else [app, data]
