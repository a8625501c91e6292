"""A family's own applications: the one place that decides who sees them, and the only one that shows them.

Who asks is known by the host app's token alone. The backend says which applications are theirs; whoever has none gets
there by the same calls, whether another guardian's application of the same child exists or not.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from bot.actions.cards import source_card
from bot.actions.desk import Desk
from conversations.audit import Look
from conversations.reply import ApplicationCard, CaseMessage, ProblemCard, QuoteCard, ReachedCard
from conversations.storage import Conversation
from core.scope import City
from enrollment.errors import EnrollmentError
from enrollment.models import Application
from enrollment.states import states

log = logging.getLogger(__name__)
_ON_A_CARD = ("child", "state", "timeline", "school", "problems", "advice")
_ORDERS = "大二三四五六七八九十"


@dataclass(frozen=True, slots=True)
class Viewer:
    """A guardian whom the host app's token has named, in the city that it names."""

    guardian: str
    city: City
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a guardian's applications, in order of birth; `fresh`: the backend has just said so."""

    applications: tuple[Application, ...]
    fresh: bool = True


def viewer_of(conversation: Conversation) -> Viewer | None:
    """Return who is signed in to the conversation; None: nobody, and nothing that is typed changes that."""
    if conversation.guardian is None or conversation.guardian_city is None:
        return None
    return Viewer(conversation.guardian, cast("City", conversation.guardian_city), conversation.id)


async def look_up(desk: Desk, viewer: Viewer, purpose: str, *, lately: bool = True) -> Seen:
    """Return the viewer's own applications; with `lately`, what was seen lately where the backend is silent.

    Raises:
        EnrollmentError: the backend gave no usable answer, and nothing that was seen lately may take its place.
    """
    key = (viewer.guardian, viewer.city)
    try:
        found = tuple(await desk.backend.applications_of(viewer.guardian, viewer.city))
    except EnrollmentError as error:
        log.warning("%s: %s", type(error).__name__, error)
        known = desk.seen_lately.get(key) if lately else None
        if known is None:
            await _audit(desk, viewer, purpose, (), "unavailable")
            raise
        return Seen(known, fresh=False)
    if found:
        desk.seen_lately[key] = found
    else:
        desk.seen_lately.pop(key, None)
    return Seen(found)


async def disclose(
    desk: Desk, viewer: Viewer, purpose: str, seen: Seen, chosen: Sequence[Application]
) -> list[CaseMessage]:
    """Return the cards of the chosen applications; the audit log knows of it before anybody sees them."""
    brief = len(chosen) > 1
    outcome = "none" if not chosen else "list" if brief else "card"
    await _audit(desk, viewer, purpose, chosen, outcome if seen.fresh else f"{outcome}_seen_lately")
    several = len(seen.applications) > 1
    return [CaseMessage(brief=brief, application=_card(desk, one, several=several)) for one in chosen]


def order_of(application: Application) -> str:
    """Return what a family calls the child, such as 老大 or 老二."""
    order = application.birth_order
    return f"老{_ORDERS[order - 1]}" if order <= len(_ORDERS) else f"第{order}个孩子"


async def _audit(desk: Desk, viewer: Viewer, purpose: str, shown: Sequence[Application], outcome: str) -> None:
    look = Look(
        actor=viewer.guardian,
        role="guardian",
        city=viewer.city,
        applications=tuple(application.id for application in shown),
        purpose=purpose,
        shown=(outcome, *(_ON_A_CARD if shown else ())),
        conversation_id=viewer.conversation_id,
    )
    await desk.store.call(desk.audit.record, look)


def _card(desk: Desk, application: Application, *, several: bool) -> ApplicationCard:
    """Return an application with what its state means, what to do now, and what happens then."""
    state, advice = states().state(application.city, application.state), states().advice(application)
    quote = None
    if advice.entry and advice.quote:
        entry = desk.knowledge.entries[advice.entry]
        quote = QuoteCard(entry_id=entry.id, text=advice.quote, source=source_card(desk.knowledge, entry))
    return ApplicationCard(
        id=application.id,
        city=application.city,
        child=application.child,
        order=order_of(application) if several else None,
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
