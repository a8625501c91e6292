"""Every way a turn can end, named once; reply, metric, console filter and evaluation use these names."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What the HTTP API calls a turn's result."""

    ANSWER = "answer"
    CLARIFY = "clarify"
    NO_ANSWER = "no_answer"
    CASE = "case"
    HANDOFF = "handoff"
    SMALL_TALK = "small_talk"
    REFUSED = "refused"
    ERROR = "error"


class Outcome(StrEnum):
    """How exactly a turn ended."""

    ANSWERED = "answered"
    ANSWERED_SEVERAL = "answered_several"
    ANSWERED_BY_CHOICE = "answered_by_choice"
    ASKED_WHICH = "asked_which"
    ASKED_CITY = "asked_city"
    NO_OFFICIAL_ANSWER = "no_official_answer"
    NOT_SURE = "not_sure"
    OFF_TOPIC = "off_topic"
    NO_MORE_CANDIDATES = "no_more_candidates"
    CASE_SHOWN = "case_shown"
    CASE_LISTED = "case_listed"
    CASE_NONE = "case_none"
    CASE_SIGN_IN = "case_sign_in"
    CASE_UNAVAILABLE = "case_unavailable"
    CASE_WILL_BE_TOLD = "case_will_be_told"
    PERSON_WAYS = "person_ways"
    TICKET_FORM = "ticket_form"
    TICKET_MADE = "ticket_made"
    TICKET_SHOWN = "ticket_shown"
    TICKET_WORDS = "ticket_words"
    TICKET_ADDED = "ticket_added"
    TICKET_SOLVED = "ticket_solved"
    TICKET_REFUSED = "ticket_refused"
    TICKET_CANCELLED = "ticket_cancelled"
    PERSON_OWNS = "person_owns"
    HANDED_OVER = "handed_over"
    GREETED = "greeted"
    THANKED = "thanked"
    SAID_GOODBYE = "said_goodbye"
    INTRODUCED = "introduced"
    SOOTHED = "soothed"
    ACKNOWLEDGED = "acknowledged"
    SCOPE_NOTED = "scope_noted"
    MARKED_SOLVED = "marked_solved"
    REFUSED_EMPTY = "refused_empty"
    REFUSED_TOO_LONG = "refused_too_long"
    FAILED = "failed"

    @property
    def kind(self) -> Kind:
        """The kind that the API reports for this outcome."""
        return _KIND_OF[self]


_KIND_OF: dict[Outcome, Kind] = {
    Outcome.ANSWERED: Kind.ANSWER,
    Outcome.ANSWERED_SEVERAL: Kind.ANSWER,
    Outcome.ANSWERED_BY_CHOICE: Kind.ANSWER,
    Outcome.ASKED_WHICH: Kind.CLARIFY,
    Outcome.ASKED_CITY: Kind.CLARIFY,
    Outcome.NO_OFFICIAL_ANSWER: Kind.NO_ANSWER,
    Outcome.NOT_SURE: Kind.NO_ANSWER,
    Outcome.OFF_TOPIC: Kind.NO_ANSWER,
    Outcome.NO_MORE_CANDIDATES: Kind.NO_ANSWER,
    Outcome.CASE_SHOWN: Kind.CASE,
    Outcome.CASE_LISTED: Kind.CASE,
    Outcome.CASE_NONE: Kind.CASE,
    Outcome.CASE_SIGN_IN: Kind.CASE,
    Outcome.CASE_UNAVAILABLE: Kind.CASE,
    Outcome.CASE_WILL_BE_TOLD: Kind.CASE,
    Outcome.PERSON_WAYS: Kind.HANDOFF,
    Outcome.TICKET_FORM: Kind.HANDOFF,
    Outcome.TICKET_MADE: Kind.HANDOFF,
    Outcome.TICKET_SHOWN: Kind.HANDOFF,
    Outcome.TICKET_WORDS: Kind.HANDOFF,
    Outcome.TICKET_ADDED: Kind.HANDOFF,
    Outcome.TICKET_SOLVED: Kind.HANDOFF,
    Outcome.TICKET_REFUSED: Kind.HANDOFF,
    Outcome.TICKET_CANCELLED: Kind.HANDOFF,
    Outcome.PERSON_OWNS: Kind.HANDOFF,
    Outcome.HANDED_OVER: Kind.HANDOFF,
    Outcome.GREETED: Kind.SMALL_TALK,
    Outcome.THANKED: Kind.SMALL_TALK,
    Outcome.SAID_GOODBYE: Kind.SMALL_TALK,
    Outcome.INTRODUCED: Kind.SMALL_TALK,
    Outcome.SOOTHED: Kind.SMALL_TALK,
    Outcome.ACKNOWLEDGED: Kind.SMALL_TALK,
    Outcome.SCOPE_NOTED: Kind.SMALL_TALK,
    Outcome.MARKED_SOLVED: Kind.SMALL_TALK,
    Outcome.REFUSED_EMPTY: Kind.REFUSED,
    Outcome.REFUSED_TOO_LONG: Kind.REFUSED,
    Outcome.FAILED: Kind.ERROR,
}
