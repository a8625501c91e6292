"""Where Rasa's intent and retrieval disagree: which of the two is believed.

Rasa tells what kind of turn a message is; retrieval whether an official entry answers it. A message that retrieval
answers with certainty is a question, whatever it looked like; a message about one's own case stays one unless Rasa
itself is in doubt, and one that retrieval can't answer becomes one if Rasa thinks of it at all. What was said before
counts only where Rasa is in doubt: 「好的我试试」 asks nothing, and neither does 「哦原来填到监护人3」 after the
answer that says so. The figures were chosen on the development sets.
Whose application it is need not be said: a guardian who is signed in and asks in a few words how far it is,
「审核通过了吗」, asks for the own one; and what is said to the card that was just shown, 「怎么办」, goes on about it,
unless an entry answers.
A message that names a place and says nothing else tells the place, whatever the two make of it. One that names another
city than the host has set and says more, such as where somebody comes from, tells none.
Words that choose one of the options that were just offered choose it: 「第二个」.
While a ticket's form or words for a ticket are asked, what is typed goes there, whatever Rasa takes it for; unless it
asks something that retrieval answers with certainty, or asks for sure for a person or the own case.
While people wait for the parent's words on a ticket, or have answered it, what is typed goes to them, too, if it asks
nothing: nobody who was asked something looks for a button first. What asks is answered, and can be passed on.
"""

from __future__ import annotations

from functools import partial

from bot.actions import case_words, form_fields, ticket_form, tickets
from bot.actions.answering import (
    alone_judgement,
    answer_question,
    double_of,
    judgement_of,
    names_other_city,
    scope_told,
)
from bot.actions.cards import ticket_offer
from bot.actions.case import show_case, show_case_again
from bot.actions.choosing import take
from bot.actions.desk import Act, Work
from bot.actions.person import offer_person
from bot.actions.picking import picked
from bot.actions.talking import ask_city_again, confirm, decline, explain_again, keep_city, note_scope, small_talk
from bot.actions.ticket_cards import pass_on_option
from conversations.reply import FormField, OptionsMessage, Reply
from core.outcomes import Kind
from core.scope import CITIES
from escalation.rules import Ticket
from retrieval.context import goes_on

SURE_INTENT = 0.8
LIKELY_INTENT = 0.25
SURE_OWN_CASE = 0.6
OWN_CASE_IF = {"none": 0.15, "clarify": 0.25}
"""How much Rasa must think of the own case where retrieval decides so."""
SURE_OWN_CASE_AFTER_ANSWER = 0.85
"""How sure Rasa must be of the own case where the words may go on from an answer: 「重启了还是没有」."""
LIKELY_NOTE = 0.5
"""How much Rasa must think of thanks or of taking note where the words lead to the answer that was just given."""
_OWN = ("case_status", "progress_general")
_TALK: tuple[Act, ...] = (small_talk, confirm, explain_again)
_YIELDING: tuple[Act, ...] = (*_TALK, decline, note_scope)
_ASIDE: tuple[Act, ...] = (small_talk, explain_again, decline, show_case, offer_person)
"""What a message that Rasa takes for it tells nothing of the case that was asked after."""
_LEAVES_FORM: tuple[Act, ...] = (show_case, offer_person, small_talk)
_NEVER_ASK = ("acknowledge", "affirm", "deny", "goodbye", "greet", "thank")
_ASIDES = ("acknowledge", "greet", "thank")
_SHORT = 12
"""Characters of a message that asks for a person or for one's case, or goes on about it, and says nothing else."""


def decide(work: Work, act: Act) -> Act:
    """Return the act to do: the one that Rasa's rule chose, answering, or filling in what is asked for a ticket."""
    pending = work.memory.pending
    if pending and pending.ask == "ticket_words":
        return _for_ticket(work, act)
    if pending and pending.ask in ("ticket", "ticket_change") and work.memory.form:
        return _for_form(work, act)
    return _beside_tickets(act) if work.memory.had_form else _decide(work, act)


def _beside_tickets(act: Act) -> Act:
    """Return what to do with a message in a conversation that may have tickets."""

    async def act_beside_tickets(work: Work) -> Reply:
        if form_fields.asks_for_ticket(work.text) and (ticket := await tickets.newest(work)):
            return tickets.show(work, ticket)
        ticket = await work.desk.store.call(work.desk.tickets.awaiting, work.conversation.id)
        return await (_for_awaiting(work, act, ticket) if ticket else _decide(work, act))(work)

    return act_beside_tickets


def _for_awaiting(work: Work, act: Act, ticket: Ticket) -> Act:
    """Return what to do with a message while people wait for the parent's words, or have answered them.

    Who was asked tells how things are, which an entry may seem to answer; only what asks is a question then.
    """
    decided = _decide(work, act)
    if _is_aside(work, act) or _answers_us(work, decided) or _leaves_ticket(work, act):
        return decided
    seems = ticket.state != "waiting_parent" and "answer" in _decisions(work, in_context=False)
    asks = seems or form_fields.asks_something(work.text)
    agrees = act is confirm and work.intent is not None and work.intent.name == "affirm"
    if asks or agrees or work.memory.pending:
        return _then_offer_to_pass_on(decided, ticket)

    async def pass_on(work: Work) -> Reply:
        return await tickets.pass_on(work, ticket)

    return pass_on


