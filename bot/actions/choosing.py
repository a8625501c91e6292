"""Do what a button stands for; no understanding is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.actions import ticket_form, tickets
from bot.actions.answering import answer_in_city, no_answer
from bot.actions.cards import answer_card, answer_messages, case_offer, entry_options, feedback_options, person_option
from bot.actions.case import show_case, tell_later
from bot.actions.desk import Work
from bot.actions.person import offer_person
from conversations.reply import Choice, Pending, Reply
from core.outcomes import Outcome
from core.scope import Scope


async def choose(work: Work) -> Reply:
    """Do what the chosen option stands for."""
    choice = work.turn.choice
    if choice is None:
        raise ValueError("this turn has no choice")
    return await take(work, choice)


async def take(work: Work, choice: Choice) -> Reply:
    """Do what a choice stands for, whether a button or words made it."""
    return await _ACTS[choice.do](work, choice)


async def _city(work: Work, choice: Choice) -> Reply:
    """Note the city, and go on with what was asked before it was known."""
    if choice.city is None:
        raise ValueError("a city option without city")
    work.scope = Scope(choice.city, None, work.scope.stage)
    if choice.purpose:
        return await go_on(work, Pending(ask="city", question=choice.question, purpose=choice.purpose))
    return await go_on(work, work.memory.pending)


async def go_on(work: Work, pending: Pending | None) -> Reply:
    """Answer what waited for the city, now that it is known."""
    if work.scope.city is None:
        raise ValueError("the city is not known yet")
    if pending and pending.purpose == "person":
        return await offer_person(work)
    if pending and pending.question:
        work.text = pending.question
        work.memory.last_question = None
        return answer_in_city(work, pending.question, work.scope.city)
    place = work.scope.district or work.desk.words.say(f"city_{work.scope.city}")
    if work.named.stage and not work.named.city:
        place = work.named.stage
    return work.reply(Outcome.SCOPE_NOTED, [work.say("scope_noted", place=place)])


async def _entry(work: Work, choice: Choice) -> Reply:
    """Answer with the entry, or the branch, that the parent has chosen."""
    entry = work.desk.knowledge.entries[choice.entry_id or ""]
    question = choice.question or work.text
    _back_to(work, question)
    work.memory.last_entries = [entry.id]
    work.memory.shown = [*work.memory.shown, entry.id]
    if choice.do == "branch":
        await _note(work, f"branch:{choice.branch}"[:20], choice)
        work.memory.last_branch = choice.branch
        messages = [answer_card(work, entry, 1.0, choice.branch), *case_offer(work, entry, choice.branch)]
        return work.reply(Outcome.ANSWERED_BY_CHOICE, [*messages, feedback_options(work)], 1.0)
    await _note(work, "chosen", choice)
    messages = answer_messages(work, entry, 1.0, text=question)
    return work.reply(Outcome.ANSWERED_BY_CHOICE, [*messages, feedback_options(work)], 1.0)


async def _next_candidates(work: Work, choice: Choice) -> Reply:
    """Offer the next candidates; when there are none left, the ways to a person."""
    await _note(work, choice.do, choice)
    offered = work.memory.pending.entry_ids if work.memory.pending else []
    if choice.question:
        _back_to(work, choice.question)
    seen = {*work.memory.shown, *offered}
    left = [i for i in work.memory.candidates if i not in seen] if choice.do == "not_it" else []
    if left:
        work.memory.shown = [*work.memory.shown, *left[:3]]
        return work.reply(Outcome.ASKED_WHICH, [entry_options(work, left, "next_candidates")])
    if choice.do == "none":
        return no_answer(work)
    return work.reply(Outcome.NO_MORE_CANDIDATES, [work.say("no_more_candidates"), person_option(work)])


def _back_to(work: Work, question: str) -> None:
    """Go back to the question for which an option was offered; the candidates of a later one are not its own."""
    if question != work.memory.last_question:
        work.memory.last_question, work.memory.candidates, work.memory.shown = question, [], []


async def _note(work: Work, verdict: str, choice: Choice) -> None:
    """Keep for the editors what was chosen, of which question and entry."""
    entry_id = choice.entry_id or next(iter(work.memory.last_entries), None)
    question = choice.question or work.memory.last_question
    store = work.desk.store
    await store.call(store.note_feedback, work.turn, verdict, entry_id, question)


async def _solved(work: Work, choice: Choice) -> Reply:
    await _note(work, "solved", choice)
    return work.reply(Outcome.MARKED_SOLVED, [work.say("marked_solved")])


async def _person(work: Work, _: Choice) -> Reply:
    return await offer_person(work)


async def _case(work: Work, _: Choice) -> Reply:
    return await show_case(work)


async def _tell_later(work: Work, _: Choice) -> Reply:
    return await tell_later(work)


_ACTS: dict[str, Callable[[Work, Choice], Awaitable[Reply]]] = {
    "city": _city,
    "answer": _entry,
    "branch": _entry,
    "solved": _solved,
    "not_it": _next_candidates,
    "none": _next_candidates,
    "person": _person,
    "child": _case,
    "case": _case,
    "tell_later": _tell_later,
    "ticket": ticket_form.begin,
    "ticket_field": ticket_form.choose_field,
    "ticket_edit": ticket_form.edit,
    "ticket_resume": ticket_form.resume,
    "ticket_cancel": ticket_form.cancel,
    "ticket_send": tickets.send,
    "ticket_add": tickets.ask_words,
    "ticket_unsolved": tickets.ask_words,
    "ticket_solved": tickets.solved,
}
