"""A ticket of this conversation: sent, added to, called solved or not; what the rules refuse is told politely."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.actions.desk import Work
from bot.actions.ticket_cards import new_ticket_options, parent_of, ticket_card, ticket_messages, ticket_options
from bot.actions.ticket_form import ask_next, form_gone
from conversations.reply import Choice, Message, Option, OptionsMessage, Pending, Reply, TicketForm
from core import clock
from core.errors import IllegalTransitionError, NotFoundError
from core.outcomes import Outcome
from escalation.desk import Draft
from escalation.listing import Reach
from escalation.rules import REOPEN_WITHIN, Place, Ticket


async def send(work: Work, choice: Choice | None = None) -> Reply:
    """Make the ticket of the form; sent twice, it is the same one."""
    form = work.memory.form
    if form is None or (choice and choice.value != form.key):
        return await _sent_before(work)
    if form.to_ask:
        return ask_next(work, form)
    tickets = work.desk.tickets
    ticket, _ = await work.desk.store.call(
        tickets.create, _draft(work, form), parent_of(work.desk, work.conversation.id)
    )
    work.memory.form = None
    team = tickets.book.levels.team(ticket.level, ticket.place)
    told = work.say("ticket_made", number=ticket.number, team=team, due=clock.shown(ticket.due_at))
    return work.reply(Outcome.TICKET_MADE, [ticket_card(work.desk, ticket), told])


async def ask_words(work: Work, choice: Choice) -> Reply:
    """Ask what the parent wants to add, or what is not solved; a value is passed on at once, `plain` as that alone."""
    return await _with_own(work, choice.ticket_id, lambda ticket: _ask_words(work, choice, ticket))


async def add_words(work: Work) -> Reply:
    """Pass on what the parent has typed for a ticket."""
    pending = work.memory.pending
    ticket_id = pending.ticket_id if pending else None
    return await _with_own(work, ticket_id, lambda ticket: _hear(work, ticket, work.turn.text))


async def pass_on(work: Work, ticket: Ticket) -> Reply:
    """Pass on what the parent has typed, though no button was pressed before."""
    return await _hear(work, ticket, work.turn.text)


async def newest(work: Work) -> Ticket | None:
    """Return the conversation's ticket that its parent will mean: one that is not settled comes first."""
    call, tickets = work.desk.store.call, work.desk.tickets
    here = work.conversation.id
    return await call(tickets.unsettled, here) or await call(tickets.of_conversation, here)


def show(work: Work, ticket: Ticket) -> Reply:
    """Show a ticket as it is now, with what the parent can do."""
    if ticket.settled_at is None:
        return work.reply(Outcome.TICKET_SHOWN, ticket_messages(work.desk, ticket))
    return work.reply(Outcome.TICKET_SHOWN, [ticket_card(work.desk, ticket), new_ticket_options(work.desk)])


async def solved(work: Work, choice: Choice) -> Reply:
    """Settle a ticket that was answered."""
    return await _with_own(work, choice.ticket_id, lambda ticket: _solved(work, ticket))


async def _ask_words(work: Work, choice: Choice, ticket: Ticket) -> Reply:
    say, unsolved = work.desk.words.say, choice.do == "ticket_unsolved"
    if ticket.settled_at and clock.now() - ticket.settled_at > REOPEN_WITHIN:
        return _too_old(work)
    if choice.value:
        return await _hear(work, ticket, say("ticket_unsolved_words") if unsolved else choice.value)
    stop = Option(label=say("ticket_add_nothing_option"), choice=Choice(do="ticket_cancel", ticket_id=ticket.id))
    if unsolved:
        plain = Choice(do="ticket_unsolved", ticket_id=ticket.id, value="plain")
        stop = Option(label=say("ticket_unsolved_plain_option"), choice=plain)
    work.memory.pending = Pending(ask="ticket_words", ticket_id=ticket.id)
    text = say("ticket_ask_unsolved" if unsolved else "ticket_ask_words", number=ticket.number)
    return work.reply(Outcome.TICKET_WORDS, [OptionsMessage(text=text, purpose="ticket", options=[stop])])


async def _hear(work: Work, ticket: Ticket, words: str) -> Reply:
    try:
        after = await work.desk.store.call(
            work.desk.tickets.hear_parent, ticket.id, words, parent_of(work.desk, work.conversation.id)
        )
    except IllegalTransitionError:
        return _too_old(work)
    reopened = ticket.settled_at is not None
    card = ticket_card(work.desk, after, "reopen" if reopened else "add")
    told = work.say("ticket_reopened" if reopened else "ticket_added", due=clock.shown(after.due_at))
    return work.reply(Outcome.TICKET_ADDED, [card, told])


async def _solved(work: Work, ticket: Ticket) -> Reply:
    try:
        after = await work.desk.store.call(
            work.desk.tickets.hear_solved, ticket.id, parent_of(work.desk, work.conversation.id)
        )
    except IllegalTransitionError:
        shown = ticket_messages(work.desk, ticket)
        return work.reply(Outcome.TICKET_REFUSED, [work.say("ticket_not_answered"), *shown])
    reopen = ticket_options(work.desk, ticket.id, "ticket_solved", ("ticket_unsolved",))
    return work.reply(Outcome.TICKET_SOLVED, [ticket_card(work.desk, after, "resolve"), reopen])


async def _with_own(work: Work, ticket_id: str | None, act: Callable[[Ticket], Awaitable[Reply]]) -> Reply:
    """Do something with a ticket of this very conversation."""
    try:
        file = await work.desk.store.call(work.desk.tickets.read, ticket_id or "", Reach())
        if file.ticket.conversation_id == work.conversation.id:
            return await act(file.ticket)
    except NotFoundError:
        pass  # the same as another conversation's
    return _refused(work, "ticket_gone")


async def _sent_before(work: Work) -> Reply:
    """Show what came of the form whose button was pressed again."""
    ticket = await work.desk.store.call(work.desk.tickets.of_conversation, work.conversation.id)
    return show(work, ticket) if ticket else form_gone(work)


def _too_old(work: Work) -> Reply:
    return _refused(work, "ticket_too_old")


def _refused(work: Work, name: str) -> Reply:
    messages: list[Message] = [work.say(name), new_ticket_options(work.desk)]
    return work.reply(Outcome.TICKET_REFUSED, messages)


def _draft(work: Work, form: TicketForm) -> Draft:
    if form.city is None:
        raise ValueError("a form whose city is not known has something to ask")
    entry = work.desk.knowledge.entries.get(form.entry or "")
    if entry and entry.city != form.city:
        entry = None
    say = work.desk.words.say
    lines = (
        form.question,
        form.place_words and say("ticket_summary_place", words=form.place_words),
        form.child and say("ticket_summary_child", child=form.child),
    )
    return Draft(
        key=form.key,
        place=Place(form.city, form.district, form.school),
        question="\n".join(filter(None, lines)),
        entry=entry.id if entry else None,
        branch=form.branch if entry and form.branch in {branch.id for branch in entry.branches} else None,
        topic=entry.topic if entry else "other",
        closes_at=form.closes_at,
        conversation_id=work.conversation.id,
        application_id=form.application_id,
    )
