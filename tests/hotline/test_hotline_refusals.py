"""Whatever is refused or fails, the agent reads one plain Chinese sentence about it, and nothing of a case."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import enrollment.errors
import hotline.lookups  # noqa: F401  # its refusals, too
from channels.hotline.refusals import silence, told_plainly
from core.errors import ApiError
from enrollment.errors import EnrollmentError
from hotline.verification import TooSoonError, VerificationError


def below(kind: type[Exception]) -> Iterator[type[Exception]]:
    for one in kind.__subclasses__():
        yield one
        yield from below(one)


def is_plain(message: str) -> bool:
    return (
        message.endswith("。") and len(message) <= 70 and not any(word.isascii() and word.isalpha() for word in message)
    )


@pytest.mark.parametrize("kind", sorted(below(VerificationError), key=lambda one: one.__name__))
def test_every_refusal_of_the_rules_is_told(kind: type[VerificationError]) -> None:
    with pytest.raises(ApiError) as caught, told_plainly():
        raise kind(7) if kind is TooSoonError else kind("in our own words")
    assert 400 <= caught.value.status < 500
    assert is_plain(caught.value.message)


@pytest.mark.parametrize("step", ["send", "check", "show"])
@pytest.mark.parametrize("kind", sorted({EnrollmentError, *below(EnrollmentError)}, key=lambda one: one.__name__))
def test_every_fault_of_the_backend_is_told(kind: type[EnrollmentError], step: str) -> None:
    error = silence(kind("in our own words"), step)
    assert error.status == (501 if kind is enrollment.errors.NotOfferedError else 503)
    assert is_plain(error.message)
    assert "in our own words" not in str(error)
