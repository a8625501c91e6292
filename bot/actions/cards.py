"""Build the cards of a reply from entries: always the whole answer, with its source and the notes that belong to it."""

from __future__ import annotations

from bot.actions.desk import Desk, Work
from conversations.reply import (
    AnswerMessage,
    Applies,
    Choice,
    EntryCard,
    Message,
    Option,
    OptionsMessage,
    Pending,
    SourceCard,
)
from core import clock
from core.scope import CITIES, Scope
from escalation.routing import Need
from escalation.rules import Place
from knowledge.entry import Document, Entry
from knowledge.loader import Knowledge


def answer_card(work: Work, entry: Entry, confidence: float, branch: str | None = None) -> AnswerMessage:
    """Return the card of an official answer in the turn's scope; `branch` names the part that applies."""
    return card_of(work.desk, entry, work.scope, confidence, branch)


def card_of(
    desk: Desk, entry: Entry, scope: Scope, confidence: float = 1.0, branch: str | None = None
) -> AnswerMessage:
    """Return the card of an official answer with the notes that belong to it in a scope."""
    part = next((b for b in entry.branches if b.id == branch), None)
    return AnswerMessage(
        confidence=round(confidence, 4),
        applies=Applies(branch=part.label, text=part.text) if part else None,
        note=note_of(desk, desk.knowledge.document_of(entry), scope),
        entry=entry_card(desk.knowledge, entry),
    )


def note_of(desk: Desk, document: Document, scope: Scope) -> str | None:
    """Return what is to be said with an answer of a document in a scope today, or None."""
    return "\uff1b".join(document.notes_for(scope, clock.today(), desk.settings.batch_ended_on)) or None


def entry_card(knowledge: Knowledge, entry: Entry) -> EntryCard:
    """Return the entry as published, with its source."""
    source = source_card(knowledge, entry)
    return EntryCard(id=entry.id, city=entry.city, question=entry.question, answer=entry.answer, source=source)


def source_card(knowledge: Knowledge, entry: Entry) -> SourceCard:
    """Return where the entry was published."""
    document = knowledge.document_of(entry)
    return SourceCard(
        document=document.title,
        publisher=document.publisher,
        official=document.official,
        year=document.year,
        batch=document.batch,
        number=entry.number,
    )


def answer_messages(work: Work, entry: Entry, confidence: float, *, text: str | None = None) -> list[Message]:
    """Return an answer's card; where the words do not decide its branch, the question which; a ticket's offer."""
    branch = work.desk.branches.decide(entry.id, work.text if text is None else text)
    work.memory.last_branch = branch
    messages: list[Message] = [answer_card(work, entry, confidence, branch)]
    if entry.branches and entry.asks_branch and branch is None:
        messages.append(_ask_branch(work, entry))
    return [*messages, *case_offer(work, entry, branch)]


def _ask_branch(work: Work, entry: Entry) -> OptionsMessage:
    """Return the question which of an answer's branches is the parent's; what is said next may tell it."""
    question = work.memory.last_question
    work.memory.pending = Pending(ask="branch", question=question, entry_ids=[entry.id])
    choices = [Choice(do="branch", entry_id=entry.id, branch=b.id, question=question) for b in entry.branches]
    options = [
        Option(label=b.label, entry_id=entry.id, choice=choice)
        for b, choice in zip(entry.branches, choices, strict=True)
    ]
    return OptionsMessage(text=work.desk.words.say("ask_branch"), purpose="branch", options=options)


def case_offer(work: Work, entry: Entry, branch: str | None) -> list[Message]:
    """Return the offer of a ticket, if the rules say that only people can settle what the answer is about."""
    need = Need(Place(entry.city), entry.id, branch, entry.topic)
    return [ticket_offer(work, "ticket_offer_case")] if work.desk.tickets.book.offered(need) else []


def ticket_offer(work: Work, name: str = "ticket_offer") -> OptionsMessage:
    """Return the offer to pass the matter on to people or, if a form was begun, the way back to it."""
    text = work.desk.words.say("ticket_resume_ask" if work.memory.form else name)
    return OptionsMessage(text=text, purpose="ticket", options=[_ticket_option(work)])


def _ticket_option(work: Work) -> Option:
    """Return the button that begins a form or, if one was begun, leads back to it."""
    if work.memory.form:
        return Option(label=work.desk.words.say("ticket_resume_option"), choice=Choice(do="ticket_resume"))
    return Option(label=work.desk.words.say("ticket_option"), choice=Choice(do="ticket"))


def feedback_options(work: Work) -> OptionsMessage:
    """Return 「解决了」 and 「不是我要问的」, each for the question and the answer that they stand under."""
    say, memory = work.desk.words.say, work.memory
    about = {"question": memory.last_question, "entry_id": next(iter(memory.last_entries), None)}
    return OptionsMessage(
        text=say("feedback"),
        purpose="feedback",
        options=[
            Option(label=say("solved_option"), choice=Choice(do="solved", **about)),
            Option(label=say("not_it_option"), choice=Choice(do="not_it", **about)),
        ],
    )


def city_options(work: Work, pending: Pending, name: str = "ask_city") -> OptionsMessage:
    """Return the question for the city; its buttons go on with what waits for it, whatever is said meanwhile."""
    say = work.desk.words.say
    waiting = {"question": pending.question, "purpose": pending.purpose}
    return OptionsMessage(
        text=say(name),
        purpose="city",
        options=[
            Option(label=say(f"city_{city}"), city=city, choice=Choice(do="city", city=city, **waiting))
            for city in CITIES
        ],
    )


def person_option(work: Work, *, offer_case: bool = False) -> OptionsMessage:
    """Return the offer of a person and, where it may help, of one's own application; or a ticket after no answer."""
    say = work.desk.words.say
    options = [Option(label=say("person_option"), choice=Choice(do="person"))]
    if offer_case:
        options.insert(0, Option(label=say("case_option"), choice=Choice(do="case")))
    if work.memory.unanswered:
        options.append(_ticket_option(work))
    return OptionsMessage(text=say("offer_person"), purpose="person", options=options)


def entry_options(work: Work, entry_ids: list[str], name: str) -> OptionsMessage:
    """Return at most three entries to choose from, and 「都不是」; what is said next may choose one."""
    say, question = work.desk.words.say, work.memory.last_question
    offered = [work.desk.knowledge.entries[i] for i in entry_ids[:3]]
    work.memory.pending = Pending(ask="which", question=question, entry_ids=[entry.id for entry in offered])
    options = [
        Option(label=e.label, entry_id=e.id, choice=Choice(do="answer", entry_id=e.id, question=question))
        for e in offered
    ]
    options.append(Option(label=say("none_of_these"), choice=Choice(do="none", question=question)))
    ask = "ask_whether" if name == "ask_which" and len(offered) == 1 else name
    return OptionsMessage(text=say(ask), purpose="which", options=options)
