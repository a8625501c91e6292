"""Every way a turn can end has one kind; scope and errors keep their shape."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime

import pytest

from core import clock, errors
from core.errors import ApiError, HelpdeskError, TokenRefusal, TokenRejectedError
from core.outcomes import Kind, Outcome
from core.scope import CITIES, STAGES, Scope

STATUS = {
    "NotAuthenticatedError": (401, "not_authenticated"),
    "TokenRejectedError": (401, "token_rejected"),
    "SignatureRejectedError": (401, "signature_rejected"),
    "MalformedRequestError": (422, "malformed_request"),
    "FileRefusedError": (422, "file_refused"),
    "TooLargeError": (413, "too_large"),
    "UnavailableError": (503, "unavailable"),
    "ForbiddenError": (403, "forbidden"),
    "NotFoundError": (404, "not_found"),
    "ConflictError": (409, "conflict"),
    "BusyError": (409, "turn_in_progress"),
    "VersionConflictError": (409, "version_conflict"),
    "IllegalTransitionError": (409, "illegal_transition"),
    "StaleFenceError": (409, "stale_fence"),
    "UnknownOptionError": (422, "unknown_option"),
    "TooManyRequestsError": (429, "too_many_requests"),
}
CLASSES = {name: c for name, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, HelpdeskError)}


@pytest.mark.parametrize("outcome", Outcome)
def test_outcome_has_a_kind(outcome: Outcome) -> None:
    assert outcome.kind in Kind
    assert len(outcome.value) <= 40, "the column is 40 wide"


@pytest.mark.parametrize("kind", Kind)
def test_kind_has_an_outcome(kind: Kind) -> None:
    assert [outcome for outcome in Outcome if outcome.kind is kind]


def test_kinds_are_those_of_the_api() -> None:
    assert " ".join(Kind) == "answer clarify no_answer case handoff small_talk refused error"


WORDED = [n for n, c in CLASSES.items() if issubclass(c, ApiError) and c not in (ApiError, TokenRejectedError)]


@pytest.mark.parametrize("reason", TokenRefusal)
def test_refused_token_is_told_the_same_whatever_the_reason(reason: TokenRefusal) -> None:
    raised, first = TokenRejectedError(reason), TokenRejectedError(TokenRefusal.MALFORMED)
    assert (raised.status, raised.code) == STATUS["TokenRejectedError"]
    assert (raised.message, raised.details, raised.args) == (first.message, {}, first.args)


@pytest.mark.parametrize("name", WORDED)
def test_api_error_has_its_place(name: str) -> None:
    raised = CLASSES[name]("出错了", retry_after=3)
    assert isinstance(raised, ApiError)
    assert (raised.status, raised.code) == STATUS[name]
    assert (str(raised), raised.message, raised.details) == ("出错了", "出错了", {"retry_after": 3})


@pytest.mark.parametrize("name", CLASSES)
def test_error_is_drawn_in_the_tree_at_the_top(name: str) -> None:
    assert name in (errors.__doc__ or "")


def test_scope_learns() -> None:
    assert Scope().narrowed(city="qingdao", district="市北区", stage=None) == Scope("qingdao", "市北区")
    assert Scope("qingdao", "市北区", "幼升小").narrowed(city=None, district=None, stage=None) == Scope(
        "qingdao", "市北区", "幼升小"
    )
    assert Scope("qingdao").narrowed(city="qingdao", district="崂山区", stage="幼升小").district == "崂山区"


def test_scope_of_another_city_forgets_the_district() -> None:
    moved = Scope("chongqing", "渝北区", "小升初").narrowed(city="qingdao", district=None, stage=None)
    assert moved == Scope("qingdao", None, "小升初")


def test_cities_and_stages() -> None:
    assert CITIES == ("chongqing", "qingdao")
    assert STAGES == ("幼升小", "小升初")


def test_today_is_chinas_date(monkeypatch: pytest.MonkeyPatch) -> None:
    assert clock.now().tzinfo is UTC
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 8, 31, 16, 30, tzinfo=UTC))
    assert clock.today().isoformat() == "2026-09-01"
