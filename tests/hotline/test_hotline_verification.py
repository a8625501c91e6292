"""The rules of verifying a caller: as a table of states and steps, and in any order of steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hotline import verification as rules
from hotline.verification import (
    AlreadyVerifiedError,
    EndedError,
    LockedError,
    NoCodeSentError,
    NoMoreCodesError,
    NoReasonError,
    NotVerifiedError,
    TooSoonError,
    Verification,
    VerificationError,
)

NOW = datetime(2026, 4, 20, 9, 0, tzinfo=UTC)
FRESH = Verification()
SENT = Verification("qingdao", "progress", "v1", codes_sent=1, last_sent=NOW - timedelta(minutes=1))
STATES = {
    "nothing sent": FRESH,
    "sending the first": replace(FRESH, codes_sent=1, last_sent=NOW - timedelta(minutes=1)),
    "sent": SENT,
    "sent just now": replace(SENT, last_sent=NOW - timedelta(seconds=29)),
    "sent 30 s ago": replace(SENT, last_sent=NOW - timedelta(seconds=30)),
    "wrong once": replace(SENT, codes_wrong=1),
    "wrong twice": replace(SENT, codes_wrong=2),
    "the third is being checked": replace(SENT, codes_wrong=3),
    "locked": replace(SENT, codes_wrong=3, locked=True),
    "three sent": replace(SENT, codes_sent=3),
    "verified": replace(SENT, verified=True),
    "verified by the third": replace(SENT, codes_sent=3, codes_wrong=2, verified=True),
}
STEPS: dict[str, Callable[[Verification], object]] = {
    "send": lambda state: rules.begin_sending(state, "progress", NOW),
    "check": rules.begin_checking,
    "show": rules.code_to_show,
}
ALLOWED = None
EXPECTING = {"sent", "sent just now", "sent 30 s ago", "wrong once", "wrong twice", "three sent"}
"""The states in which a code that was sent may be entered."""
TABLE: dict[str, tuple[type[VerificationError] | None, ...]] = {
    # state: send, check, show
    "nothing sent": (ALLOWED, NoCodeSentError, NotVerifiedError),
    "sending the first": (ALLOWED, NoCodeSentError, NotVerifiedError),
    "sent": (ALLOWED, ALLOWED, NotVerifiedError),
    "sent just now": (TooSoonError, ALLOWED, NotVerifiedError),
    "sent 30 s ago": (ALLOWED, ALLOWED, NotVerifiedError),
    "wrong once": (ALLOWED, ALLOWED, NotVerifiedError),
    "wrong twice": (ALLOWED, ALLOWED, NotVerifiedError),
    "the third is being checked": (LockedError, LockedError, LockedError),
    "locked": (LockedError, LockedError, LockedError),
    "three sent": (NoMoreCodesError, ALLOWED, NotVerifiedError),
    "verified": (ALLOWED, AlreadyVerifiedError, ALLOWED),
    "verified by the third": (NoMoreCodesError, AlreadyVerifiedError, ALLOWED),
}


def test_the_table_has_every_state() -> None:
    assert set(TABLE) == set(STATES)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", STATES)
def test_in_each_state_each_step_is_allowed_or_refused_by_name(name: str, step: str) -> None:
    expected = TABLE[name][list(STEPS).index(step)]
    if expected is None:
        STEPS[step](STATES[name])
    else:
        with pytest.raises(VerificationError) as caught:
            STEPS[step](STATES[name])
        assert type(caught.value) is expected


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", STATES)
def test_once_the_call_is_over_nothing_is_allowed(name: str, step: str) -> None:
    with pytest.raises(EndedError):
        STEPS[step](replace(STATES[name], ended=True))


@pytest.mark.parametrize("name", STATES)
def test_a_code_is_expected_as_long_as_it_can_be_checked(name: str) -> None:
    assert rules.expects_code(STATES[name]) == (name in EXPECTING)
    assert not rules.expects_code(replace(STATES[name], ended=True))


def test_without_a_reason_nothing_is_sent() -> None:
    with pytest.raises(NoReasonError):
        rules.begin_sending(FRESH, "", NOW)


@pytest.mark.parametrize(("ago", "wait"), [(0, 30), (0.5, 30), (1, 29), (29, 1), (29.9, 1)])
def test_who_is_too_quick_is_told_how_long_to_wait(ago: float, wait: int) -> None:
    with pytest.raises(TooSoonError) as caught:
        rules.begin_sending(replace(SENT, last_sent=NOW - timedelta(seconds=ago)), "progress", NOW)
    assert caught.value.seconds == wait


def test_a_code_that_could_not_be_sent_does_not_count_and_another_may_be_sent_at_once() -> None:
    state = FRESH
    for _ in range(10):
        before = state.last_sent
        state = rules.not_sent(rules.begin_sending(state, "progress", NOW), before)
    assert state == FRESH


def test_a_code_that_was_not_checked_does_not_count() -> None:
    state = SENT
    for _ in range(10):
        state = rules.not_checked(rules.begin_checking(state))
    assert state == SENT


def test_a_right_code_counts_for_the_code_that_was_sent_last_only() -> None:
    checking = rules.begin_checking(SENT)
    later = rules.sent(rules.begin_sending(checking, "progress", NOW), "v2", "qingdao", "progress")
    assert rules.right(later, "v1").verified is False
    assert rules.right(checking, "v1").verified is True


def test_another_code_ends_that_the_caller_is_verified() -> None:
    verified = rules.right(rules.begin_checking(SENT), "v1")
    again = rules.sent(rules.begin_sending(verified, "other", NOW), "v2", "chongqing", "other")
    assert (again.verified, again.city, again.reason, again.code) == (False, "chongqing", "other", "v2")


def test_three_checks_at_once_are_three_and_a_fourth_is_refused() -> None:
    state = SENT
    for _ in range(3):
        state = rules.begin_checking(state)
    with pytest.raises(LockedError):
        rules.begin_checking(state)
    for _ in range(3):
        state = rules.wrong(state)
    assert state.locked


class Calls(RuleBasedStateMachine):
    """One call in any order of steps, beside a plain count of what happened in it."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.now = Verification(), NOW
        self.codes, self.wrong, self.right, self.sent_at = 0, 0, False, [datetime.min.replace(tzinfo=UTC)]

    def may_send(self) -> bool:
        apart = self.now - self.sent_at[-1] >= timedelta(seconds=30)
        return self.wrong < 3 and self.codes < 3 and apart and not self.state.ended

    @rule(seconds=st.integers(0, 40))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(answered=st.booleans())
    def send(self, answered: bool) -> None:
        before, allowed = self.state, self.may_send()
        try:
            self.state = rules.begin_sending(before, "progress", self.now)
        except VerificationError:
            assert not allowed
            return
        assert allowed
        if answered:
            self.codes, self.right = self.codes + 1, False
            self.sent_at.append(self.now)
            self.state = rules.sent(self.state, f"v{self.codes}", "qingdao", "progress")
        else:
            self.state = rules.not_sent(self.state, before.last_sent)
            assert self.state == before

    @rule(outcome=st.sampled_from(["right", "wrong", "silence"]))
    def check(self, outcome: str) -> None:
        before = self.state
        allowed = self.codes > 0 and self.wrong < 3 and not self.right and not before.ended
        try:
            checking = rules.begin_checking(before)
        except VerificationError:
            assert not allowed
            return
        assert allowed
        if outcome == "right":
            self.right, self.state = True, rules.right(checking, str(checking.code))
        elif outcome == "wrong":
            self.wrong, self.state = self.wrong + 1, rules.wrong(checking)
        else:
            self.state = rules.not_checked(checking)
            assert self.state == before

    @precondition(lambda self: self.codes > 1)
    @rule()
    def end(self) -> None:
        self.state = replace(self.state, ended=True)

    @invariant()
    def nothing_is_shown_but_to_who_gave_the_last_code_rightly_within_three_tries(self) -> None:
        try:
            rules.code_to_show(self.state)
            shown = True
        except VerificationError:
            shown = False
        assert shown == (self.right and self.wrong < 3 and not self.state.ended)

    @invariant()
    def what_is_counted_is_what_happened(self) -> None:
        assert (self.state.codes_sent, self.state.codes_wrong) == (self.codes, self.wrong)
        assert self.state.locked == (self.wrong >= 3)
        assert self.state.tries_left == 3 - self.wrong
        assert self.codes <= 3


TestAnyOrderOfSteps = Calls.TestCase
TestAnyOrderOfSteps.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