def _answers_us(work: Work, decided: Act) -> bool:
    """Whether a message answers what the bot has asked."""
    return work.memory.pending is not None and (decided in (note_scope, confirm) or _asks_for_child(work))


def _then_offer_to_pass_on(act: Act, ticket: Ticket) -> Act:
    """Return the act, after which the words can be passed on to who works on the ticket."""

    async def act_then_offer(work: Work) -> Reply:
        reply = await act(work)
        if reply.outcome.kind is not Kind.HANDOFF:
            reply.messages.append(pass_on_option(work.desk, ticket, work.turn.text))
        return reply

    return act_then_offer


def _for_ticket(work: Work, act: Act) -> Act:
    """Return what to do with a message while words for a ticket are asked."""
    if form_fields.wants_to_stop(work.text):
        return ticket_form.cancel
    return _decide(work, act) if _leaves_ticket(work, act) else tickets.add_words


def _leaves_ticket(work: Work, act: Act) -> bool:
    """Whether a message asks for sure for a person or the own case, or is a courtesy, and says nothing else."""
    if act is small_talk and work.intent and work.intent.name == "complain":
        return False  # it is about what people did or did not do
    return _surely_leaves(work, act) and len(work.text) <= _SHORT


def _for_form(work: Work, act: Act) -> Act:
    """Return what to do with a message while a ticket's form is asked."""
    pending, form = work.memory.pending, work.memory.form
    if form_fields.wants_to_stop(work.text):
        return ticket_form.cancel
    if form and form.to_ask:
        return _for_field(work, act, form.to_ask[0])
    if form_fields.wants_to_edit(work.text) or _sure_of(work, "deny"):
        return ticket_form.edit
    if pending and pending.ask == "ticket" and (form_fields.wants_to_send(work.text) or _sure_of(work, "affirm")):
        return tickets.send
    return ticket_form.add_more if form_fields.adds_more(work.text) else _then_resume(_decide(work, act))


def _for_field(work: Work, act: Act, field: FormField) -> Act:
    """Return what to do with a message while a field of a ticket's form is asked."""
    if not _leaves_form(work, act, field):
        return ticket_form.take_words
    aside = act in (confirm, explain_again) or _is_aside(work, act)
    if aside and "answer" not in _decisions(work, in_context=False):
        return ticket_form.ask_again
    return _then_resume(_decide(work, act))


def _is_aside(work: Work, act: Act) -> bool:
    return act is small_talk and work.intent is not None and work.intent.name in _ASIDES


def _leaves_form(work: Work, act: Act, field: FormField) -> bool:
    """Whether a message asks something instead of telling the field that was asked."""
    if form_fields.fits(field, work.text, work.named):
        return False
    if field == "question":
        return _surely_leaves(work, act) and len(work.text) <= _SHORT
    asks = _surely_leaves(work, act) or form_fields.asks_something(work.text)
    return asks or "answer" in _decisions(work, in_context=False)


def _surely_leaves(work: Work, act: Act) -> bool:
    least = SURE_OWN_CASE if act is show_case else SURE_INTENT
    return act in _LEAVES_FORM and work.intent is not None and work.intent.confidence >= least


def _sure_of(work: Work, intent: str) -> bool:
    return work.intent is not None and work.intent.name == intent and work.intent.confidence >= SURE_INTENT


def _then_resume(act: Act) -> Act:
    """Return the act, after which the way back to the form is offered."""

    async def act_then_offer(work: Work) -> Reply:
        reply = await act(work)
        offered = any(isinstance(one, OptionsMessage) and one.purpose == "ticket" for one in reply.messages)
        if not offered:
            reply.messages.append(ticket_offer(work))
        return reply

    return act_then_offer


def _decide(work: Work, act: Act) -> Act:
    """Return the act that Rasa's rule chose, or what words or certainty put in its place."""
    return _told_by_words(work, act) or _by_certainty(work, act)


def _told_by_words(work: Work, act: Act) -> Act | None:
    """Return the act that the words tell, however sure Rasa and retrieval are; None if they tell none."""
    answers_asked = _of_asked(work, act)
    if answers_asked:
        return answers_asked
    if _asks_for_child(work):
        return show_case
    placed = _of_place(work, act)
    if placed:
        return placed
    if _goes_on_about_case(work, act):
        return show_case_again
    return show_case if _asks_how_far(work) else None


