"""Small talk, what lies outside, yes and no, and where the parent is."""

from __future__ import annotations

from bot.actions.answering import no_answer
from bot.actions.cards import city_options, ticket_offer
from bot.actions.choosing import go_on, take
from bot.actions.desk import Work
from bot.actions.form_fields import asks_something
from conversations.reply import Choice, Message, Pending, Reply
from core.outcomes import Outcome

_TALK: dict[str, Outcome] = {
    "greet": Outcome.GREETED,
    "thank": Outcome.THANKED,
    "goodbye": Outcome.SAID_GOODBYE,
    "bot_challenge": Outcome.INTRODUCED,
    "complain": Outcome.SOOTHED,
    "acknowledge": Outcome.ACKNOWLEDGED,
}


_OUTLASTS = ("city", "which", "branch")
"""What is still asked after an aside."""


async def small_talk(work: Work) -> Reply:
    """Answer a courtesy with a courtesy, and offer people to whom is upset; what was pending stays pending."""
    name = work.intent.name if work.intent and work.intent.name in _TALK else "greet"
    waiting = _still_asked(work)
    if name == "complain":
        return work.reply(Outcome.SOOTHED, [work.say(name), ticket_offer(work), *waiting])
    return work.reply(_TALK[name], [work.say(name), *waiting])


def _still_asked(work: Work) -> list[Message]:
    """Keep what was asked before an aside, and return the question for the city, without which nothing goes on."""
    pending = work.memory.pending
    work.keeps_pending = pending is not None and pending.ask in _OUTLASTS
    return [city_options(work, pending)] if pending and pending.ask == "city" else []


async def ask_city_again(work: Work) -> Reply:
    """Say how the city is told by the app that is used, to whom can't tell the city."""
    work.keeps_pending = True
    pending = work.memory.pending or Pending(ask="city")
    return work.reply(Outcome.ASKED_CITY, [city_options(work, pending, "ask_city_again")])


async def decline(work: Work) -> Reply:
    """Say what this desk is for."""
    return work.reply(Outcome.OFF_TOPIC, [work.say("off_topic")])


async def confirm(work: Work) -> Reply:
    """Take yes or no as the answer to what was asked last."""
    pending = work.memory.pending
    yes = bool(work.intent and work.intent.name == "affirm")
    if pending and pending.ask == "which" and pending.entry_ids:
        if not yes:
            return no_answer(work)
        if len(pending.entry_ids) == 1:
            return await take(work, Choice(do="answer", entry_id=pending.entry_ids[0], question=pending.question))
    return work.reply(Outcome.ACKNOWLEDGED, [work.say("affirm" if yes else "deny"), *_still_asked(work)])


async def note_scope(work: Work) -> Reply:
    """Note the city, district or stage that the parent tells, and go on with what waited for it.

    After an answer, another city asks the same question there: 「青岛的呢」, and so may another district or stage:
    「小升初呢」. A city told so, with nothing else said, counts even where the host has set a city.
    """
    pending, named, before = work.memory.pending, work.named, work.scope
    work.scope = work.scope.narrowed(city=named.city, district=named.district, stage=named.stage)
    if work.scope.city is None:
        return work.reply(Outcome.SCOPE_NOTED, [work.say("city_unknown_district")])
    asks = before.city not in (None, work.scope.city) or (work.scope != before and asks_something(work.text))
    if pending is None and asks:
        pending = Pending(ask="city", question=work.memory.last_question)
    return await go_on(work, pending)


async def keep_city(work: Work) -> Reply:
    """Say of which city the answers are, where another is only spoken of, and how to ask for it."""
    here, there = (work.say(f"place_{city}").text for city in (work.scope.city, work.named.city))
    return work.reply(Outcome.ACKNOWLEDGED, [work.say("city_stays", here=here, there=there)])


async def explain_again(work: Work) -> Reply:
    """Say that answers are quoted as published, and what else helps."""
    return work.reply(Outcome.ACKNOWLEDGED, [work.say("explain_again")])
