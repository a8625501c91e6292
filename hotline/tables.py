"""The tables of the hotline. Texts are masked before they come here; a case number never comes here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from conversations.tables import Base, UtcDateTime


class CallRow(Base):
    """A call of one agent (`staff` is the id of `staff.roles.Staff`); `ended_at` is null while it runs."""

    __tablename__ = "calls"
    __table_args__ = (Index("ix_calls_staff_started", "staff", "started_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    staff: Mapped[str] = mapped_column(String(80))
    city: Mapped[str | None] = mapped_column(String(20))
    district: Mapped[str | None] = mapped_column(String(40))
    note: Mapped[str] = mapped_column(Text, default="")
    result: Mapped[str | None] = mapped_column(String(20))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    escalated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CallEventRow(Base):
    """What happened with a suggestion in a call: displayed, chosen, copied, told or marked wrong.

    `key` is made by the browser, so that an event sent twice is kept once. `question` is what stood in the box, masked.
    If nothing was shown for it yet, it was just `asked`, and `entry_id` is empty.
    """

    __tablename__ = "call_events"

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    entry_id: Mapped[str] = mapped_column(String(10), index=True)
    question: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class CallLookupRow(Base):
    """How far a call's caller is verified; one row a call. `verification` is the backend's id of its one-time code."""

    __tablename__ = "call_lookups"

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.id"), primary_key=True)
    city: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(40))
    verification: Mapped[str | None] = mapped_column(String(200))
    codes_sent: Mapped[int] = mapped_column(Integer, default=0)
    codes_wrong: Mapped[int] = mapped_column(Integer, default=0)
    verified: Mapped[bool] = mapped_column(Boolean, default=False)
    locked: Mapped[bool] = mapped_column(Boolean, default=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
