"""A family's own applications: the one place that decides who sees them by the host app's token, and shows them.

Who asks is known by the host app's token alone. The backend says which applications are theirs; whoever has none gets
there by the same calls, whether another guardian's application of the same child exists or not.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from bot.actions.case_cards import ON_A_CARD, application_card
from bot.actions.desk import SEEN_LATELY, Desk
from conversations.audit import Look
from conversations.reply import CaseMessage
from conversations.storage import Conversation
from core import clock
from core.scope import City
from enrollment.errors import EnrollmentError
from enrollment.models import Application

log = logging.getLogger(__name__)
_ORDERS = "大二三四五六七八九十"


@dataclass(frozen=True, slots=True)
class Viewer:
    """A guardian whom the host app's token has named, in the city that it names."""

    guardian: str
    city: City
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a guardian's applications, in order of birth; `silent`: the backend does not answer now."""

    applications: tuple[Application, ...]
    silent: bool = False

    @property
    def fresh(self) -> bool:
        """Whether it may pass for the present state: the backend has just said so, of a moment not long ago."""
        return not self.silent and _is_recent(self.applications)


def viewer_of(conversation: Conversation) -> Viewer | None:
    """Return who is signed in to the conversation; None: nobody, and nothing that is typed changes that."""
    if conversation.guardian is None or conversation.guardian_city is None:
        return None
    return Viewer(conversation.guardian, cast("City", conversation.guardian_city), conversation.id)


async def look_up(desk: Desk, viewer: Viewer, purpose: str, *, lately: bool = True) -> Seen:
    """Return the viewer's own applications; with `lately`, what was seen lately where the backend is silent.

    A failure is recorded, but not one of news: nobody asked, nobody was shown anything, and it is tried again often.

    Raises:
        EnrollmentError: the backend gave no usable answer, and nothing that was seen lately may take its place.
    """
    key = (viewer.guardian, viewer.city)
    try:
        found = tuple(await desk.backend.applications_of(viewer.guardian, viewer.city))
    except EnrollmentError as error:
        log.warning("%s: %s", type(error).__name__, error)
        known = desk.seen_lately.get(key) if lately else None
        if known is None or not _is_recent(known):
            if purpose != "news":
                await _audit(desk, viewer, purpose, (), "unavailable")
            raise
        return Seen(known, silent=True)
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
    cards = [application_card(desk, one, order=order_of(one) if several else None) for one in chosen]
    return [CaseMessage(brief=brief, application=card) for card in cards]


def order_of(application: Application) -> str:
    """Return what a family calls the child, such as 老大 or 老二."""
    return order_name(application.birth_order)


def order_name(order: int) -> str:
    """Return what a family calls its child of an order of birth."""
    return f"老{_ORDERS[order - 1]}" if order <= len(_ORDERS) else f"第{order}个孩子"


def _is_recent(applications: Sequence[Application]) -> bool:
    """Whether all is of the last minutes by the backend's own time: a copy that it looks up in may lag behind."""
    return all(one.as_of > clock.now() - timedelta(seconds=SEEN_LATELY) for one in applications)


async def _audit(desk: Desk, viewer: Viewer, purpose: str, shown: Sequence[Application], outcome: str) -> None:
    look = Look(
        actor=viewer.guardian,
        role="guardian",
        city=viewer.city,
        applications=tuple(application.id for application in shown),
        purpose=purpose,
        shown=(outcome, *(ON_A_CARD if shown else ())),
        conversation_id=viewer.conversation_id,
    )
    await desk.store.call(desk.audit.record, look)
