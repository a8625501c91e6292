"""The second door to a case: for a caller whom the backend has verified. What each step does stands here, in order.

Whether there is such an application changes neither a reply nor a log line nor what is done for it, and so does an
application outside the agent's scope. The audit log knows of each step before the agent does; if it can't be written,
nothing is shown.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from sqlalchemy.exc import SQLAlchemyError

from bot.actions.case_cards import ON_A_CARD, application_card
from bot.actions.desk import Desk
from channels.hotline.refusals import not_recorded, nothing_to_show, silence, told_plainly
from conversations.audit import Look
from conversations.reply import ApplicationCard
from core import clock
from core.scope import City
from enrollment.errors import EnrollmentError
from enrollment.models import Application
from hotline import verification as rules
from hotline.lookups import Lookups, NoSuchCallError
from hotline.verification import Verification, VerificationError, code_to_show
from staff.roles import Staff

log = logging.getLogger(__name__)
IN_A_TICKET = ("child", "school")
"""What a hand-over takes from an application, as the audit log names it."""


@dataclass(frozen=True)
class Caller:
    """The caller of one call, as the agent who took it may verify them."""

    desk: Desk
    staff: Staff
    call_id: str

    async def expects_code(self) -> bool:
        """Return whether a code was sent in this call that runs, and may still be entered.

        Raises:
            ApiError: the agent has no such call.
        """
        with told_plainly():
            return rules.expects_code(await self.desk.store.call(self._lookups.state, self.call_id, self.staff.id))

    async def send_code(self, number: str, city: City, reason: str) -> None:
        """Have the backend send a code, if there is such an application.

        Raises:
            ApiError: none may be sent now, or the backend gave no answer; then it does not count.
        """
        call, ids = self.desk.store.call, (self.call_id, self.staff.id)
        with told_plainly():
            async with self._refused(city, reason, number):
                before = await call(self._lookups.begin_sending, *ids, reason, clock.now())
        try:
            code = await self.desk.backend.send_code(number, city)
        except EnrollmentError as error:
            _log(error)
            await call(self._lookups.not_sent, *ids, before)
            await self._audit(city, reason, "unavailable", number)
            raise silence(error, "send") from error
        await self._audit(city, reason, "code_sent", number)
        await call(self._lookups.sent, *ids, code, city, reason)

    async def check_code(self, typed: str) -> Verification:
        """Return how far the caller is verified by a code that they read out.

        Raises:
            ApiError: none can be checked now, or the backend gave no answer; then it does not count.
        """
        call, ids = self.desk.store.call, (self.call_id, self.staff.id)
        with told_plainly():
            async with self._refused():
                state = await call(self._lookups.begin_checking, *ids)
        code, city = str(state.code), cast("City", state.city)
        try:
            right = await self.desk.backend.verify(code, typed)
            found = await self.desk.backend.application_verified(code, city)  # always, so that it takes as long
        except EnrollmentError as error:
            _log(error)
            await call(self._lookups.not_checked, *ids)
            await self._audit(city, state.reason, "unavailable")
            raise silence(error, "check") from error
        if right and found and self._covers(found):
            await self._audit(city, state.reason, "code_right", found.id)
            return await call(self._lookups.right, *ids, code)
        outside = ("outside_scope",) if right and found else ()
        await self._audit(city, state.reason, "code_wrong", None, *outside)
        after = await call(self._lookups.wrong, *ids)
        if after.locked:
            await self._audit(city, state.reason, "locked")
        return after

    async def card(self) -> ApplicationCard:
        """Return the card of the application for which the caller is verified.

        Raises:
            ApiError: there is nothing to show, or the backend gave no answer.
        """
        try:
            async with self._refused():
                state = await self.desk.store.call(self._lookups.state, self.call_id, self.staff.id)
                code = code_to_show(state)
        except VerificationError as error:
            raise nothing_to_show() from error
        city = cast("City", state.city)
        try:
            found = await self.desk.backend.application_verified(code, city)
        except EnrollmentError as error:
            _log(error)
            await self._audit(city, state.reason, "unavailable")
            raise silence(error, "show") from error
        if found is None or not self._covers(found):
            await self._audit(city, state.reason, "none")
            raise nothing_to_show()
        card = application_card(self.desk, found)
        await self._audit(city, state.reason, "card", found.id, *ON_A_CARD)
        return card

    async def to_hand_over(self, wanted: City | None) -> Application | None:
        """Return the application in a city for which the caller is verified, for the school teams' ticket.

        None if they are not verified there, or while the backend gives no answer: a hand-over does not wait for it.
        """
        call = self.desk.store.call
        try:
            state = await call(self._lookups.state, self.call_id, self.staff.id)
            code = code_to_show(state)
        except VerificationError:
            return None
        city = cast("City", state.city)
        if city != wanted:
            return None
        try:
            found = await self.desk.backend.application_verified(code, city)
        except EnrollmentError as error:
            _log(error)
            await self._audit(city, state.reason, "unavailable")
            return None
        if found is None or not self._covers(found):
            await self._audit(city, state.reason, "none")
            return None
        await self._audit(city, state.reason, "handed_over", found.id, *IN_A_TICKET)
        return found

    @property
    def _lookups(self) -> Lookups:
        return Lookups(self.desk.store.engine, self.desk.settings.hotline_codes_per_hour)

    def _covers(self, application: Application) -> bool:
        return self.staff.scope.covers(application.city, application.district, application.school)

    @asynccontextmanager
    async def _refused(
        self, city: City | None = None, reason: str = "", number: str | None = None
    ) -> AsyncIterator[None]:
        """Record what the rules refuse; where the step itself names no city, it is about the last code sent."""
        try:
            yield
        except NoSuchCallError:
            raise
        except VerificationError:
            state = await self.desk.store.call(self._lookups.state, self.call_id, self.staff.id)
            about = city or cast("City", state.city)
            if about:  # else no case was ever asked for in this call
                await self._audit(about, reason or state.reason, "refused", number)
            raise

    async def _audit(self, city: City, reason: str, outcome: str, number: str | None = None, *shown: str) -> None:
        look = Look(
            actor=self.staff.id,
            role=self.staff.role,
            city=city,
            applications=(number,) if number else (),
            purpose=reason,
            shown=(outcome, *shown),
            conversation_id=self.call_id,
        )
        try:
            await self.desk.store.call(self.desk.audit.record, look)
        except (SQLAlchemyError, OSError) as error:
            log.error("audit log: %s; nothing is shown", type(error).__name__)
            raise not_recorded() from error


def _log(error: EnrollmentError) -> None:
    log.warning("%s: %s", type(error).__name__, error)
