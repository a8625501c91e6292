"""What the enrolment backend tells about a family's applications.

A child's name arrives masked as the host app shows it (张*); a full name never leaves the backend. The models' `repr`
and their validation errors show no value, so that neither a log line nor a traceback tells anything of a case.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from core.scope import City, Stage

Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
MaskedName = Annotated[str, StringConstraints(min_length=2, max_length=40, pattern=r"\*")]


class Record(BaseModel):
    """A frozen value from outside: types are not bent to fit, and errors hide the input."""

    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)


class Problem(Record):
    """Something that the backend found wrong with an application."""

    item: Word = Field(repr=False, description="What it is about, as the app names it, e.g. 房产证 or 房产核验.")
    reason: Word = Field(repr=False, description="Why, in one short clause, e.g. 照片模糊，无法辨认.")


class Reached(Record):
    """A state that an application reached."""

    state: Word = Field(repr=False)
    since: AwareDatetime = Field(repr=False, description="When it was reached; any offset.")


class Application(Record):
    """One child's application, as its registered guardian may see it."""

    id: Word = Field(repr=False, description="The backend's number of the case, e.g. CQ2026-0417-0031.")
    city: City
    district: Word = Field(repr=False, description="District or county, e.g. 渝北区.")
    child: MaskedName = Field(repr=False, description="The child's name, masked by the backend: at least one `*`.")
    birth_order: int = Field(
        ge=1, le=20, repr=False, description="Place among this guardian's children: 1 = 老大, 2 = 老二 …; twins differ."
    )
    school: Word = Field(repr=False, description="The school that was applied for.")
    stage: Stage = Field(repr=False)
    state: Word = Field(repr=False, description="A state of the city's machine in `enrollment/states.yml`.")
    since: AwareDatetime = Field(repr=False, description="When the state was reached; any offset.")
    history: tuple[Reached, ...] = Field(
        default=(), max_length=200, repr=False, description="Oldest first, the present state last; empty: not known."
    )
    problems: tuple[Problem, ...] = Field(default=(), max_length=50, repr=False)
    window_open: bool = Field(repr=False, description="Whether parents may still submit or change at `as_of`.")
    window_closes: AwareDatetime | None = Field(
        None, repr=False, description="Until when parents may submit or change; None: the backend does not say."
    )
    as_of: AwareDatetime = Field(repr=False, description="When the backend looked this up; any offset.")


class Change(Record):
    """One step of one application, as the backend announces it; `id` grows and is never given twice."""

    id: int = Field(ge=1)
    guardian: Word = Field(repr=False, description="The guardian who registered the application.")
    city: City
    application_id: Word = Field(repr=False)
    state: Word = Field(repr=False, description="The state that was reached.")
    at: AwareDatetime


def mask_name(name: str) -> str:
    """Return the name as the host app shows it: the first character, then one `*` for each other, at least one."""
    return name[:1] + "*" * max(1, len(name) - 1)
