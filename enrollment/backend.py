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

    async def send_code(self, number: str, city: City) -> str:
        """Have the backend send a one-time code to the phone that is registered with the application `number`.

        The reply has the same form, cost and time whether there is such an application or not. Never tried twice: a
        second try could send a second code.

        Args:
            number: the application's number, as somebody on the telephone gave it.
            city: the city whose applications are meant; never another's.

        Returns:
            The backend's id of this verification: 1 to 200 visible ASCII characters.

        Raises:
            EnrollmentError: the backend gave no usable answer, and whether a code was sent is not known;
                `NotOfferedError`: it verifies nobody.

        """
        ...

    async def verify(self, verification: str, code: str) -> bool:
        """Return whether `code` is the one that was sent for this verification.

        `False` also where there is no such application, the code is too old, or too many were tried. The right code
        may be asked for again: a reply that was lost does no harm. Never tried twice: each try counts.

        Raises:
            EnrollmentError: as above.

        """
        ...

    async def application_verified(self, verification: str, city: City) -> Application | None:
        """Return the application of a verification to which `verify` said yes, while the backend allows it.

        `None` for every other verification, also for one whose time, 30 minutes with the reference backend, is over.

        Args:
            verification: what `send_code` returned.
            city: the city that it was asked for.

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
