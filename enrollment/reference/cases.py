"""What the reference service does with cases: look up a guardian's own, and move one by a legal step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import CursorResult, Select, and_, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from core.errors import ConflictError, NotFoundError
from core.scope import City
from enrollment.models import Application, Problem, Reached, mask_name
from enrollment.reference.changes import one_at_a_time
from enrollment.reference.tables import ApplicationEvent, ApplicationRow, Guardianship, OutgoingChange
from enrollment.states import states


class IllegalStepError(ConflictError):
    """The city's machine has no such step from the present state, or not at present."""

    code = "illegal_step"


def applications_of(session: Session, guardian: str, city: City, at: datetime) -> list[Application]:
    """Return what `guardian` registered in `city`, in order of birth: one query decides, whoever asks."""
    rows = session.execute(
        _registered()
        .where(ApplicationRow.guardian_id == guardian, ApplicationRow.city == city)
        .order_by(Guardianship.birth_order, ApplicationRow.id)
    )
    return [_shown(row, birth_order, at) for row, birth_order in rows]


def application(session: Session, application_id: str, at: datetime) -> Application | None:
    """Return one application as its registered guardian sees it, `None` where there is none."""
    found = session.execute(_registered().where(ApplicationRow.id == application_id)).one_or_none()
    return _shown(*found, at) if found else None


def take_step(
    session: Session,
    application_id: str,
    to: str,
    problems: Sequence[Problem],
    at: datetime,
    *,
    announced: bool = False,
) -> ApplicationRow:
    """Move an application to the state `to`, and return it.

    `problems` takes the place of what was wrong before; `announced`: the step goes to the outbox, too.

    Raises:
        NotFoundError: there is no such application.
        IllegalStepError: the machine refuses the step, or somebody else moved the application meanwhile.

    """
    one_at_a_time(session)
    row = session.get(ApplicationRow, application_id)
    if row is None:
        raise NotFoundError("没有这个办件。")
    before = row.state
    _check_step(row, to, problems, at)
    moved = session.execute(
        update(ApplicationRow)
        .where(ApplicationRow.id == application_id, ApplicationRow.state == before)
        .values(state=to, since=at, problems=[problem.model_dump() for problem in problems])
    )
    if not isinstance(moved, CursorResult) or moved.rowcount != 1:
        raise IllegalStepError("办件的状态刚刚变了，请重新查看。")
    event = ApplicationEvent(application_id=application_id, from_state=before, to_state=to, at=at)
    session.add(event)
    session.flush()
    if announced:
        session.add(OutgoingChange(event_id=event.id))
        session.flush()
    session.refresh(row)
    return row


def _registered() -> Select[ApplicationRow, int]:
    own = and_(Guardianship.guardian_id == ApplicationRow.guardian_id, Guardianship.child_id == ApplicationRow.child_id)
    return (
        select(ApplicationRow, Guardianship.birth_order)
        .join(Guardianship, own)
        .options(joinedload(ApplicationRow.child), selectinload(ApplicationRow.events))
    )


def _check_step(row: ApplicationRow, to: str, problems: Sequence[Problem], at: datetime) -> None:
    machine = states().cities[cast(City, row.city)].states
    now, window_open = machine[row.state], row.window_open(at)
    legal = [step.to for step in now.steps if now.may_go(step.to, window_open=window_open)]
    if to not in legal:
        raise IllegalStepError("办件现在不能这样变更。", to=to, legal=legal)
    if machine[to].problems_named and not problems:
        raise IllegalStepError("请写明哪里需要补正或补充。", to=to, legal=legal)


def _shown(row: ApplicationRow, birth_order: int, at: datetime) -> Application:
    fields = {name: getattr(row, name) for name in ("id", "city", "district", "school", "stage", "state", "since")}
    return Application(
        **fields,
        child=mask_name(row.child.name),
        birth_order=birth_order,
        history=tuple(Reached(state=event.to_state, since=event.at) for event in row.events),
        problems=tuple(Problem.model_validate(problem) for problem in row.problems),
        window_open=row.window_open(at),
        window_closes=row.window_closes,
        as_of=at,
    )
