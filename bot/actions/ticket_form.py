"""The form of which a ticket is made: what is known fills it, the rest is asked, one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast
from uuid import uuid4

from bot.actions import form_fields
from bot.actions.cards import ticket_offer
from bot.actions.desk import Work
from bot.actions.form_fields import FIELDS, LONGEST_QUESTION, with_child, with_field, without_entry
from bot.actions.own_cases import disclose, look_up, order_name, viewer_of
from bot.actions.ticket_cards import parent_of, ticket_messages
from conversations.reply import (
    Choice,
    FormChild,
    FormField,
    Message,
    Option,
    OptionsMessage,
    Pending,
    Reply,
    TicketForm,
)
from core.outcomes import Outcome
from core.scope import CITIES, City, Scope
from enrollment.errors import EnrollmentError
from enrollment.models import Application

_SHOWN = 60
"""Characters of the parent's words that a question about them repeats."""


async def begin(work: Work, choice: Choice | None = None) -> Reply:
    """Go on with the form that was begun; show the ticket that is not settled; or begin a form.

    The choice's value `new` begins one although there is such a ticket.
    """
    form, tickets = work.memory.form, work.desk.tickets
    if form and not await work.desk.store.call(tickets.made_with, form.key, parent_of(work.desk, work.conversation.id)):
        return ask_next(work, form)
    work.memory.form = None  # it was sent, but the turn's reply was lost
    if choice is None or choice.value != "new":
        ticket = await work.desk.store.call(tickets.unsettled, work.conversation.id)
        if ticket:
            return work.reply(Outcome.TICKET_SHOWN, ticket_messages(work.desk, ticket))
    return ask_next(work, await _begun(work))


async def resume(work: Work, _: Choice | None = None) -> Reply:
    """Ask again what was to be asked next."""
    return await begin(work) if work.memory.form else form_gone(work)


async def take_words(work: Work) -> Reply:
    """Take what was typed for the field that was asked."""
    form = work.memory.form
    return _TAKE[form.to_ask[0]](work, form) if form and form.to_ask else await resume(work)


async def ask_again(work: Work) -> Reply:
    """Ask the same once more, and say what it is for."""
    form = work.memory.form
    if form and form.to_ask and form.to_ask[0] != "question":
        return ask_next(work, form, work.say("ticket_why"))
    return await resume(work)


async def add_more(work: Work) -> Reply:
    """Add what was typed to what happened."""
    return _take_question(work, work.memory.form) if work.memory.form else form_gone(work)


async def choose_field(work: Work, choice: Choice) -> Reply:
    """Take a field's value from a button; without one, ask for the field anew."""
    form, field = work.memory.form, cast("FormField", choice.field)
    if form is None:
        return form_gone(work)
    if field == "school" and form.district is None:  # a school is found by its district
        field = "district"
    if choice.value is None:
        return ask_next(work, _asked_first(form, field))
    if field == "child":
        return _put_child(work, form, choice.value)
    if field == "entry":
        return ask_next(work, without_entry(form))
    if field == "question" and choice.value == "anew":  # what is written anew need not be about the last answer
        return ask_next(work, _asked_first(without_entry(form).model_copy(update={"question": ""}), "question"))
    return _put(work, form, field, form.question if field == "question" else choice.value or None)


async def edit(work: Work, choice: Choice | None = None) -> Reply:
    """Ask which field to change, or ask for the field that was typed."""
    form, say = work.memory.form, work.desk.words.say
    if form is None:
        return form_gone(work)
    named = None if choice else form_fields.field_named(work.text)
    if named and (named != "child" or form.children):
        return await choose_field(work, Choice(do="ticket_field", field=named))
    fields: list[FormField] = ["child"] if form.children else []
    fields += [field for field in FIELDS if field != "school" or form.district]
    options = [
        Option(label=say(f"ticket_field_{field}"), choice=Choice(do="ticket_field", field=field)) for field in fields
    ]
    if form.entry:
        options.append(_value(say("ticket_no_entry_option"), "entry", ""))
    options.append(Option(label=say("ticket_no_change_option"), choice=Choice(do="ticket_resume")))
    work.memory.pending = Pending(ask="ticket_change")
    return work.reply(Outcome.TICKET_FORM, [_options(say("ticket_ask_change"), options)])


