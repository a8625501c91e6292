"""Show the parent's own applications: only a signed-in guardian's, whatever was typed."""

from __future__ import annotations

import logging
from typing import cast

from bot.actions.cards import answer_card, city_options, person_option
from bot.actions.desk import Work
from conversations.reply import (
    ApplicationCard,
    CaseMessage,
    Choice,
    Message,
    Option,
    OptionsMessage,
    Pending,
    ProblemCard,
    QuoteCard,
    Reply,
)
from core.outcomes import Outcome
from core.scope import City
from enrollment.errors import EnrollmentError
from enrollment.models import Application
from enrollment.states import states

log = logging.getLogger(__name__)
_RULE: dict[City, str] = {"chongqing": "cq-09", "qingdao": "qd-b13"}
_LOOK_UP: dict[City, str] = {"qingdao": "qd-c01"}


async def show_case(work: Work) -> Reply:
    """Show what the backend says are this guardian's applications."""
    guardian = work.conversation.guardian
    city = cast("City | None", work.conversation.guardian_city) or work.scope.city
    if guardian is None:
        return _sign_in(work)
    if city is None:
        return work.reply(Outcome.CASE_SIGN_IN, [city_options(work)])
    try:
        applications = await work.desk.backend.applications_of(guardian, city)
    except EnrollmentError as error:
        log.warning("enrolment backend: %s", type(error).__name__)
        return _unavailable(work, city)
    if not applications:
        rule = work.desk.knowledge.entries[_RULE[city]]
        return work.reply(Outcome.CASE_NONE, [work.say("case_none"), answer_card(work, rule, 1.0)])
    return _show(work, applications)


def application_card(application: Application) -> ApplicationCard:
    """Return an application with what its state means and what to do now."""
    state, advice = states().state(application.city, application.state), states().advice(application)
    quote = QuoteCard(entry_id=advice.entry, text=advice.quote) if advice.entry and advice.quote else None
    return ApplicationCard(
        id=application.id,
        city=application.city,
        child=application.child,
        state=application.state,
        since=application.since,
        school=application.school,
        problems=[ProblemCard(item=p.item, reason=p.reason) for p in application.problems],
        window_open=application.window_open,
        meaning=state.meaning,
        next=advice.next,
        official_quote=quote,
        as_of=application.as_of,
    )


def _sign_in(work: Work) -> Reply:
    app = work.desk.words.say(f"app_{work.scope.city or work.named.city or 'unknown'}")
    return work.reply(Outcome.CASE_SIGN_IN, [work.say("case_sign_in", app=app), work.say("case_sign_in_general")])


def _unavailable(work: Work, city: City) -> Reply:
    messages: list[Message] = [work.say("case_unavailable")]
    if official := _LOOK_UP.get(city):
        messages.append(work.say("case_unavailable_official"))
        messages.append(answer_card(work, work.desk.knowledge.entries[official], 1.0))
    else:
        messages += [work.say("case_unavailable_no_official"), person_option(work)]
    return work.reply(Outcome.CASE_UNAVAILABLE, messages)


def _show(work: Work, applications: list[Application]) -> Reply:
    chosen = _chosen(work, applications)
    if chosen:
        return work.reply(Outcome.CASE_SHOWN, [CaseMessage(application=application_card(chosen))])
    work.memory.pending = Pending(ask="child", purpose="case")
    cards: list[Message] = [CaseMessage(application=application_card(a)) for a in applications]
    options = OptionsMessage(
        text=work.desk.words.say("case_which_child"),
        purpose="child",
        options=[
            Option(label=f"{a.child}:{a.state}", choice=Choice(do="child", application_id=a.id)) for a in applications
        ],
    )
    return work.reply(Outcome.CASE_LISTED, [work.say("case_several", count=len(applications)), *cards, options])


def _chosen(work: Work, applications: list[Application]) -> Application | None:
    """Return the application meant, if there is only one, or one was named or chosen in this turn."""
    if len(applications) == 1:
        return applications[0]
    if work.named.child:
        return next((a for a in applications if a.birth_order == work.named.child), None)
    if work.turn.choice and work.turn.choice.do == "child":
        return next((a for a in applications if a.id == work.turn.choice.application_id), None)
    return None
