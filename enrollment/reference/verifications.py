"""Verify somebody on the telephone: a one-time code to the phone that is registered with an application.

Whether there is such an application changes nothing that the asker could see or time: the same statements run, a row of
the same form is kept, a message is written; for an application that is not there it goes to nobody.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta
from pathlib import Path

import yaml
from pydantic import SecretStr
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core.scope import City
from enrollment.models import Application
from enrollment.reference import cases
from enrollment.reference.changes import one_at_a_time
from enrollment.reference.tables import ApplicationRow, GuardianPhone, TextMessage, VerificationRow

TEXTS_FILE = Path(__file__).with_name("texts.yml")
CODE_LASTS = timedelta(minutes=10)
VERIFIED_FOR = timedelta(minutes=30)
MOST_TRIES = 5
MOST_CODES = ((timedelta(hours=1), 5), (timedelta(days=1), 10))
"""Codes for one application within a time; who asks for more gets the same reply, and no code is sent.

Ten codes a day with five tries each leave a guesser one chance in 20 000 a day, and a family at most ten messages.
"""
KEPT = timedelta(days=1)


def send_code(session: Session, key: SecretStr, number: str, city: City, at: datetime) -> str:
    """Send a code if there is such an application and not too many were sent; return the verification's id."""
    one_at_a_time(session, VerificationRow.__tablename__)
    _forget(session, at - KEPT)
    asked = _hash(key, "number", city, number)
    owner = session.execute(
        select(ApplicationRow.id, GuardianPhone.phone)
        .join(GuardianPhone, GuardianPhone.guardian_id == ApplicationRow.guardian_id)
        .where(ApplicationRow.id == number, ApplicationRow.city == city)
    ).one_or_none()
    may_send = _may_send(session, asked, at)
    application, phone = owner if owner and may_send else (None, None)
    verification, code = secrets.token_urlsafe(24), f"{secrets.randbelow(10**6):06d}"
    row = VerificationRow(
        id=verification,
        number_hash=asked,
        application_id=application,
        code_hash=_hash(key, "code", verification, code),
        tries=0,
        sent_at=at,
        expires_at=at + CODE_LASTS,
    )
    text = _text("code", code=code, minutes=CODE_LASTS // timedelta(minutes=1))
    session.add_all([row, TextMessage(phone=phone, text=text, at=at)])
    return verification


def verify(session: Session, key: SecretStr, verification: str, code: str, at: datetime) -> bool:
    """Return whether it is the code that was sent, in time and within `MOST_TRIES`; each try counts."""
    row = session.execute(
        update(VerificationRow)
        .where(VerificationRow.id == verification)
        .values(tries=VerificationRow.tries + 1)
        .returning(
            VerificationRow.code_hash, VerificationRow.application_id, VerificationRow.tries, VerificationRow.expires_at
        )
    ).one_or_none()
    same = hmac.compare_digest(row.code_hash if row else "", _hash(key, "code", verification, code))
    right = row is not None and same and row.application_id is not None
    if row is None or not right or row.tries > MOST_TRIES or at >= row.expires_at:
        return False
    first = update(VerificationRow).where(VerificationRow.id == verification, VerificationRow.verified_at.is_(None))
    session.execute(first.values(verified_at=at))
    return True


def application_verified(session: Session, verification: str, at: datetime) -> Application | None:
    """Return the application of a verification that was answered with yes within `VERIFIED_FOR`."""
    row = session.get(VerificationRow, verification)
    if row is None or row.verified_at is None or row.application_id is None or at - row.verified_at >= VERIFIED_FOR:
        return None
    return cases.application(session, row.application_id, at)


def messages_after(session: Session, cursor: int) -> list[TextMessage]:
    """Return the messages that went to somebody after the one with the id `cursor`, oldest first."""
    sent = TextMessage.phone.is_not(None)
    return list(session.scalars(select(TextMessage).where(TextMessage.id > cursor, sent).order_by(TextMessage.id)))


def _forget(session: Session, before: datetime) -> None:
    """Delete what is old; on SQLite this also takes the place of the one writer before anything is counted."""
    session.execute(delete(TextMessage).where(TextMessage.at < before))
    session.execute(delete(VerificationRow).where(VerificationRow.sent_at < before))


def _may_send(session: Session, asked: str, at: datetime) -> bool:
    sent = select(func.count()).where(VerificationRow.number_hash == asked, VerificationRow.application_id.is_not(None))
    counted = [session.scalar(sent.where(VerificationRow.sent_at > at - within)) or 0 for within, _ in MOST_CODES]
    return all(count < most for count, (_, most) in zip(counted, MOST_CODES, strict=True))


def _hash(key: SecretStr, *parts: str) -> str:
    return hmac.digest(key.get_secret_value().encode(), "\0".join(parts).encode(), "sha256").hex()


def _text(name: str, **values: object) -> str:
    texts: dict[str, str] = yaml.safe_load(TEXTS_FILE.read_text(encoding="utf-8"))
    return texts[name].format(**values)
