"""The steps that applications took, as changes: in order, a page at a time. Seeded steps are no changes."""

from __future__ import annotations

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from enrollment.models import Change
from enrollment.reference.tables import ApplicationEvent, ApplicationRow

PAGE = 100


def changes_after(session: Session, cursor: int) -> list[Change]:
    """Return the changes after the one with the id `cursor`, oldest first, at most `PAGE`."""
    found = session.execute(_changes().where(ApplicationEvent.id > cursor).order_by(ApplicationEvent.id).limit(PAGE))
    return [_told(event, row) for event, row in found]


def change(session: Session, number: int) -> Change:
    """Return the change with that id; it has to exist."""
    event, row = session.execute(_changes().where(ApplicationEvent.id == number)).one()
    return _told(event, row)


def latest_change(session: Session) -> int:
    """Return the id of the newest change, 0 where there is none."""
    newest = session.scalar(select(func.max(ApplicationEvent.id)).where(ApplicationEvent.seeded.is_(False)))
    return newest or 0


def one_at_a_time(session: Session, table: str = ApplicationEvent.__tablename__) -> None:
    """Have writers of a table wait for each other until the transaction ends; SQLite has one at a time anyway.

    So steps appear in the order of their ids, and codes that are sent are counted right.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))


def _changes() -> Select[ApplicationEvent, ApplicationRow]:
    return (
        select(ApplicationEvent, ApplicationRow)
        .join(ApplicationRow, ApplicationRow.id == ApplicationEvent.application_id)
        .where(ApplicationEvent.seeded.is_(False))
    )


def _told(event: ApplicationEvent, row: ApplicationRow) -> Change:
    return Change.model_validate(
        {
            "id": event.id,
            "guardian": row.guardian_id,
            "city": row.city,
            "application_id": row.id,
            "state": event.to_state,
            "at": event.at,
        }
    )
