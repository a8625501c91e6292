"""Answer a question with the official Q&A, ask back, or say that there is no official answer."""

from __future__ import annotations

from bot.actions.cards import answer_messages, city_options, entry_options, feedback_options, person_option
from bot.actions.desk import Work
from bot.actions.option_words import place_named
from conversations.reply import Message, Pending, Reply
from core.outcomes import Outcome
from core.scope import CITIES, City, Scope
from retrieval.context import leans
from retrieval.judge import Judgement

PROGRESS = "progress_general"
_ANY = 99
"""More options than are ever offered."""


async def answer_question(work: Work) -> Reply:
    """Answer the message of this turn."""
    narrow_scope(work)
    question = work.text
    if work.scope.city is None:
        return _without_city(work, question)
    return answer_in_city(work, question, work.scope.city)


def narrow_scope(work: Work) -> None:
    """Take over what the words tell of the scope."""
    work.scope = scope_told(work)


def scope_told(work: Work) -> Scope:
    """Return the scope with what the words of a question tell of it; a city that the host has set stays."""
    named = work.named
    if names_other_city(work):
        return work.scope
    narrowed = work.scope.narrowed(city=named.city, district=named.district, stage=named.stage)
    return narrowed if narrowed.city else Scope(stage=narrowed.stage)


def names_other_city(work: Work) -> bool:
    """Whether a message names another city than the one that the host has set."""
    named = work.named.city
    return work.memory.city_is_fixed and None not in (named, work.scope.city) and named != work.scope.city


def judgement_of(work: Work, question: str, city: City) -> Judgement:
    """Return what a question comes to in a city; alone or, where it needs that, with the message before.

    What names another city does not go on from a question that was asked of this one.
    """
    alone = alone_judgement(work, question, city)
    before = work.memory.last_question if work.named.city in (None, city) else None
    key = (before, question, city)
    if before and key not in work.found.judged:
        work.found.judged[key] = work.desk.retriever.search_in_context(alone, before, city)
    return work.found.judged[key] if before else alone


def alone_judgement(work: Work, question: str, city: City) -> Judgement:
    """Return what a question comes to by itself; searched once a turn."""
    key = (None, question, city)
    if key not in work.found.judged:
        work.found.judged[key] = work.desk.retriever.search(question, city)
    return work.found.judged[key]


def double_of(work: Work, question: str, city: City) -> tuple[Judgement, Judgement] | None:
    """Return what the two halves of a question come to, or None if it is one; searched once a turn."""
    key = (question, city)
    if key not in work.found.doubles:
        work.found.doubles[key] = work.desk.retriever.search_double(alone_judgement(work, question, city), city)
    return work.found.doubles[key]


def search_ahead(work: Work) -> None:
    """Search what answering will most likely need, while Rasa still reads the message; it changes no decision."""
    if work.scope.city:
        double_of(work, work.text, work.scope.city)


def answer_in_city(work: Work, question: str, city: City) -> Reply:
    """Answer within one city's Q&A; the question may need the one before.

    Which entry is meant is never asked twice in a row. To ask for the city is no such question: it asks nothing of the
    meaning, and may come right before.
    """
    if place_named(question, _ANY) is not None:  # 「第一个」, where nothing is offered
        return _not_sure(work, alone_judgement(work, question, city))
    two = double_of(work, question, city)
    if two:
        return _answer_two(work, two)
    judgement = judgement_of(work, question, city)
    _remember(work, question, judgement)
    if judgement.decision == "answer":
        return answered(work, judgement, Outcome.ANSWERED)
    if judgement.decision == "clarify":
        return _not_sure(work, judgement) if work.memory.clarified_last else _ask_which(work, judgement)
    return no_answer(work, judgement)


def answered(work: Work, judgement: Judgement, outcome: Outcome) -> Reply:
    """Return the answer of the best candidate."""
    entry = work.desk.knowledge.entries[judgement.candidates[0].entry_id]
    messages = answer_messages(work, entry, judgement.confidence, text=judgement.text)
    _note_shown(work, [entry.id])
    return work.reply(outcome, [*messages, feedback_options(work)], judgement.confidence, **trace(judgement))


def no_answer(work: Work, judgement: Judgement | None = None) -> Reply:
    """Say that the Q&A has no answer, and offer a person."""
    details = trace(judgement) if judgement else {}
    own_case = bool(work.intent and work.intent.name == PROGRESS)
    messages: list[Message] = [work.say("no_official_answer"), person_option(work, offer_case=own_case)]
    confidence = judgement.confidence if judgement else 0.0
    return work.reply(Outcome.NO_OFFICIAL_ANSWER, messages, confidence, **details)


def trace(judgement: Judgement) -> dict[str, object]:
    """Return what the record of a turn keeps of a judgement: ids and numbers, no words."""
    return {"candidates": [[c.entry_id, round(c.confidence, 4)] for c in judgement.candidates]}


def _without_city(work: Work, question: str) -> Reply:
    """Ask for the city if some city's Q&A has an answer; else there is none anywhere."""
    found = [judgement_of(work, question, city) for city in CITIES]
    best = max(found, key=lambda judgement: judgement.confidence)
    if best.decision == "none":
        _remember(work, question, best)
        return no_answer(work, best)
    work.memory.pending = pending = Pending(ask="city", question=_whole(work, question), purpose="answer")
    return work.reply(Outcome.ASKED_CITY, [city_options(work, pending)], best.confidence, **trace(best))


def _whole(work: Work, question: str) -> str:
    """Return the question with the one before, if it leans on it."""
    before = work.memory.last_question
    return f"{before} {question}" if before and leans(question) else question


def _answer_two(work: Work, halves: tuple[Judgement, Judgement]) -> Reply:
    messages: list[Message] = []
    _remember(work, work.text, halves[0])
    for half in halves:
        entry = work.desk.knowledge.entries[half.candidates[0].entry_id]
        messages += answer_messages(work, entry, half.confidence, text=half.text)
    _note_shown(work, [half.candidates[0].entry_id for half in halves])
    confidence = min(half.confidence for half in halves)
    details = {"parts": [trace(half)["candidates"] for half in halves]}
    return work.reply(Outcome.ANSWERED_SEVERAL, [*messages, feedback_options(work)], confidence, **details)


def _ask_which(work: Work, judgement: Judgement) -> Reply:
    least = work.desk.retriever.judge.thresholds.option
    offered = [c.entry_id for c in judgement.candidates[:3] if c.confidence >= least]
    message = entry_options(work, offered, "ask_which")
    return work.reply(Outcome.ASKED_WHICH, [message], judgement.confidence, **trace(judgement))


def _not_sure(work: Work, judgement: Judgement) -> Reply:
    """Say that it is still not plain what is meant; there may well be an official answer."""
    messages: list[Message] = [work.say("not_sure"), person_option(work)]
    return work.reply(Outcome.NOT_SURE, messages, judgement.confidence, **trace(judgement))


def _remember(work: Work, question: str, judgement: Judgement) -> None:
    work.memory.last_question = _whole(work, question)[-200:]
    work.memory.candidates = [c.entry_id for c in judgement.candidates]
    work.memory.shown = []


def _note_shown(work: Work, entry_ids: list[str]) -> None:
    work.memory.last_entries = entry_ids
    work.memory.shown = [*work.memory.shown, *entry_ids]
