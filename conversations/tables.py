"""The tables. Times are UTC; texts are masked before they come here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC, also on SQLite, which keeps no offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Store as UTC."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Return as aware UTC."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class Base(DeclarativeBase):
    """Declarative base of the conversations' tables."""


class ConversationRow(Base):
    """One conversation; `guardian` is the host app's pseudonymous id.

    `owner`, `bot` or `person`, is who may speak to the parent; `fence` grows by one with each change of it.
    `owner_seen_at`: when the person was last there, roughly.
    """

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    city: Mapped[str | None] = mapped_column(String(20))
    district: Mapped[str | None] = mapped_column(String(40))
    stage: Mapped[str | None] = mapped_column(String(20))
    guardian: Mapped[str | None] = mapped_column(String(120), index=True)
    guardian_city: Mapped[str | None] = mapped_column(String(20))
    signed_in_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    owner: Mapped[str] = mapped_column(String(10), default="bot")
    owner_staff: Mapped[str | None] = mapped_column(String(80))
    owner_role: Mapped[str | None] = mapped_column(String(20))
    owned_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    owner_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(Integer, default=0)
    turns: Mapped[int] = mapped_column(Integer, default=0)
    last_seq: Mapped[int] = mapped_column(Integer, default=0)
    memory: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    busy_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TurnRow(Base):
    """One message of a parent and how the turn ended; `outcome` is null while it runs.

    `fence` is the conversation's when the turn was opened: once it has grown, the turn's reply comes too late.
    """

    __tablename__ = "turns"
    __table_args__ = (UniqueConstraint("conversation_id", "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), index=True)
    number: Mapped[int] = mapped_column(Integer)
    text: Mapped[str] = mapped_column(Text)
    payload: Mapped[str | None] = mapped_column(String(40))
    fence: Mapped[int] = mapped_column(Integer, default=0)
    outcome: Mapped[str | None] = mapped_column(String(40), index=True)
    intent: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    confidence: Mapped[float | None] = mapped_column(Float)
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SaidRow(Base):
    """One thing said, by whom; what a reloaded page reads again."""

    __tablename__ = "said"
    __table_args__ = (UniqueConstraint("conversation_id", "seq"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    seq: Mapped[int] = mapped_column(Integer)
    turn: Mapped[int] = mapped_column(Integer)
    author: Mapped[str] = mapped_column(String(10))
    message: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class HandoverRow(Base):
    """One change of a conversation's owner: who took it over, or handed it back, after which thing said.

    What stands in `said` between a person's row and the next one is the human stretch; `owner` is the new one.
    """

    __tablename__ = "handovers"

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    fence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    owner: Mapped[str] = mapped_column(String(10))
    staff: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(20))
    seq: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class StaffMessageKeyRow(Base):
    """Which thing said came with which key of a staff member's call, so that a call made twice is said once."""

    __tablename__ = "staff_message_keys"

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    fence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer)


class KeptNewsRow(Base):
    """News that came while a person handled the conversation or its guardian was signed out; told when that has ended.

    `application_id` is empty for "the backend answers again"; newer news of the same application replaces older.
    """

    __tablename__ = "kept_news"

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    application_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    key: Mapped[str] = mapped_column(String(60))
    kept_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OfferedRow(Base):
    """An option that was offered; the payload opens it in its own conversation only."""

    __tablename__ = "offered"

    payload: Mapped[str] = mapped_column(String(40), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), index=True)
    turn: Mapped[int] = mapped_column(Integer)
    label: Mapped[str] = mapped_column(Text)
    choice: Mapped[dict[str, Any]] = mapped_column(JSON)


class TokenUseRow(Base):
    """Which conversation a token's `jti` serves: one only."""

    __tablename__ = "token_uses"

    jti: Mapped[str] = mapped_column(String(120), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class FeedbackRow(Base):
    """What a parent said of an answer, or chose when asked; for the editors."""

    __tablename__ = "feedback"
    __table_args__ = (Index("ix_feedback_entry_verdict", "entry_id", "verdict"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), index=True)
    turn: Mapped[int] = mapped_column(Integer)
    verdict: Mapped[str] = mapped_column(String(20))
    entry_id: Mapped[str | None] = mapped_column(String(10))
    question: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class AuditRow(Base):
    """One look at a family's case; never changed, never deleted.

    Ids are pseudonyms. `applications` and `shown` are words with spaces between them. `at` is kept as the text that was
    hashed. `hash` covers every column and `prev`, the hash of the row before.
    """

    __tablename__ = "audit_log"

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(24))
    role: Mapped[str] = mapped_column(String(40))
    city: Mapped[str] = mapped_column(String(40))
    applications: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(String(40))
    shown: Mapped[str] = mapped_column(Text)
    conversation_id: Mapped[str | None] = mapped_column(String(36))
    prev: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditEndRow(Base):
    """The end of the audit log, one row: who writes a look holds it, so that looks follow one another."""

    __tablename__ = "audit_end"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Integer)
    hash: Mapped[str] = mapped_column(String(64))
    mac: Mapped[str] = mapped_column(String(64))


class PseudonymRow(Base):
    """Which id a pseudonym of the audit log stands for; `kind` is `guardian`, `staff` or `application`."""

    __tablename__ = "pseudonyms"
    __table_args__ = (UniqueConstraint("value", "kind"),)

    pseudonym: Mapped[str] = mapped_column(String(24), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    value: Mapped[str] = mapped_column(String(200))


class PseudonymUseRow(Base):
    """In which conversation, empty for none, a pseudonym was last used when: how long its link is needed."""

    __tablename__ = "pseudonym_uses"

    pseudonym: Mapped[str] = mapped_column(ForeignKey("pseudonyms.pseudonym"), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(String(36), primary_key=True, index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ChangeRow(Base):
    """A step of an application that the backend announced; `id` is the backend's number, `told_at` null until told."""

    __tablename__ = "case_changes"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    guardian: Mapped[str] = mapped_column(String(200))
    city: Mapped[str] = mapped_column(String(20))
    application_id: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)


class AnnouncementRow(Base):
    """What was said in a conversation without being asked for, once for each key."""

    __tablename__ = "announcements"

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class CaseWaitRow(Base):
    """A conversation whose parent waits for the backend to answer again."""

    __tablename__ = "case_waits"

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class NonceRow(Base):
    """A nonce of the backend's signed calls, so that none is accepted twice."""

    __tablename__ = "webhook_nonces"

    nonce: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
