"""Case look-up for a caller: a number, a code that the caller reads out, then the card."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from channels.access import Allowed
from channels.hotline.caller import Caller
from channels.hotline.numbers import read_code, read_number
from channels.hotline.pace import in_even_time
from channels.services import services
from conversations.reply import ApplicationCard
from core.errors import ForbiddenError, MalformedRequestError
from core.scope import City
from hotline.case_aloud import case_lines
from hotline.lookups import reasons, sentence
from hotline.verification import CODES_APART
from staff.roles import Staff

router = APIRouter(prefix="/api/v1/calls/{call_id}", tags=["hotline"])


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class CodeWanted(_Body):
    """The case number as the caller gave it, and why it is looked up: a key of `hotline/lookups.yml`."""

    number: str = Field(max_length=100)
    city: City
    reason: str = Field(max_length=40)


class CodeRequested(BaseModel):
    """Always the same, whether there is such a case or not; `resend_after` in seconds."""

    message: str
    resend_after: int


class CodeExpected(BaseModel):
    """Whether a code was sent in this call that can still be entered."""

    expected: bool


class CodeGiven(_Body):
    """The code that the caller read out."""

    code: str = Field(max_length=40)


class CodeChecked(BaseModel):
    """Whether it was right, how many wrong ones more lock the call, and whether it is locked."""

    verified: bool
    tries_left: int
    locked: bool


class CaseShown(BaseModel):
    """The card that the parent sees, and the same as sentences to read aloud."""

    application: ApplicationCard
    spoken: list[str]


def _caller(request: Request, call_id: str, staff: Allowed) -> Caller:
    return Caller(services(request).desk, staff, call_id)


ThisCaller = Annotated[Caller, Depends(_caller)]


@router.post("/verification", status_code=202)
async def send_code(request: Request, caller: ThisCaller, body: CodeWanted) -> CodeRequested:
    """Have a one-time code sent to the phone that is registered with the case, if there is one."""
    services(request).limits.check(request)
    number = read_number(body.number)
    if body.reason not in reasons():
        raise MalformedRequestError("请选择查询原因。", fields={"body.reason": "not one of the list"})
    _check_city(caller.staff, body.city)
    async with in_even_time():
        await caller.send_code(number, body.city, body.reason)
    return CodeRequested(message=sentence("code_requested"), resend_after=int(CODES_APART.total_seconds()))


@router.get("/verification")
async def code_expected(caller: ThisCaller) -> CodeExpected:
    """Tell a page that was opened again in the middle of a call whether the caller still has a code to read out."""
    return CodeExpected(expected=await caller.expects_code())


@router.post("/verification/code")
async def check_code(request: Request, caller: ThisCaller, body: CodeGiven) -> CodeChecked:
    """Check the code that the caller read out; the third wrong one locks the call."""
    services(request).limits.check(request)
    code = read_code(body.code)
    async with in_even_time():
        state = await caller.check_code(code)
    return CodeChecked(verified=state.verified, tries_left=state.tries_left, locked=state.locked)


@router.get("/case")
async def show_case(caller: ThisCaller, response: Response) -> CaseShown:
    """Return the case of a verified caller; for everybody else there is none."""
    card = await caller.card()
    response.headers["Cache-Control"] = "no-store"
    return CaseShown(application=card, spoken=case_lines(card))


def _check_city(staff: Staff, city: City) -> None:
    if staff.scope.city not in (None, city):
        raise ForbiddenError("您的账号不负责这个城市。")
