"""The reference service's HTTP interface. Errors have the shape `{"error": {"code", "message", "details"}}`."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Depends, FastAPI, Header, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from core import clock
from core.errors import NotAuthenticatedError, SettingsError
from core.scope import City
from enrollment.models import Application, Problem, Word
from enrollment.reference.cases import applications_of, take_step
from enrollment.reference.database import open_database
from enrollment.reference.families import seed_families
from enrollment.reference.refusals import add_error_handlers


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ApplicationsQuery(_Body):
    """Whose applications, in which city."""

    guardian: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    city: City


class ApplicationsFound(BaseModel):
    """A guardian's own applications in one city, in order of birth."""

    applications: list[Application]


class StepWanted(_Body):
    """The state to go to and what is wrong from then on."""

    to: Word
    problems: list[Problem] = Field(default_factory=list, max_length=50, strict=False)


class StepTaken(BaseModel):
    """Where the application stands now."""

    id: str
    state: str
    since: datetime


def _session(request: Request) -> Iterator[Session]:
    with request.app.state.sessions.begin() as session:
        yield cast(Session, session)


def _check_key(request: Request, authorization: Annotated[str, Header()] = "") -> None:
    expected = f"Bearer {request.app.state.key.get_secret_value()}"
    if not secrets.compare_digest(authorization.encode(), expected.encode()):
        raise NotAuthenticatedError("密钥不正确。")


SessionOfCall = Annotated[Session, Depends(_session, scope="function")]
health = APIRouter()
cases = APIRouter(prefix="/v1/applications", dependencies=[Depends(_check_key)])


@health.get("/health")
def tell_health(session: SessionOfCall) -> dict[str, str]:
    """Answer `ok` where the database answers."""
    session.execute(select(1))
    return {"status": "ok"}


@cases.post("/query")
def find_applications(query: ApplicationsQuery, session: SessionOfCall) -> ApplicationsFound:
    """Return what the guardian registered in the city; empty for everybody else, whoever they are."""
    return ApplicationsFound(applications=applications_of(session, query.guardian, query.city, clock.now()))


@cases.post("/{application_id}/steps")
def move_application(application_id: str, wanted: StepWanted, session: SessionOfCall) -> StepTaken:
    """Move an application by a legal step; any other is refused with 409 `illegal_step`."""
    row = take_step(session, application_id, wanted.to, wanted.problems, clock.now())
    return StepTaken(id=row.id, state=row.state, since=row.since)


def create_service(database_url: str, key: SecretStr) -> FastAPI:
    """Build the service: open and fill the database, check the key on everything but `/health`.

    Args:
        database_url: SQLAlchemy address, SQLite in a file or PostgreSQL.
        key: what callers send as `Authorization: Bearer …`; never empty.

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
    async def closing_database(_service: FastAPI) -> AsyncIterator[None]:
        yield
        engine.dispose()

    # Without its pages of documentation nothing but /health is open to those who have no key.
    service = FastAPI(lifespan=closing_database, docs_url=None, redoc_url=None, openapi_url=None)
    service.state.key, service.state.sessions = key, sessions
    add_error_handlers(service)
    service.include_router(health)
    service.include_router(cases)
    return service
