"""News of families' applications, on SQL: what the backend announced, and what was told of it in which conversation.

All functions block; coroutines call them through `ConversationStore.call`. A change is kept before it is confirmed to
the backend, and told once in each conversation, whichever process tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from conversations.reply import Message
from conversations.said import keep_offered, keep_said, offered_in
from conversations.tables import (
    AnnouncementRow,
    CaseWaitRow,
    ChangeRow,
    ConversationRow,
    KeptNewsRow,
    NonceRow,
    TurnRow,
)
from core import clock

_MESSAGES: TypeAdapter[list[Message]] = TypeAdapter(list[Message])
_CHANGES_KEPT = timedelta(days=1)
_AT_ONCE = 1000
"""Pieces of news read in one round; those that can't be told at present are among them."""


@dataclass(frozen=True, slots=True)
class AnnouncedChange:
    """A step of an application that the backend announced; `id` is the backend's and grows."""

    id: int
    guardian: str
    city: str
    application_id: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class KeptNews:
    """News that waits until a conversation is the bot's and its guardian signed in.

    Without an application: the backend answers again.
    """

    conversation_id: str
    application_id: str | None
    key: str


class NewsStore:
    """The backend's announcements, and who was told."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def use_nonce(self, nonce: str, now: datetime, lifetime: timedelta) -> bool:
        """Keep a signed call's nonce; False if it was used before. Those older than `lifetime` are forgotten."""
        try:
            with self.engine.begin() as connection:
                connection.execute(delete(NonceRow).where(NonceRow.at < now - lifetime))
                connection.execute(insert(NonceRow).values(nonce=nonce, at=now))
        except IntegrityError:
            return False
        return True

    def receive(self, change: AnnouncedChange, now: datetime) -> bool:
        """Keep a change until it is told; False if it is known already."""
        values = {name: getattr(change, name) for name in change.__slots__}
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(ChangeRow).values(**values, received_at=now))
        except IntegrityError:
            return False
        return True

    def last_change(self) -> int | None:
        """Return the highest number of a change that was received, or None before the first."""
        with self.engine.connect() as connection:
            return connection.execute(select(func.max(ChangeRow.id))).scalar()

    def untold(self) -> list[AnnouncedChange]:
        """Return the changes that are not told yet, oldest first, at most `_AT_ONCE`."""
        columns = [getattr(ChangeRow, name) for name in AnnouncedChange.__slots__]
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(*columns).where(ChangeRow.told_at.is_(None)).order_by(ChangeRow.id).limit(_AT_ONCE)
            )
            return [AnnouncedChange(*row) for row in rows]

    def close(self, change_ids: Sequence[int], now: datetime) -> None:
        """Note that changes are told, and forget whose they were; the last one's number is kept, others for a day."""
        with self.engine.begin() as connection:
            told = update(ChangeRow).where(ChangeRow.id.in_(change_ids))
            connection.execute(told.values(told_at=now, guardian="", application_id=""))
            newest = select(func.max(ChangeRow.id)).scalar_subquery()
            connection.execute(delete(ChangeRow).where(ChangeRow.told_at < now - _CHANGES_KEPT, ChangeRow.id < newest))

    def forget(self, guardian: str, now: datetime) -> int:
        """Forget a guardian's changes that were not told yet; return how many."""
        untold = update(ChangeRow).where(ChangeRow.guardian == guardian)
        with self.engine.begin() as connection:
            return connection.execute(untold.values(told_at=now, guardian="", application_id="")).rowcount

    def conversations_of(self, guardian: str, city: str, since: datetime) -> list[str]:
        """Return the conversations that the guardian is signed in to, and that were used since a moment."""
        used = select(TurnRow.id).where(TurnRow.conversation_id == ConversationRow.id, TurnRow.started_at >= since)
        wanted = select(ConversationRow.id).where(
            ConversationRow.guardian == guardian,
            ConversationRow.guardian_city == city,
            (ConversationRow.created_at >= since) | used.exists(),
        )
        with self.engine.connect() as connection:
            return list(connection.execute(wanted).scalars())

    def announce(self, conversation_id: str, key: str, messages: list[Message], now: datetime) -> bool | None:
        """Say something in a conversation that nobody has asked for just now, once for each `key`.

        Returns:
            True if it is said now, False if it was said before, None if a person handles the conversation: then
            nothing is said.
        """
        offered = offered_in(conversation_id, messages)
        shown: list[dict[str, Any]] = _MESSAGES.dump_python(messages, mode="json")
        counted = (
            update(ConversationRow)
            .where(ConversationRow.id == conversation_id, ConversationRow.owner == "bot")
            .values(last_seq=ConversationRow.last_seq + len(shown))
            .returning(ConversationRow.last_seq)
        )
        try:
            with self.engine.begin() as connection:
                last = connection.execute(counted).scalar()
                if last is None:
                    return None
                connection.execute(insert(AnnouncementRow).values(conversation_id=conversation_id, key=key, at=now))
                keep_said(connection, conversation_id, "bot", last, shown, at=now)
                keep_offered(connection, offered)
        except IntegrityError:
            return False
        return True

    def keep(self, news: KeptNews, now: datetime) -> None:
        """Keep news for when the conversation is the bot's again; it takes the place of older of that application."""
        values = {"conversation_id": news.conversation_id, "application_id": news.application_id or ""}
        new = {"key": news.key, "kept_at": now}
        mine = [KeptNewsRow.conversation_id == news.conversation_id]
        mine.append(KeptNewsRow.application_id == values["application_id"])
        try:
            with self.engine.begin() as connection:
                if not connection.execute(update(KeptNewsRow).where(*mine).values(new)).rowcount:
                    connection.execute(insert(KeptNewsRow).values(**values, **new))
        except IntegrityError:  # another process keeps it at this moment
            return

    def kept(self) -> list[KeptNews]:
        """Return the kept news that can be told now, oldest first, at most `_AT_ONCE`.

        It is of conversations that are the bot's. Whoever is signed out is not told of a case; their news waits until
        they sign in again.
        """
        now = clock.now()
        wanted = (
            select(KeptNewsRow.conversation_id, KeptNewsRow.application_id, KeptNewsRow.key)
            .join(ConversationRow, ConversationRow.id == KeptNewsRow.conversation_id)
            .where(ConversationRow.owner == "bot", ConversationRow.signed_in_until > now)
            .order_by(KeptNewsRow.kept_at)
            .limit(_AT_ONCE)
        )
        with self.engine.connect() as connection:
            return [
                KeptNews(row.conversation_id, row.application_id or None, row.key) for row in connection.execute(wanted)
            ]

    def drop_kept(self, news: KeptNews) -> None:
        """Forget news that was told; not if newer has taken its place since."""
        told = delete(KeptNewsRow).where(
            KeptNewsRow.conversation_id == news.conversation_id,
            KeptNewsRow.application_id == (news.application_id or ""),
            KeptNewsRow.key == news.key,
        )
        with self.engine.begin() as connection:
            connection.execute(told)

    def wait_for_backend(self, conversation_id: str, now: datetime) -> None:
        """Note that a parent wants to be told their case once the backend answers again."""
        with self.engine.begin() as connection:
            connection.execute(delete(CaseWaitRow).where(CaseWaitRow.conversation_id == conversation_id))
            connection.execute(insert(CaseWaitRow).values(conversation_id=conversation_id, since=now))

    def waiting(self) -> list[tuple[str, datetime]]:
        """Return the conversations that wait for the backend, longest first, with the moment since when."""
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(CaseWaitRow.conversation_id, CaseWaitRow.since).order_by(CaseWaitRow.since)
            )
            return [(row.conversation_id, row.since) for row in rows]

    def stop_waiting(self, conversation_id: str) -> None:
        """Forget that a conversation waits."""
        with self.engine.begin() as connection:
            connection.execute(delete(CaseWaitRow).where(CaseWaitRow.conversation_id == conversation_id))
