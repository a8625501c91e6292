"""Keep conversations on SQL: one function, one transaction.

All functions block; coroutines call them through `ConversationStore.call`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, ParamSpec, TypeVar, cast

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json
from sqlalchemy import Connection, Engine, Integer, Row, Table, bindparam, create_engine, event, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import NullPool, QueuePool

from conversations.reply import Choice, Memory, Message, Reply, Said
from conversations.said import keep_offered, keep_said, offered_in
from conversations.tables import ConversationRow, FeedbackRow, OfferedRow, SaidRow, TokenUseRow, TurnRow, UtcDateTime
from core import clock
from core.case_numbers import mask_case_numbers
from core.errors import (
    BusyError,
    ConflictError,
    NotAuthenticatedError,
    TokenRefusal,
    TokenRejectedError,
    UnknownOptionError,
)
from core.outcomes import Outcome
from core.scope import City, Scope

_MESSAGES: TypeAdapter[list[Message]] = TypeAdapter(list[Message])
_P = ParamSpec("_P")
_R = TypeVar("_R")
_JSON: dict[str, Any] = {"json_serializer": lambda value: to_json(value).decode(), "json_deserializer": from_json}
_BUSY_FOR = timedelta(seconds=30)
_SECRETS_KEPT = 20_000
_NOT_AUTHENTICATED = "会话不存在或密钥不对，请重新打开咨询窗口。"

# What every turn runs is written in SQLAlchemy's Core, and once: building it anew costs more than running it.
_CONVERSATIONS, _TURNS, _OFFERED, _TOKEN_USES = (
    cast("Table", row.__table__) for row in (ConversationRow, TurnRow, OfferedRow, TokenUseRow)
)
_SECRET = select(_CONVERSATIONS.c.secret_hash).where(_CONVERSATIONS.c.id == bindparam("conversation"))
_OPEN_TURN = (
    update(_CONVERSATIONS)
    .where(
        _CONVERSATIONS.c.id == bindparam("conversation"),
        _CONVERSATIONS.c.busy_until.is_(None) | (_CONVERSATIONS.c.busy_until < bindparam("now", type_=UtcDateTime())),
    )
    .values(busy_until=bindparam("until"), turns=_CONVERSATIONS.c.turns + 1, last_seq=_CONVERSATIONS.c.last_seq + 1)
    .returning(*_CONVERSATIONS.c)
)
_END_TURN = update(_TURNS).where(_TURNS.c.id == bindparam("turn"), _TURNS.c.outcome.is_(None))
_END_TURN = _END_TURN.values({c: bindparam(c) for c in ("outcome", "intent", "confidence", "details", "finished_at")})
_SHUT_TURN = (
    update(_CONVERSATIONS)
    .where(_CONVERSATIONS.c.id == bindparam("conversation"), _CONVERSATIONS.c.fence == bindparam("opened_under"))
    .values({c: bindparam(c) for c in ("city", "district", "stage", "memory")})
    .values(last_seq=_CONVERSATIONS.c.last_seq + bindparam("said", type_=Integer), busy_until=None)
    .returning(_CONVERSATIONS.c.last_seq)
)
_LAST_SAID = select(_CONVERSATIONS.c.last_seq).where(_CONVERSATIONS.c.id == bindparam("conversation"))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a valid token speaks for; `guardian` is the host app's pseudonymous id.

    Until `expires_at` the token would be accepted, so until then its `jti` has to be remembered.
    """

    guardian: str
    city: str
    jti: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as a turn sees it; `owner_role` is the role of the person who owns it."""

    id: str
    scope: Scope
    guardian: str | None
    guardian_city: str | None
    owner: Literal["bot", "person"]
    last_seq: int
    memory: Memory
    fence: int = 0
    owner_role: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that was opened: `text` is the parent's words, masked; `choice` what a button stood for.

    `fence` is the conversation's at that moment: a reply is kept only while it is still the same.
    """

    id: str
    conversation_id: str
    number: int
    text: str
    choice: Choice | None
    fence: int = 0


@dataclass(frozen=True, slots=True)
class FinishedTurn:
    """A turn that has ended, as the API reports it."""

    number: int
    outcome: Outcome
    intent: dict[str, Any] | None
    confidence: float
    messages: list[dict[str, Any]]
    last_seq: int


