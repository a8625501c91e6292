"""The tables: guardians, children, applications, each step that an application took, and what verifies a caller.

A child can have several guardians; an application belongs to the one guardian who registered it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC; SQLite has no zone of its own."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment with its zone."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    """The base of all tables."""


class Guardian(Base):
    """A person who can sign in to the host app; `id` is the token's `sub`."""

    __tablename__ = "guardians"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)


class GuardianPhone(Base):
    """The phone that a guardian registered with; it never leaves this service but in the outbox of messages."""

    __tablename__ = "guardian_phones"

    guardian_id: Mapped[str] = mapped_column(ForeignKey("guardians.id"), primary_key=True)
    phone: Mapped[str] = mapped_column(String(20))


class Child(Base):
    """A child with its full name, which never leaves this service."""

    __tablename__ = "children"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(40))


class Guardianship(Base):
    """Who is a guardian of whom; `birth_order` counts this guardian's children from 1."""

    __tablename__ = "guardianships"

    guardian_id: Mapped[str] = mapped_column(ForeignKey("guardians.id"), primary_key=True)
    child_id: Mapped[str] = mapped_column(ForeignKey("children.id"), primary_key=True)
    birth_order: Mapped[int]


class ApplicationRow(Base):
    """One application; parents may submit and change from `window_opens` until `window_closes`."""

    __tablename__ = "applications"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    guardian_id: Mapped[str] = mapped_column(ForeignKey("guardians.id"), index=True)
    child_id: Mapped[str] = mapped_column(ForeignKey("children.id"))
    city: Mapped[str] = mapped_column(String(16))
    district: Mapped[str] = mapped_column(String(40))
    school: Mapped[str] = mapped_column(String(80))
    stage: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(16))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    problems: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    window_opens: Mapped[datetime] = mapped_column(UtcDateTime)
    window_closes: Mapped[datetime] = mapped_column(UtcDateTime)

    child: Mapped[Child] = relationship()
    events: Mapped[list[ApplicationEvent]] = relationship(cascade="all, delete-orphan", order_by="ApplicationEvent.id")

    def window_open(self, at: datetime) -> bool:
        """Return whether parents may submit and change at the moment `at`."""
        return self.window_opens <= at < self.window_closes


class ApplicationEvent(Base):
    """A step that an application took; `from_state` is empty for its first."""

    __tablename__ = "application_events"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    application_id: Mapped[str] = mapped_column(ForeignKey("applications.id"), index=True)
    from_state: Mapped[str | None] = mapped_column(String(16))
    to_state: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    seeded: Mapped[bool] = mapped_column(default=False)


class OutgoingChange(Base):
    """A change that the help desk has not taken yet; the row goes when it has."""

    __tablename__ = "outgoing_changes"

    event_id: Mapped[int] = mapped_column(ForeignKey("application_events.id"), primary_key=True, autoincrement=False)


class SeenNonce(Base):
    """The nonce of a signed request that was accepted, kept as long as the request would be accepted again."""

    __tablename__ = "seen_nonces"

    nonce: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class VerificationRow(Base):
    """A one-time code that was asked for; `application_id` is null where none was sent: the row is else the same.

    The number that was asked for and the code are kept as keyed hashes only.
    """

    __tablename__ = "verifications"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    number_hash: Mapped[str] = mapped_column(String(64), index=True)
    application_id: Mapped[str | None] = mapped_column(String(64))
    code_hash: Mapped[str] = mapped_column(String(64))
    tries: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TextMessage(Base):
    """A message in the outbox, which stands for the telephone company; `phone` is null for one that goes to nobody."""

    __tablename__ = "text_messages"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    phone: Mapped[str | None] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
