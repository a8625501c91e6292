"""What the help desk needs from an enrolment backend; `tests/enrollment/backend_contract.py` is what each must pass."""

from __future__ import annotations

from typing import Protocol

from core.scope import City
from enrollment.models import Application, Change


class EnrollmentBackend(Protocol):
    """A source of families' own applications."""

    async def applications_of(self, guardian: str, city: City) -> list[Application]:
        """Return the applications in `city` that are registered to `guardian`, in order of birth.

        Somebody without an application of their own gets an empty list, by the same calls, whether or not the backend
        knows them and whether or not their child has an application by somebody else.

        Args:
            guardian: the guardian's id, as the host app's token gives it in `sub`.
            city: the city whose applications are meant; never another's.

        Raises:
            EnrollmentError: the backend gave no usable answer; its kinds are in `enrollment/errors.py`.

        """
        ...

    async def changes_after(self, cursor: int) -> list[Change]:
        """Return what changed after the change with the id `cursor`, oldest first.

        It is one bounded page; who wants all asks again with the last one's id until nothing comes.

        Raises:
            EnrollmentError: the backend gave no usable answer; `NotOfferedError`: it tells no changes at all.

        """
        ...

    async def latest_change(self) -> int:
        """Return the id of the newest change, 0 where there is none: the cursor of who wants what comes from now on.

        Raises:
            EnrollmentError: as above.

        """
        ...

    async def ready(self) -> bool:
        """Return whether look-ups work at present; never raises for a fault of the backend."""
        ...

    async def aclose(self) -> None:
        """Give back connections; calling it again does nothing."""
        ...
