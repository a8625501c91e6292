"""Small talk, what lies outside, yes and no, and where the parent is."""

from __future__ import annotations

from bot.actions.answering import answered, no_answer
from bot.actions.cards import ticket_offer
from bot.actions.choosing import go_on
from bot.actions.desk import Work
from conversations.reply import Pending, Reply
from core.outcomes import Outcome
from retrieval.judge import Candidate, Judgement

_TALK: dict[str, Outcome] = {
    "greet": Outcome.GREETED,
    "thank": Outcome.THANKED,
    "goodbye": Outcome.SAID_GOODBYE,
    "bot_challenge": Outcome.INTRODUCED,
    "complain": Outcome.SOOTHED,
    "acknowledge": Outcome.ACKNOWLEDGED,
}


async def small_talk(work: Work) -> Reply:
    """Answer a courtesy with a courtesy, and offer people to whom is upset; what was pending stays pending."""
    name = work.intent.name if work.intent and work.intent.name in _TALK else "greet"
    if name == "complain":
        return work.reply(Outcome.SOOTHED, [work.say(name), ticket_offer(work)])
    return work.reply(_TALK[name], [work.say(name)])


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
            chosen = Judgement("answer", (Candidate(pending.entry_ids[0], 1.0),), pending.question or "")
            return answered(work, chosen, Outcome.ANSWERED_BY_CHOICE)
    return work.reply(Outcome.ACKNOWLEDGED, [work.say("affirm" if yes else "deny")])


async def note_scope(work: Work) -> Reply:
    """Note the city, district or stage that the parent tells, and go on with what waited for it.

    After an answer, another city asks the same question there: 「青岛的呢」. So told, and with nothing else said, it
    counts even where the host has set a city.
    """
    pending, named, before = work.memory.pending, work.named, work.scope.city
    work.scope = work.scope.narrowed(city=named.city, district=named.district, stage=named.stage)
    if work.scope.city is None:
        return work.reply(Outcome.SCOPE_NOTED, [work.say("city_unknown_district")])
    if pending is None and before not in (None, work.scope.city):
        pending = Pending(ask="city", question=work.memory.last_question)
    return await go_on(work, pending)


async def keep_city(work: Work) -> Reply:
    """Say of which city the answers are, where another is only spoken of, and how to ask for it."""
    here, there = (work.say(f"place_{city}").text for city in (work.scope.city, work.named.city))
    return work.reply(Outcome.ACKNOWLEDGED, [work.say("city_stays", here=here, there=there)])


async def explain_again(work: Work) -> Reply:
    """Say that answers are quoted as published, and what else helps."""
    return work.reply(Outcome.ACKNOWLEDGED, [work.say("explain_again")])
