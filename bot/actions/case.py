"""Show the parent's own applications: only a signed-in guardian's, whatever was typed."""

from __future__ import annotations

from bot.actions import case_words
from bot.actions.cards import answer_card, card_of, person_option
from bot.actions.desk import Desk, Work
from bot.actions.own_cases import Seen, Viewer, disclose, look_up, order_of, viewer_of
from conversations.reply import CaseMessage, Choice, Message, Option, OptionsMessage, Pending, Reply, TextMessage
from core import clock
from core.outcomes import Outcome
from core.scope import City, Scope
from enrollment.errors import EnrollmentError
from enrollment.models import Application

_RULE: dict[City, str] = {"chongqing": "cq-09", "qingdao": "qd-b13"}
_LOOK_UP: dict[City, str] = {"qingdao": "qd-c01"}


async def show_case(work: Work) -> Reply:
    """Show what the backend says are this guardian's applications."""
    viewer = viewer_of(work.conversation)
    if viewer is None:
        return _sign_in(work)
    purpose = "chosen" if work.turn.choice else "asked"
    try:
        seen = await look_up(work.desk, viewer, purpose)
    except EnrollmentError:
        return _unavailable(work, viewer.city)
    if not seen.applications:
        cards = await disclose(work.desk, viewer, purpose, seen, ())
        return work.reply(Outcome.CASE_NONE, case_messages(work.desk, viewer.city, cards))
    return await _show(work, viewer, purpose, seen)


async def show_case_again(work: Work) -> Reply:
    """Show the own case once more, led by where on its card the thing asked for stands."""
    reply = await show_case(work)
    if reply.outcome is Outcome.CASE_SHOWN:
        reply.messages.insert(0, work.say(f"case_again_{case_words.part_of_card(work.text) or 'next'}"))
    return reply


def case_messages(desk: Desk, city: City, cards: list[CaseMessage]) -> list[Message]:
    """Return the cards; without any, the same reply for everybody: there is none, and the city's general rule."""
    if cards:
        return list(cards)
    rule = desk.knowledge.entries[_RULE[city]]
    return [TextMessage(text=desk.words.say("case_none")), card_of(desk, rule, Scope(city))]


def age_of(desk: Desk, seen: Seen) -> list[Message]:
    """Return what tells of which moment the cards are, unless of the present."""
    if seen.fresh:
        return []
    at = min(application.as_of for application in seen.applications)
    words = "case_seen_lately" if seen.silent else "case_as_of"
    return [TextMessage(text=desk.words.say(words, time=clock.shown(at)))]


async def tell_later(work: Work) -> Reply:
    """Promise to tell the case here as soon as the backend answers again."""
    if viewer_of(work.conversation) is None:
        return _sign_in(work)
    news = work.desk.news
    await work.desk.store.call(news.wait_for_backend, work.conversation.id, clock.now())
    return work.reply(Outcome.CASE_WILL_BE_TOLD, [work.say("case_will_be_told")])


def _sign_in(work: Work) -> Reply:
    app = work.desk.words.say(f"app_{work.scope.city or work.named.city or 'unknown'}")
    return work.reply(Outcome.CASE_SIGN_IN, [work.say("case_sign_in", app=app), work.say("case_sign_in_general")])


def _unavailable(work: Work, city: City) -> Reply:
    say = work.desk.words.say
    messages: list[Message] = [work.say("case_unavailable")]
    later = Option(label=say("tell_later_option"), choice=Choice(do="tell_later"))
    if official := _LOOK_UP.get(city):
        messages.append(work.say("case_unavailable_official"))
        messages.append(answer_card(work, work.desk.knowledge.entries[official], 1.0))
        messages.append(OptionsMessage(text=say("offer_tell_later"), purpose="later", options=[later]))
    else:
        offer = person_option(work)
        offer.options.insert(0, later)
        messages += [work.say("case_unavailable_no_official"), offer]
    return work.reply(Outcome.CASE_UNAVAILABLE, messages)


async def _show(work: Work, viewer: Viewer, purpose: str, seen: Seen) -> Reply:
    messages = age_of(work.desk, seen)
    chosen, asked_for_another = _chosen(work, seen.applications)
    cards = await disclose(work.desk, viewer, purpose, seen, (chosen,) if chosen else seen.applications)
    if chosen and len(seen.applications) == 1:
        return work.reply(Outcome.CASE_SHOWN, [*messages, *cards])
    work.memory.pending = Pending(ask="child", purpose="case")
    work.memory.child = chosen.birth_order if chosen else None
    if chosen:
        others = [one for one in seen.applications if one is not chosen]
        return work.reply(Outcome.CASE_SHOWN, [*messages, *cards, _children(work, others, "case_other_child")])
    if asked_for_another:
        messages.append(work.say("case_no_such_child"))
    messages.append(work.say("case_several", count=len(seen.applications)))
    messages += [*cards, _children(work, seen.applications, "case_which_child")]
    return work.reply(Outcome.CASE_LISTED, messages)


def _children(work: Work, applications: list[Application] | tuple[Application, ...], ask: str) -> OptionsMessage:
    options = [
        Option(label=f"{order_of(a)} {a.child}", choice=Choice(do="child", application_id=a.id)) for a in applications
    ]
    return OptionsMessage(text=work.desk.words.say(ask), purpose="child", options=options)


def _chosen(work: Work, applications: tuple[Application, ...]) -> tuple[Application | None, bool]:
    """Return the application meant, and whether a child was named that has none.

    It is the only one, or the one named or chosen in this turn, or else the one chosen before; none if somebody is
    named by a name: the backend masks names, and the one chosen before would pass for them.
    """
    named = work.named
    if len(applications) == 1:
        return applications[0], False
    if named.child:
        meant = next((a for a in applications if a.birth_order == named.child), None)
        return meant, meant is None
    choice = work.turn.choice
    if choice and choice.do == "child":
        return next((a for a in applications if a.id == choice.application_id), None), False
    if named.all_children or work.memory.child is None or case_words.names_somebody(work.text):
        return None, False
    return next((a for a in applications if a.birth_order == work.memory.child), None), False
