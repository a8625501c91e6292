"""The reference service's HTTP interface. Errors have the shape `{"error": {"code", "message", "details"}}`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from core import clock
from core.errors import SettingsError
from core.scope import City
from enrollment.models import Application, Change, Problem, Word
from enrollment.reference import verifications
from enrollment.reference.cases import applications_of, take_step
from enrollment.reference.changes import changes_after, latest_change
from enrollment.reference.database import open_database
from enrollment.reference.door import check_key, check_signature
from enrollment.reference.families import seed_families
from enrollment.reference.outbox import Outbox, Receiver
from enrollment.reference.refusals import add_error_handlers
from enrollment.signing import Signer

MAX_ID = 2**31 - 1  # of the column
logger = logging.getLogger(__name__)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ApplicationsQuery(_Body):
    """Whose applications, in which city."""

    guardian: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    city: City


class ApplicationsFound(BaseModel):
    """A guardian's own applications in one city, in order of birth."""

    applications: list[Application]


class CodeWanted(_Body):
    """For which application a code is to be sent."""

    number: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    city: City


class VerificationBegun(BaseModel):
    """The same reply, whether there is such an application or not."""

    id: str


class CodeGiven(_Body):
    """A code that somebody gave."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    code: Annotated[str, StringConstraints(min_length=1, max_length=20)]


class CodeChecked(BaseModel):
    """Whether it was the right one."""

    verified: bool


class VerifiedQuery(_Body):
    """Whose application."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class MessageSent(BaseModel):
    """A message in the outbox."""

    id: int
    phone: str
    text: str
    at: datetime


class MessagesFound(BaseModel):
    """The messages after a cursor, oldest first."""

    messages: list[MessageSent]


class StepWanted(_Body):
    """The state to go to and what is wrong from then on."""

    to: Word
    problems: list[Problem] = Field(default_factory=list, max_length=50, strict=False)


class StepTaken(BaseModel):
    """Where the application stands now."""

    id: str
    state: str
    since: datetime


class ChangesFound(BaseModel):
    """A page of changes, oldest first, and the id of the newest change of all, 0 where there is none."""

    changes: list[Change]
    last: int


def _session(request: Request) -> Iterator[Session]:
    with request.app.state.sessions.begin() as session:
        yield cast(Session, session)


SessionOfCall = Annotated[Session, Depends(_session, scope="function")]
health = APIRouter()
cases = APIRouter(prefix="/v1", dependencies=[Depends(check_key), Depends(check_signature)])


@health.get("/health")
def tell_health(session: SessionOfCall) -> dict[str, str]:
    """Answer `ok` where the database answers."""
    session.execute(select(1))
    return {"status": "ok"}


@cases.post("/applications/query")
def find_applications(query: ApplicationsQuery, session: SessionOfCall) -> ApplicationsFound:
    """Return what the guardian registered in the city; empty for everybody else, whoever they are."""
    return ApplicationsFound(applications=applications_of(session, query.guardian, query.city, clock.now()))


@cases.post("/applications/{application_id}/steps")
def move_application(request: Request, application_id: str, wanted: StepWanted, session: SessionOfCall) -> StepTaken:
    """Move an application by a legal step; any other is refused with 409 `illegal_step`."""
    announced = request.app.state.announcing
    row = take_step(session, application_id, wanted.to, wanted.problems, clock.now(), announced=announced)
    return StepTaken(id=row.id, state=row.state, since=row.since)


@cases.get("/changes")
def tell_changes(session: SessionOfCall, after: Annotated[int | None, Query(ge=0, le=MAX_ID)] = None) -> ChangesFound:
    """Return a page of the changes after the one with the id `after`, none without it, and the newest one's id."""
    found = [] if after is None else changes_after(session, after)
    return ChangesFound(changes=found, last=latest_change(session))


@cases.post("/verifications")
def begin_verification(request: Request, wanted: CodeWanted, session: SessionOfCall) -> VerificationBegun:
    """Send a one-time code to the phone that is registered with the application, if there is one."""
    key = request.app.state.key
    return VerificationBegun(id=verifications.send_code(session, key, wanted.number, wanted.city, clock.now()))


@cases.post("/verifications/check")
def check_code(request: Request, given: CodeGiven, session: SessionOfCall) -> CodeChecked:
    """Check a one-time code."""
    key = request.app.state.key
    return CodeChecked(verified=verifications.verify(session, key, given.id, given.code, clock.now()))


@cases.post("/verifications/application")
def find_verified(query: VerifiedQuery, session: SessionOfCall) -> ApplicationsFound:
    """Return the application of a verification that was answered with yes; none for any other."""
    found = verifications.application_verified(session, query.id, clock.now())
    return ApplicationsFound(applications=[found] if found else [])


@cases.get("/text-messages")
def tell_messages(session: SessionOfCall, after: Annotated[int, Query(ge=0, le=MAX_ID)] = 0) -> MessagesFound:
    """Return the outbox: what a telephone company would have delivered. It is there for the demo and for tests."""
    found = verifications.messages_after(session, after)
    return MessagesFound(messages=[MessageSent.model_validate(one, from_attributes=True) for one in found])


def create_service(
    database_url: str, key: SecretStr, signer: Signer | None = None, receiver: Receiver | None = None
) -> FastAPI:
    """Build the service: open and fill the database, check the key on everything but `/health`.

    Args:
        database_url: SQLAlchemy address, SQLite in a file or PostgreSQL.
        key: what callers send as `Authorization: Bearer …`; never empty.
        signer: what calls have to be signed with; `None`: unsigned calls are served.
        receiver: who is sent each step from now on; `None`: nobody.

    Raises:
        SettingsError: the key is empty or the address can't be used.

    """
    if not key.get_secret_value().strip():
        raise SettingsError("HELPDESK_ENROLLMENT_KEY is empty; set it to the key that callers have to send")
    engine = open_database(database_url)
    sessions = sessionmaker(engine)
    with sessions.begin() as session:
        seed_families(session, clock.now())

    @asynccontextmanager
    async def sending_changes(_service: FastAPI) -> AsyncIterator[None]:
        sending = asyncio.create_task(Outbox(sessions, receiver).run()) if receiver else None
        if sending:
            sending.add_done_callback(_log_end)
        yield
        if sending:
            sending.cancel()
            await asyncio.wait([sending])
        engine.dispose()

    # Without its pages of documentation nothing but /health is open to those who have no key.
    service = FastAPI(lifespan=sending_changes, docs_url=None, redoc_url=None, openapi_url=None)
    service.state.key, service.state.sessions = key, sessions
    service.state.signer, service.state.announcing = signer, receiver is not None
    add_error_handlers(service)
    service.include_router(health)
    service.include_router(cases)
    return service


def _log_end(sending: asyncio.Task[None]) -> None:
    if not sending.cancelled() and (error := sending.exception()):
        logger.error("changes are no longer sent: %s", type(error).__name__)
