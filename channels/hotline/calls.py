"""The calls' API: an agent records a call while it runs, ends it, hands it over, and finds the day's calls again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, ParamSpec, TypeVar
from uuid import UUID

from fastapi import APIRouter, Path, Query

from bot.actions.desk import Desk
from channels.access import Allowed
from channels.hotline.caller import Caller
from channels.hotline.handing_over import add_news, draft_of, hand_over, numbers_of, parts_of
from channels.hotline.shapes import (
    CallCard,
    CallChange,
    DayOfCalls,
    EndBody,
    Escalated,
    EventsBody,
    HandOver,
    NewCall,
    OpenCall,
)
from channels.tickets.routes import actor_of
from channels.tickets.shapes import made
from core import clock
from core.errors import MalformedRequestError
from hotline.calls import Call, CallStore
from staff.roles import Staff

_P = ParamSpec("_P")
_R = TypeVar("_R")
CallId = Annotated[UUID, Path()]


class CallDesk:
    """What the calls' routes do."""

    def __init__(self, desk: Desk, calls: CallStore) -> None:
        self._desk, self.calls = desk, calls

    async def start(self, who: Allowed, body: NewCall) -> CallCard:
        """Open a call; 409 `call_open` if another one of yours is open."""
        place = (body.city, self._desk.entities.district(body.district))
        return await self._card(
            who, await self._run(self.calls.start, who.id, *place, str(body.id) if body.id else None)
        )

    async def of_day(self, who: Allowed, day: Annotated[date | None, Query()] = None) -> DayOfCalls:
        """Return your calls of a day in China, by default today, the last one first."""
        wanted = day or clock.today()
        return DayOfCalls(day=wanted, calls=await self._cards(who, await self._run(self.calls.of_day, who.id, wanted)))

    async def open_call(self, who: Allowed) -> OpenCall:
        """Return your call that is not ended, if there is one."""
        call = await self._run(self.calls.open_call, who.id)
        return OpenCall(call=await self._card(who, call) if call else None)

    async def get(self, who: Allowed, call_id: CallId) -> CallCard:
        """Return a call of yours."""
        return await self._card(who, await self._run(self.calls.get, who.id, str(call_id)))

    async def change(self, who: Allowed, call_id: CallId, body: CallChange) -> CallCard:
        """Change city, district or note; numbers of persons in the note are masked."""
        changed = body.model_dump(exclude_unset=True)
        if "district" in changed:
            changed["district"] = self._desk.entities.district(body.district)
        return await self._card(who, await self._run(self.calls.change, who.id, str(call_id), changed))

    async def add(self, who: Allowed, call_id: CallId, body: EventsBody) -> CallCard:
        """Record what happened with suggestions; what comes twice is kept once."""
        unknown = {one.entry_id for one in body.events if one.entry_id} - set(self._desk.knowledge.entries)
        if unknown:
            raise MalformedRequestError("没有这条问答。", entry_ids=sorted(unknown))
        happened = [one.happened() for one in body.events]
        return await self._card(who, await self._run(self.calls.add, who.id, str(call_id), happened))

    async def end(self, who: Allowed, call_id: CallId, body: EndBody) -> CallCard:
        """End a call, or give one that has ended today another result; its ticket hears what came since."""
        call = await self._run(self.calls.end, who.id, str(call_id), body.result)
        if call.escalated_at:
            await self._run(add_news, self._desk, call, who)
        return await self._card(who, call)

    async def escalate(self, who: Allowed, call_id: CallId, wanted: HandOver | None = None) -> Escalated:
        """Mark a call for the school teams and make its ticket, once; later, add to it what it does not say yet.

        409 `city_unknown` while the caller's city is not known.
        """
        wanted = wanted or HandOver()
        call = await self._run(self.calls.get, who.id, str(call_id))
        application = await Caller(self._desk, who, call.id).to_hand_over(call.city)
        draft = draft_of(self._desk, call, who, wanted, application)
        call = await self._run(self.calls.escalate, who.id, call.id)
        parts = parts_of(call, wanted.question, application)
        ticket = await self._run(hand_over, self._desk, draft, parts, who)
        told = made(ticket, self._desk.tickets.book, actor_of(who), clock.now())
        return Escalated(call=await self._card(who, call), ticket=told)

    async def _card(self, who: Staff, call: Call) -> CallCard:
        return (await self._cards(who, [call]))[0]

    async def _cards(self, who: Staff, calls: list[Call]) -> list[CallCard]:
        numbers = await self._run(numbers_of, self._desk, calls, who)
        return [CallCard.of(call, numbers.get(call.id)) for call in calls]

    async def _run(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return await self._desk.store.call(function, *args, **kwargs)


def add_routes(router: APIRouter, calls: CallDesk) -> None:
    """Serve the calls' API on `router`."""
    router.post("/api/v1/calls", status_code=201)(calls.start)
    router.get("/api/v1/calls")(calls.of_day)
    router.get("/api/v1/calls/open")(calls.open_call)
    router.get("/api/v1/calls/{call_id}")(calls.get)
    router.patch("/api/v1/calls/{call_id}")(calls.change)
    router.post("/api/v1/calls/{call_id}/events")(calls.add)
    router.post("/api/v1/calls/{call_id}/end")(calls.end)
    router.post("/api/v1/calls/{call_id}/escalate")(calls.escalate)
