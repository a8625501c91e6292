"""The card of an application: the one place that makes it, for a family's own chat and for a verified caller alike."""

from __future__ import annotations

from bot.actions.cards import note_of, source_card
from bot.actions.desk import Desk
from conversations.reply import ApplicationCard, ProblemCard, QuoteCard, ReachedCard
from core.scope import Scope
from enrollment.models import Application
from enrollment.states import states

ON_A_CARD = ("child", "state", "timeline", "school", "problems", "advice")
"""What a card shows, as the audit log names it."""


def application_card(desk: Desk, application: Application, *, order: str | None = None) -> ApplicationCard:
    """Return an application with what its state means, what to do now, and what happens then.

    `order`: what the family calls the child, where it has several.
    """
    state, advice = states().state(application.city, application.state), states().advice(application)
    quote = None
    if advice.entry and advice.quote:
        entry = desk.knowledge.entries[advice.entry]
        scope = Scope(application.city, application.district, application.stage)
        note = note_of(desk, desk.knowledge.document_of(entry), scope)
        source = source_card(desk.knowledge, entry)
        quote = QuoteCard(entry_id=entry.id, text=advice.quote, source=source, note=note)
    return ApplicationCard(
        id=application.id,
        city=application.city,
        child=application.child,
        order=order,
        state=application.state,
        since=application.since,
        timeline=[ReachedCard(state=reached.state, since=reached.since) for reached in application.history],
        school=application.school,
        problems=[ProblemCard(item=p.item, reason=p.reason) for p in application.problems],
        window_open=application.window_open,
        window_closes=application.window_closes,
        meaning=state.meaning,
        next=advice.next,
        then=advice.then,
        official_quote=quote,
        as_of=application.as_of,
    )