async def cancel(work: Work, choice: Choice | None = None) -> Reply:
    """Forget the form; or, while words for a ticket are asked, leave it at the ticket."""
    pending, form = work.memory.pending, work.memory.form
    if (choice and choice.ticket_id) or (not choice and pending and pending.ask == "ticket_words"):
        return work.reply(Outcome.TICKET_CANCELLED, [work.say("ticket_nothing_added")])
    if form and choice and choice.value != form.key:  # a button of an earlier form
        return ask_next(work, form)
    work.memory.form = None
    return work.reply(Outcome.TICKET_CANCELLED, [work.say("ticket_cancelled")])


def ask_next(work: Work, form: TicketForm, *notes: Message) -> Reply:
    """Keep the form and ask for its next field; when there is none, show the whole for approval."""
    work.memory.form, work.memory.had_form = form, True
    work.memory.pending = Pending(ask="ticket")
    asked = [_question(work, form, form.to_ask[0])] if form.to_ask else _summary(work, form)
    return work.reply(Outcome.TICKET_FORM, [*notes, *asked])


def form_gone(work: Work) -> Reply:
    """Say that this form is not there any more, and offer a new one."""
    return work.reply(Outcome.TICKET_REFUSED, [work.say("ticket_form_gone"), ticket_offer(work)])


async def _begun(work: Work) -> TicketForm:
    memory, scope = work.memory, work.scope
    form = TicketForm(key=str(uuid4()), city=scope.city, district=scope.district, question=memory.last_question or "")
    entry = next(iter(memory.last_entries), None)
    if not memory.unanswered and entry in memory.shown:  # else it answered an earlier question
        form.entry, form.branch = entry, memory.last_branch
    asked = [field for field in FIELDS if not getattr(form, field)]
    if form.question and not memory.unanswered:  # the answer was not enough: why
        asked.append("question")
    form = form.model_copy(update={"children": await _own_children(work), "to_ask": asked})
    meant = form.children if len(form.children) == 1 else [c for c in form.children if c.order == memory.child]
    if meant:
        return with_child(form, meant[0].application_id)
    return _asked_first(form, "child") if form.children else form


def _child_of(application: Application) -> FormChild:
    facts = {name: getattr(application, name) for name in ("city", "district", "school", "child")}
    closes_at = application.window_closes if application.window_open else None
    return FormChild(order=application.birth_order, application_id=application.id, closes_at=closes_at, **facts)


async def _own_children(work: Work) -> list[FormChild]:
    """Return what the form may take from the signed-in guardian's applications; the look is recorded."""
    viewer = viewer_of(work.conversation)
    if viewer is None or work.scope.city not in (None, viewer.city):
        return []
    try:
        seen = await look_up(work.desk, viewer, "ticket")
    except EnrollmentError:
        return []  # look_up has logged and recorded it; the form asks instead
    await disclose(work.desk, viewer, "ticket", seen, seen.applications)
    return [_child_of(application) for application in seen.applications]


def _asked_first(form: TicketForm, field: FormField) -> TicketForm:
    return form.model_copy(update={"to_ask": [field, *(other for other in form.to_ask if other != field)]})


def _put(work: Work, form: TicketForm, field: FormField, value: str | None) -> Reply:
    after = with_field(form, field, value)
    if after.city and work.scope.city is None:
        work.scope = Scope(after.city, None, work.scope.stage)
    return ask_next(work, after)


def _put_child(work: Work, form: TicketForm, application_id: str | None) -> Reply:
    after = with_child(form, application_id)
    if after.city and work.scope.city is None:
        work.scope = Scope(after.city, None, work.scope.stage)
    return ask_next(work, after)


def _take_child(work: Work, form: TicketForm) -> Reply:
    if form_fields.leaves_open(work.text) or work.named.all_children:
        return _put_child(work, form, None)
    meant = next((c for c in form.children if work.named.child == c.order), None)
    return _put_child(work, form, meant.application_id) if meant else ask_next(work, form)


def _take_city(work: Work, form: TicketForm) -> Reply:
    return _put(work, form, "city", work.named.city) if work.named.city else ask_next(work, form)


def _take_district(work: Work, form: TicketForm) -> Reply:
    if place := form_fields.district_named(work.desk.entities, work.named, work.text):
        city, district = place
        return _put(work, with_field(form, "city", city or form.city), "district", district)
    return _take_unknown_district(work, form)


