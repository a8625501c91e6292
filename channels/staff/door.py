"""Who calls, by a session's id or a token: looked up in the database, and remembered for some seconds.

For that long a process does not see that a session, an account or a token was ended by another process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from anyio import CapacityLimiter, to_thread
from cachetools import TTLCache
from sqlalchemy import Engine

from channels.tokens import read_staff_token
from core.settings import Settings
from staff.accounts import SignIn, StaffStore
from staff.roles import Staff
from staff.sessions import Session, StaffSessions
from staff.tokens import StaffTokens

REMEMBERED_SECONDS = 3.0
_REMEMBERED = 4096
_AT_ONCE = 2  # a password's check takes 64 MiB and several processors


class Caller(Protocol):
    """Runs a blocking function from a coroutine, as `ConversationStore.call` does."""

    def __call__(self, function: Callable[..., Any], *args: Any) -> Awaitable[Any]:
        """Run it and return what it returns."""
        ...


class StaffDoor:
    """Accounts, sessions and tokens of staff, for coroutines of one event loop.

    Args:
        engine: the migrated database.
        settings: lockout, life of sessions, demo.
        call: runs the blocking functions.
    """

    def __init__(self, engine: Engine, settings: Settings, call: Caller) -> None:
        self._settings = settings
        self.accounts = StaffStore(engine, settings)
        self.sessions = StaffSessions(engine, settings)
        self.tokens = StaffTokens(engine)
        self.call = call
        self._sessions: TTLCache[str, Session] = TTLCache(_REMEMBERED, REMEMBERED_SECONDS)
        self._tokens: TTLCache[str, Staff] = TTLCache(_REMEMBERED, REMEMBERED_SECONDS)
        self._hashing = CapacityLimiter(_AT_ONCE)

    async def session(self, id_: str) -> Session | None:
        """Return the session that is going on under this id."""
        if known := self._sessions.get(id_):
            return known
        if found := await self.call(self.sessions.find, id_):
            self._sessions[id_] = found
        return found  # type: ignore[no-any-return]

    async def token(self, text: str) -> Staff | None:
        """Return the integration whose token this is."""
        if known := self._tokens.get(text):
            return known
        if found := await self.call(self.tokens.find, text):
            self._tokens[text] = found
        return found  # type: ignore[no-any-return]

    def demo_token(self, text: str) -> Staff:
        """Return who a demo token speaks for.

        Raises:
            NotAuthenticatedError: it is refused.
        """
        if known := self._tokens.get(text):
            return known
        found = self._tokens[text] = read_staff_token(self._settings, text)
        return found

    async def check_password(self, login: str, password: str) -> tuple[SignIn, Staff | None]:
        """Check a password in a worker thread, few at once; see `StaffStore.check_password`."""
        return await to_thread.run_sync(self.accounts.check_password, login, password, limiter=self._hashing)

    async def open(self, staff: Staff, instead_of: str | None) -> str:
        """Return the id of a new session; whatever session the browser had ends."""
        await self.close(instead_of)
        return await self.call(self.sessions.open, staff)  # type: ignore[no-any-return]

    async def close(self, id_: str | None) -> None:
        """End a session, here at once."""
        if id_ is not None:
            await self.call(self.sessions.close, id_)
            self._sessions.pop(id_, None)