def open_engine(url: str) -> Engine:
    """Open the database; SQLite gets write-ahead logging and foreign keys. Its errors show no values of rows."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, hide_parameters=True, **_JSON)
    pool: Any = NullPool if ":memory:" in url else QueuePool
    engine = create_engine(url, poolclass=pool, connect_args={"timeout": 10}, hide_parameters=True, **_JSON)

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


class ConversationStore:
    """Conversations, their turns and everything said.

    Args:
        engine: the migrated database.
        sign_in_lasts: how long a guardian counts as signed in after the last accepted token.
    """

    def __init__(self, engine: Engine, sign_in_lasts: timedelta = timedelta(hours=12)) -> None:
        self.engine = engine
        self._sign_in_lasts = sign_in_lasts
        self._session = sessionmaker(engine, expire_on_commit=False)
        self._embedded = engine.dialect.name == "sqlite"
        # A conversation's secret never changes, so it is read once for many messages.
        self._secret_hash = lru_cache(maxsize=_SECRETS_KEPT)(self._read_secret_hash)

    async def call(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run one of this store's functions from a coroutine.

        A server is waited for in a worker thread; the embedded database answers faster than a thread can be woken.
        """
        if self._embedded:
            return function(*args, **kwargs)
        return await asyncio.to_thread(function, *args, **kwargs)

    def create(
        self, scope: Scope, opening: list[Message], identity: Identity | None = None
    ) -> tuple[Conversation, str]:
        """Open a conversation with the bot's first messages; return it and its secret, which is kept as a hash only.

        Raises:
            TokenRejectedError: the identity's token serves another conversation; then nothing is stored.
        """
        secret = secrets.token_urlsafe(32)
        # Whose case is shown here asks of the token's city, whatever city the page names.
        told = cast("City", identity.city) if identity else None
        place = scope.narrowed(city=told, district=None, stage=None)
        start = Turn(id="", conversation_id=str(uuid.uuid4()), number=0, text="", choice=None)
        offered = offered_in(start.conversation_id, opening)
        shown: list[dict[str, Any]] = _MESSAGES.dump_python(opening, mode="json")
        new = insert(_CONVERSATIONS).values(
            id=start.conversation_id,
            secret_hash=_hash(secret),
            city=place.city,
            district=place.district,
            stage=scope.stage,
            guardian=identity and identity.guardian,
            guardian_city=identity and identity.city,
            signed_in_until=identity and clock.now() + self._sign_in_lasts,
            owner="bot",
            fence=0,
            turns=0,
            last_seq=len(shown),
            memory=Memory(city_is_fixed=scope.city is not None).model_dump(mode="json"),
            created_at=clock.now(),
        )
        with self.engine.begin() as connection:
            row = connection.execute(new.returning(*_CONVERSATIONS.c)).one()
            if identity:
                _use_token(connection, row.id, identity)
            keep_said(connection, start.conversation_id, "bot", len(shown), shown, at=clock.now())
            keep_offered(connection, offered)
        return _conversation(row), secret

    def authenticate(self, conversation_id: str, secret: str) -> None:
        """Check the conversation's secret in constant time.

        Raises:
            NotAuthenticatedError: wrong secret or unknown conversation; the two are not told apart.
        """
        if not hmac.compare_digest(self._secret_hash(conversation_id), _hash(secret)):
            raise NotAuthenticatedError(_NOT_AUTHENTICATED)

    def get(self, conversation_id: str) -> Conversation:
        """Return the conversation; `NoResultFound` if there is none."""
        with self._session() as session:
            return _conversation(session.get_one(ConversationRow, conversation_id))

    def guardian_of(self, conversation_id: str) -> tuple[str, str] | None:
        """Return guardian and city of who signed in to the conversation, however long ago; None: nobody, or no city.

        For staff alone, who work on what the guardian has handed in: a sign-in ends to protect what the chat shows on
        a device, and whose conversation it is never changes. What a parent sees goes by `Conversation.guardian`.
        """
        wanted = select(_CONVERSATIONS.c.guardian, _CONVERSATIONS.c.guardian_city)
        with self.engine.connect() as connection:
            row = connection.execute(wanted.where(_CONVERSATIONS.c.id == conversation_id)).one_or_none()
        if row is None or row.guardian is None or row.guardian_city is None:
            return None
        return row.guardian, row.guardian_city

    def sign_in(self, conversation_id: str, guardian: str, city: str | None, jti: str, expires_at: datetime) -> None:
        """Bind the guardian to the conversation.

        Raises:
            ConflictError: the conversation belongs to another guardian.
            TokenRejectedError: the token serves another conversation already.
        """
        taken = TokenRejectedError(TokenRefusal.REPLAYED)
        with self._session.begin() as session:
            use = session.get(TokenUseRow, jti)
            if use and use.conversation_id != conversation_id:
                raise taken
            row = session.get_one(ConversationRow, conversation_id, with_for_update=True)
            if row.guardian not in (None, guardian):
                raise ConflictError("本次咨询属于另一个账号，请重新开始咨询。")
            if not use:
                session.add(TokenUseRow(jti=jti, conversation_id=conversation_id, expires_at=expires_at))
                try:
                    session.flush()
                except IntegrityError as error:  # another conversation was quicker
                    raise taken from error
            if row.guardian is None and city and row.city != city:
                row.city, row.district = city, None  # whose case is shown here asks of that city
            row.guardian, row.guardian_city = guardian, city
            row.signed_in_until = clock.now() + self._sign_in_lasts

    def begin_turn(self, conversation_id: str, text: str, payload: str | None = None) -> tuple[Turn, Conversation]:
        """Open a turn: number it, keep what the parent said, and shut the door to a second turn until it ends.

        Args:
            conversation_id: an authenticated conversation.
            text: the parent's words, masked; ignored for a payload, whose option's label is kept instead.
            payload: the id of an option that was offered.

        Raises:
            UnknownOptionError: the payload was not offered in this conversation.
            BusyError: another turn of this conversation is still running.
            NotAuthenticatedError: the conversation is not there any more.
        """
        now = clock.now()
        with self.engine.begin() as connection:
            choice = None
            if payload is not None:
                text, choice = self._chosen(connection, conversation_id, payload)
            values = {"now": now, "until": now + _BUSY_FOR, "conversation": conversation_id}
            row = connection.execute(_OPEN_TURN, values).one_or_none()
            if row is None:
                self._read_secret_hash(conversation_id)  # a conversation that was erased since is unknown, not busy
                raise BusyError("上一条消息还在处理，请稍候再发。")
            conversation = _conversation(row)
            text = text if _for_people(conversation) else mask_case_numbers(text)
            turn = Turn(str(uuid.uuid4()), conversation_id, row.turns, text, choice, row.fence)
            opened = {"id": turn.id, "conversation_id": conversation_id, "number": turn.number, "text": text}
            connection.execute(insert(_TURNS), {**opened, "payload": payload, "fence": turn.fence, "started_at": now})
            said = {"type": "text", "text": text}
            keep_said(connection, conversation_id, "parent", row.last_seq, [said], at=clock.now(), turn=turn.number)
            return turn, conversation

    def turn(self, turn_id: str) -> tuple[Turn, Conversation]:
        """Return an open turn with its conversation."""
        with self._session() as session:
            row = session.get_one(TurnRow, turn_id)
            conversation = session.get_one(ConversationRow, row.conversation_id)
            return Turn(row.id, row.conversation_id, row.number, row.text, None, row.fence), _conversation(conversation)

    def leave_reply(self, turn: Turn, reply: Reply, *, scope: Scope, memory: Memory) -> FinishedTurn | None:
        """End the turn with its reply, and open the door to the next; once only.

        Returns:
            How the turn ended; None if it had ended before (it was given up): then nothing is said or changed. If the
            conversation was taken over or handed back since the turn was opened, the reply is dropped.
        """
        now = clock.now()
        intent = reply.intent.model_dump() if reply.intent else None
        offered = offered_in(turn.conversation_id, reply.messages, turn.number)
        shown: list[dict[str, Any]] = _MESSAGES.dump_python(reply.messages, mode="json")
        ending = {"outcome": reply.outcome.value, "intent": intent, "confidence": reply.confidence}
        after = {
            "said": len(shown),
            "memory": memory.model_dump(mode="json"),
            "city": scope.city,
            "district": scope.district,
            "stage": scope.stage,
        }
        with self.engine.begin() as connection:
            values = {"turn": turn.id, "details": reply.details, "finished_at": now, **ending}
            if not connection.execute(_END_TURN, values).rowcount:
                return None
            shut = {"conversation": turn.conversation_id, "opened_under": turn.fence, **after}
            last = connection.execute(_SHUT_TURN, shut).scalar()
            if last is None:
                return _dropped(connection, turn, reply)
            keep_said(connection, turn.conversation_id, "bot", last, shown, at=clock.now(), turn=turn.number)
            keep_offered(connection, offered)
        return FinishedTurn(turn.number, reply.outcome, intent, reply.confidence, shown, last)

    def finished(self, turn_id: str) -> FinishedTurn | None:
        """Return how the turn ended, or None while it runs."""
        with self._session() as session:
            row = session.get_one(TurnRow, turn_id)
            if row.outcome is None:
                return None
            said = select(SaidRow).where(SaidRow.conversation_id == row.conversation_id, SaidRow.turn == row.number)
            rows = session.scalars(said.order_by(SaidRow.seq)).all()
            shown = [one.message for one in rows if one.author == "bot"]
            outcome = Outcome(row.outcome)
            return FinishedTurn(row.number, outcome, row.intent, row.confidence or 0.0, shown, rows[-1].seq)

    def said_after(self, conversation_id: str, after: int) -> list[Said]:
        """Return everything said after number `after`, oldest first."""
        with self._session() as session:
            rows = session.scalars(
                select(SaidRow)
                .where(SaidRow.conversation_id == conversation_id, SaidRow.seq > after)
                .order_by(SaidRow.seq)
            )
            return [
                Said.model_validate(
                    {"seq": row.seq, "turn": row.turn, "author": row.author, "at": row.at, "message": row.message}
                )
                for row in rows
            ]

    def note_feedback(self, turn: Turn, verdict: str, entry_id: str | None, question: str | None) -> None:
        """Keep what a parent said of an answer."""
        with self._session.begin() as session:
            session.add(
                FeedbackRow(
                    conversation_id=turn.conversation_id,
                    turn=turn.number,
                    verdict=verdict,
                    entry_id=entry_id,
                    question=question,
                    at=clock.now(),
                )
            )

    def _read_secret_hash(self, conversation_id: str) -> str:
        known: str | None = None
        if conversation_id.isprintable():  # PostgreSQL refuses a text with a zero character
            with self.engine.connect() as connection:
                known = connection.execute(_SECRET, {"conversation": conversation_id}).scalar()
        if known is None:
            raise NotAuthenticatedError(_NOT_AUTHENTICATED)
        return known

    @staticmethod
    def _chosen(connection: Connection, conversation_id: str, payload: str) -> tuple[str, Choice]:
        """Return label and meaning of an option that was offered in this conversation."""
        row = None
        if payload.isprintable():
            offered = select(_OFFERED.c.label, _OFFERED.c.choice)
            mine = (_OFFERED.c.payload == payload) & (_OFFERED.c.conversation_id == conversation_id)
            row = connection.execute(offered.where(mine)).one_or_none()
        if row is None:
            raise UnknownOptionError("这个选项已失效，请重新选择或直接输入问题。")
        return row.label, Choice.model_validate(row.choice)


