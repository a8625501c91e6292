"""What the help desk needs from an enrolment backend; `tests/enrollment/backend_contract.py` is what each must pass."""

from __future__ import annotations

from typing import Protocol

from core.scope import City
from enrollment.models import Application


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

    async def ready(self) -> bool:
        """Return whether the backend answers at present; never raises for a fault of the backend."""
        ...

    async def aclose(self) -> None:
        """Give back connections; calling it again does nothing."""
        ...