def _by_certainty(work: Work, act: Act) -> Act:
    """Return the act that Rasa's rule chose, or answering."""
    if act is answer_question:
        return _answering(work)
    confidence = work.intent.confidence if work.intent else 0.0
    sure = confidence >= (_sure_own_case(work) if act is show_case else SURE_INTENT)
    if (sure and act not in _YIELDING) or _takes_note(work, act):
        return act
    found = _decisions(work, in_context=not sure)
    if "answer" in found:
        return answer_question
    in_doubt = confidence < LIKELY_INTENT and act in (*_YIELDING, offer_person)
    return _answering(work) if in_doubt or _rather_asks(work) else act


def _of_asked(work: Work, act: Act) -> Act | None:
    """Return what to do with a message that answers what was asked, with an option or by not knowing; else None."""
    confidence = work.intent.confidence if work.intent else 0.0
    aside = act in _ASIDE and confidence >= LIKELY_NOTE
    pending, choice = work.memory.pending, picked(work, tells=not aside)
    if choice:
        return partial(take, choice=choice)
    unknown = pending is not None and pending.ask == "city" and form_fields.leaves_open(work.text)
    return ask_city_again if unknown else None


def _of_place(work: Work, act: Act) -> Act | None:
    """Return what to do with a message that tells a place, or seems to; None where its place decides nothing."""
    if work.named.city and work.desk.entities.only_tells_scope(work.text):
        return note_scope
    if act is not note_scope or work.desk.entities.only_tells_scope(work.text):
        return None
    if not work.named.tells_scope or form_fields.asks_something(work.text):
        return _answering(work)
    if not names_other_city(work):
        return None
    return _answering(work) if "answer" in _decisions(work, in_context=False) else keep_city


def _takes_note(work: Work, act: Act) -> bool:
    """Whether a message repeats the last answer in thanks or as understood, and asks nothing."""
    intent = work.intent
    if act is not small_talk or intent is None or intent.name not in ("acknowledge", "thank"):
        return False
    if intent.confidence < LIKELY_NOTE or form_fields.asks_something(work.text):
        return False
    city = scope_told(work).city
    return city is not None and alone_judgement(work, work.text, city).best in work.memory.last_entries


def _rather_asks(work: Work) -> bool:
    """Whether a message that Rasa, not quite sure, takes for what never asks anything does ask: 「那好久开嘛」."""
    intent = work.intent
    if intent is None or intent.name not in _NEVER_ASK or intent.confidence >= SURE_INTENT:
        return False
    return form_fields.asks_something(work.text)


def _answering(work: Work) -> Act:
    """Return answering, or showing the own case where no entry answers and the message sounds like it."""
    return show_case if _rather_own_case(work) else answer_question


def _rather_own_case(work: Work) -> bool:
    """Whether a message that no entry answers for certain is about the parent's own application."""
    if work.own_case < (SURE_OWN_CASE_AFTER_ANSWER if _goes_on_from_answer(work) else min(OWN_CASE_IF.values())):
        return False
    found = _decisions(work, in_context=True)
    city = scope_told(work).city
    if "answer" in found or (city and double_of(work, work.text, city)):
        return False
    return work.own_case >= OWN_CASE_IF["clarify" if "clarify" in found else "none"]


def _sure_own_case(work: Work) -> float:
    return SURE_OWN_CASE_AFTER_ANSWER if _goes_on_from_answer(work) else SURE_OWN_CASE


def _goes_on_from_answer(work: Work) -> bool:
    """Whether a message may by its form go on from the answer that was given last, and not from a case."""
    return bool(work.memory.last_entries) and not work.memory.case_shown and goes_on(work.text)


def _asks_for_child(work: Work) -> bool:
    """Whether a signed-in guardian names one of the children whose cases were listed, or asks for that child's case."""
    if work.conversation.guardian is None or not (work.named.child or work.named.all_children):
        return False
    pending = work.memory.pending
    return bool(pending and pending.ask == "child") or bool(work.intent and work.intent.name in _OWN)


def _asks_how_far(work: Work) -> bool:
    """Whether a signed-in guardian asks in a few words how far an application is, and not how it goes in general."""
    intent = work.intent
    if work.conversation.guardian is None or intent is None or intent.name not in _OWN:
        return False
    likely = intent.confidence >= LIKELY_INTENT and len(work.text) <= _SHORT
    return likely and not case_words.asks_in_general(work.text)


def _goes_on_about_case(work: Work, act: Act) -> bool:
    """Whether a guardian goes on about the case whose card was just shown, in words that no entry answers."""
    if not work.memory.case_shown or work.conversation.guardian is None or len(work.text) > _SHORT:
        return False
    if act not in (*_YIELDING, answer_question, show_case):
        return False
    more = act is explain_again or case_words.part_of_card(work.text) is not None
    return more and "answer" not in _decisions(work, in_context=False)


def _decisions(work: Work, *, in_context: bool) -> set[str]:
    """Return what retrieval decides over the message in each city that it may mean."""
    city = scope_told(work).city
    read = judgement_of if in_context else alone_judgement
    return {read(work, work.text, one).decision for one in ((city,) if city else CITIES)}