def _for_people(conversation: Conversation) -> bool:
    """Whether what is typed now is for people, who may need the number of a case: a ticket's words, a live talk."""
    pending = conversation.memory.pending
    return conversation.owner == "person" or (pending is not None and pending.ask.startswith("ticket"))


def _dropped(connection: Connection, turn: Turn, reply: Reply) -> FinishedTurn:
    """End a turn whose reply comes too late; the door is another turn's by now, so it is left as it is."""
    outcome = Outcome.HANDED_OVER if reply.messages else reply.outcome
    ending = {"outcome": outcome.value, "intent": None, "confidence": 0.0}
    connection.execute(update(_TURNS).where(_TURNS.c.id == turn.id).values(ending))
    last = connection.execute(_LAST_SAID, {"conversation": turn.conversation_id}).scalar_one()
    return FinishedTurn(turn.number, outcome, None, 0.0, [], last)


def _use_token(connection: Connection, conversation_id: str, identity: Identity) -> None:
    use = {"jti": identity.jti, "conversation_id": conversation_id, "expires_at": identity.expires_at}
    try:
        connection.execute(insert(_TOKEN_USES), use)
    except IntegrityError as error:
        raise TokenRejectedError(TokenRefusal.REPLAYED) from error


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _conversation(row: ConversationRow | Row[Any]) -> Conversation:
    signed_in = row.signed_in_until is not None and row.signed_in_until > clock.now()
    return Conversation(
        id=row.id,
        scope=Scope(row.city, row.district, row.stage),  # type: ignore[arg-type]
        guardian=row.guardian if signed_in else None,
        guardian_city=row.guardian_city if signed_in else None,
        owner="person" if row.owner == "person" else "bot",
        last_seq=row.last_seq,
        memory=Memory.model_validate(row.memory or {}),
        fence=row.fence,
        owner_role=row.owner_role,
    )
