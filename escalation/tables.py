"""The tables of tickets. Texts are masked before they come here; of an event nothing is ever changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from conversations.tables import Base, UtcDateTime


class TicketRow(Base):
    """A ticket as it is now; `version` counts its events, and who changes it names the version that they saw."""

    __tablename__ = "tickets"
    __table_args__ = (
        UniqueConstraint("created_by", "client_key"),
        Index("ix_tickets_place_due", "city", "district", "school", "due_at"),
        Index("ix_tickets_state_climb", "state", "climb_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    number: Mapped[str] = mapped_column(String(12), unique=True)
    city: Mapped[str] = mapped_column(String(20))
    district: Mapped[str | None] = mapped_column(String(60))
    school: Mapped[str | None] = mapped_column(String(60))
    level: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(20))
    urgency: Mapped[str] = mapped_column(String(10))
    version: Mapped[int] = mapped_column(Integer)
    holder: Mapped[str | None] = mapped_column(String(200), index=True)
    holder_name: Mapped[str | None] = mapped_column(String(60))
    topic: Mapped[str] = mapped_column(String(40))
    entry: Mapped[str | None] = mapped_column(String(10))
    branch: Mapped[str | None] = mapped_column(String(40))
    conversation_id: Mapped[str | None] = mapped_column(ForeignKey("conversations.id"), index=True)
    call_id: Mapped[str | None] = mapped_column(String(36))
    application_id: Mapped[str | None] = mapped_column(String(200))
    created_by: Mapped[str] = mapped_column(String(200))
    client_key: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    warn_at: Mapped[datetime] = mapped_column(UtcDateTime)
    climb_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closes_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TicketMessageRow(Base):
    """Words on a ticket; at most one message comes with a version."""

    __tablename__ = "ticket_messages"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(10))
    actor: Mapped[str] = mapped_column(String(200))
    actor_name: Mapped[str] = mapped_column(String(60))
    role: Mapped[str] = mapped_column(String(10))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class TicketEventRow(Base):
    """One step of a ticket: who, when, why, from where to where; one for each version."""

    __tablename__ = "ticket_events"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(200))
    actor_name: Mapped[str] = mapped_column(String(60))
    role: Mapped[str] = mapped_column(String(10))
    why: Mapped[str] = mapped_column(Text)
    before: Mapped[str | None] = mapped_column(String(20))
    after: Mapped[str] = mapped_column(String(20))
    level_before: Mapped[str | None] = mapped_column(String(10))
    level: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class OutboxRow(Base):
    """A step that is to be announced; written with the step itself. `announced_at` is null until it is."""

    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("ticket_id", "version"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(20))
    to_parent: Mapped[bool] = mapped_column(Boolean)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    announced_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)


class TicketWatcherRow(Base):
    """Somebody who has a ticket open; a row that is not renewed counts no more, and goes with anybody's next."""

    __tablename__ = "ticket_watchers"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    staff: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    role: Mapped[str] = mapped_column(String(10))
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class IncidentRow(Base):
    """One failure that many parents report. `open_for`: what it covers while it is open, so that none is open twice."""

    __tablename__ = "incidents"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    city: Mapped[str] = mapped_column(String(20))
    district: Mapped[str | None] = mapped_column(String(60))
    topic: Mapped[str] = mapped_column(String(40))
    entry: Mapped[str | None] = mapped_column(String(10))
    title: Mapped[str] = mapped_column(String(120))
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10), index=True)
    version: Mapped[int] = mapped_column(Integer)
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    open_for: Mapped[str | None] = mapped_column(String(200), unique=True)


class IncidentTextRow(Base):
    """What parents were told of an incident; one text for each version."""

    __tablename__ = "incident_texts"

    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    actor: Mapped[str] = mapped_column(String(200))
    actor_name: Mapped[str] = mapped_column(String(60))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class IncidentTicketRow(Base):
    """A ticket of an incident; `told` is the version of the incident whose text the ticket has had, 0: none."""

    __tablename__ = "incident_tickets"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), index=True)
    told: Mapped[int] = mapped_column(Integer)


class TicketAttachmentRow(Base):
    """A file on a ticket, as it was written anew; `version` is of the step that it came with.

    `content` stands last: the embedded database walks through all of it to reach a column behind it.
    """

    __tablename__ = "ticket_attachments"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    type: Mapped[str] = mapped_column(String(40))
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(200))
    actor_name: Mapped[str] = mapped_column(String(60))
    role: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int | None] = mapped_column(Integer)
    to_parent: Mapped[bool] = mapped_column(Boolean)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class NotificationRow(Base):
    """A step that its parent is told of outside the chat, unless they see it there; `outcome` is null until then.

    Version 0 is no step: a person spoke in the chat.

    `id` is what the notifier knows it by; `seq`: how far a page must have read to have shown it; `next_at`: when it is
    sent, or sent again after `tries`.
    """

    __tablename__ = "notifications"
    __table_args__ = (Index("ix_notifications_outcome_next", "outcome", "next_at"),)

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[str] = mapped_column(String(36), unique=True)
    seq: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[str | None] = mapped_column(String(10))