def _take_unknown_district(work: Work, form: TicketForm) -> Reply:
    """Ask once more for a district that we know; then leave it open and pass on what was typed for it."""
    words = " ".join(work.turn.text.split())
    if form_fields.leaves_open(work.text):
        return _put(work, form, "district", None)
    if len(words) > (limit := form_fields.LONGEST["district"]):
        return ask_next(work, form, work.say("ticket_too_long", limit=limit))
    after = form.model_copy(update={"place_words": words})
    if form.place_words is None:
        return ask_next(work, after, work.say("ticket_no_such_district", words=words))
    return _put(work, after, "district", None)


def _take_school(work: Work, form: TicketForm) -> Reply:
    if work.named.district and work.desk.entities.only_tells_scope(work.text):  # the district is put right
        return _take_district(work, form)
    return _take_line(work, form, "school")


def _take_line(work: Work, form: TicketForm, field: FormField) -> Reply:
    line, limit = " ".join(work.turn.text.split()), form_fields.LONGEST[field]
    if form_fields.leaves_open(work.text):
        return _put(work, form, field, None)
    if len(line) > limit:
        return ask_next(work, form, work.say("ticket_too_long", limit=limit))
    return _put(work, form, field, line)


def _take_question(work: Work, form: TicketForm) -> Reply:
    question = "\n".join(filter(None, (form.question, work.turn.text)))
    if len(question) > LONGEST_QUESTION:
        return ask_next(work, form, work.say("ticket_too_long", limit=LONGEST_QUESTION))
    return _put(work, form, "question", question)


_TAKE: dict[FormField, Callable[[Work, TicketForm], Reply]] = {
    "child": _take_child,
    "city": _take_city,
    "district": _take_district,
    "school": _take_school,
    "question": _take_question,
}


def _question(work: Work, form: TicketForm, field: FormField) -> OptionsMessage:
    say = work.desk.words.say
    stop = Option(label=say("ticket_cancel_option"), choice=Choice(do="ticket_cancel", value=form.key))
    match field:
        case "child":
            children = [_value(f"{order_name(c.order)} {c.child}", field, c.application_id) for c in form.children]
            none = _value(say("ticket_no_child_option"), field, "")
            return _options(say("ticket_ask_child"), [*children, none, stop])
        case "city":
            return _options(say("ticket_ask_city"), [*(_value(say(f"city_{c}"), field, c) for c in CITIES), stop])
        case "question" if form.question:
            options = [_value(say("ticket_enough_option"), field, ""), _value(say("ticket_anew_option"), field, "anew")]
            words = form.question if len(form.question) <= _SHOWN else f"{form.question[:_SHOWN]}…"
            return _options(say("ticket_ask_more", words=words), [*options, stop])
        case "question":
            return _options(say("ticket_ask_question"), [stop])
        case _:
            return _options(say(f"ticket_ask_{field}"), [_value(say(f"ticket_no_{field}_option"), field, ""), stop])


def _summary(work: Work, form: TicketForm) -> list[Message]:
    say, about = work.desk.words.say, work.desk.knowledge.entries.get(form.entry or "")
    lines = [
        say("ticket_summary_city", city=say(f"city_{form.city}")),
        say("ticket_summary_district", district=form.district or say("ticket_not_known")),
        say("ticket_summary_place", words=form.place_words) if form.place_words else None,
        say("ticket_summary_school", school=form.school) if form.school else None,
        say("ticket_summary_child", child=form.child) if form.child else None,
        say("ticket_summary_entry", entry=about.label) if about else None,
        say("ticket_summary_question", question=form.question),
    ]
    options = [
        Option(label=say("ticket_send_option"), choice=Choice(do="ticket_send", value=form.key)),
        Option(label=say("ticket_edit_option"), choice=Choice(do="ticket_edit")),
        Option(label=say("ticket_cancel_option"), choice=Choice(do="ticket_cancel", value=form.key)),
    ]
    text = work.say("ticket_summary", lines="\n".join(filter(None, lines)))
    return [text, _options(say("ticket_ask_send"), options)]


def _value(label: str, field: FormField, value: City | str) -> Option:
    return Option(label=label, choice=Choice(do="ticket_field", field=field, value=value))


def _options(text: str, options: list[Option]) -> OptionsMessage:
    return OptionsMessage(text=text, purpose="ticket", options=options)
