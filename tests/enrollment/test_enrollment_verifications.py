"""The reference backend's codes: how long, how many, and what is kept of them; on SQLite and on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.scope import City
from enrollment.reference.database import open_database
from enrollment.reference.families import seed_families
from enrollment.reference.tables import TextMessage, VerificationRow
from enrollment.reference.verifications import application_verified, messages_after, send_code, verify

KEY = SecretStr("codes-key-4711")
NUMBER, CITY = "QD2026-0411-0019", "qingdao"
FATHERS, MOTHERS = "19900000005", "19900009005"
NO_CASE = "QD2026-9999-0001"
NOW = datetime(2026, 4, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    """Give a session on a database with the demo families."""
    engine = open_database(database_url)
    with Session(engine) as opened:
        seed_families(opened, NOW)
        yield opened
        opened.rollback()
    engine.dispose()


def send(session: Session, at: datetime = NOW, number: str = NUMBER, city: City = CITY) -> tuple[str, str]:
    """Have a code sent; return the verification's id and the code of the last message."""
    verification = send_code(session, KEY, number, city, at)
    session.flush()
    text = session.scalars(select(TextMessage.text).order_by(TextMessage.id.desc())).first()
    return verification, re.findall(r"\d{6}", str(text))[0]


def phones(session: Session) -> list[str | None]:
    return [message.phone for message in messages_after(session, 0)]


def test_the_code_goes_to_who_registered_and_not_to_the_other_parent(session: Session) -> None:
    send(session)
    assert phones(session) == [FATHERS]
    assert MOTHERS not in phones(session)


@pytest.mark.parametrize(("after", "right"), [(0, True), (599, True), (600, False), (3600, False)])
def test_a_code_can_be_used_for_ten_minutes(session: Session, after: int, right: bool) -> None:
    verification, code = send(session)
    at = NOW + timedelta(seconds=after)
    assert verify(session, KEY, verification, code, at) is right
    assert (application_verified(session, verification, at) is not None) is right


@pytest.mark.parametrize(("after", "shown"), [(0, True), (1799, True), (1800, False)])
def test_a_verified_application_is_shown_for_thirty_minutes_however_often_the_code_comes(
    session: Session, after: int, shown: bool
) -> None:
    verification, code = send(session)
    verify(session, KEY, verification, code, NOW)
    verify(session, KEY, verification, code, NOW + timedelta(minutes=9))
    found = application_verified(session, verification, NOW + timedelta(seconds=after))
    assert (found is not None) is shown


def test_the_fifth_try_may_be_right_and_the_sixth_may_not(session: Session) -> None:
    for wrong, right in ((4, True), (5, False)):
        verification, code = send(session)
        for _ in range(wrong):
            assert verify(session, KEY, verification, f"{(int(code) + 1) % 10**6:06d}", NOW) is False
        assert verify(session, KEY, verification, code, NOW) is right


def test_five_codes_an_hour_and_ten_a_day_are_sent_for_an_application(session: Session) -> None:
    sent = []
    for hour in range(26):
        at = NOW + timedelta(hours=hour)
        for _ in range(6):
            send(session, at)
        sent.append(len([message for message in messages_after(session, 0) if message.at == at]))
    assert sent == [5, 5, *[0] * 22, 5, 5]


def test_who_asks_without_end_does_not_put_off_the_next_code(session: Session) -> None:
    for minute in range(0, 60, 5):
        send(session, NOW + timedelta(minutes=minute))
    assert len(phones(session)) == 5
    send(session, NOW + timedelta(minutes=60))
    assert len(phones(session)) == 6


def test_the_bound_of_one_application_is_not_anothers(session: Session) -> None:
    for _ in range(6):
        send(session)
    send(session, number="QD2026-0403-0077")
    assert len(phones(session)) == 6


@pytest.mark.parametrize("number", [NUMBER, NO_CASE])
def test_the_same_is_kept_whether_there_is_such_an_application_or_not(session: Session, number: str) -> None:
    send(session, number=number)
    (row,) = session.scalars(select(VerificationRow)).all()
    (message,) = session.scalars(select(TextMessage)).all()
    assert (row.application_id, message.phone) == ((NUMBER, FATHERS) if number == NUMBER else (None, None))
    assert re.fullmatch(r"[0-9a-f]{64}", row.number_hash)
    assert re.fullmatch(r"[0-9a-f]{64}", row.code_hash)
    assert len(message.text) <= 70


def test_the_code_that_nobody_was_sent_opens_nothing(session: Session) -> None:
    verification, code = send(session, number=NO_CASE)
    assert verify(session, KEY, verification, code, NOW) is False
    assert application_verified(session, verification, NOW) is None


def test_neither_code_nor_the_number_that_was_asked_for_is_kept_in_the_clear(session: Session) -> None:
    _, code = send(session, number=NO_CASE)
    (row,) = session.execute(select(VerificationRow.__table__)).all()
    assert not [value for value in row if NO_CASE in str(value) or code == str(value)]


def test_another_key_makes_other_hashes(session: Session) -> None:
    verification, code = send(session)
    assert verify(session, SecretStr("another-key"), verification, code, NOW) is False


def test_what_is_older_than_a_day_goes(session: Session) -> None:
    send(session)
    send(session, NOW + timedelta(hours=24, seconds=1))
    assert session.scalar(select(func.count()).select_from(VerificationRow)) == 1
    assert session.scalar(select(func.count()).select_from(TextMessage)) == 1
