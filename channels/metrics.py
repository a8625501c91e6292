"""What is counted, and `GET /metrics`, where Prometheus reads it. No label names a person, a case or a conversation.

The counts are kept in the memory of this process and begin at nought with it; the service is one process. With several
behind one address each reading would show another one's counts: let Prometheus read each at an address of its own and
add them up there, or use prometheus_client's multiprocess mode (PROMETHEUS_MULTIPROC_DIR).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, disable_created_metrics, generate_latest
from starlette.exceptions import HTTPException

from channels.limits import is_within, read_networks
from core.errors import ConflictError, TokenRefusal, TokenRejectedError
from core.outcomes import Outcome
from core.settings import Settings
from escalation.notifications import Notified
from staff.accounts import SignIn

_PASSED_ON = ("x-forwarded-for", "x-real-ip", "forwarded", "via")


class Metrics:
    """The counters; every label value stands there from the start, so that a first case shows as a step from 0 to 1."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        refusals = Counter(
            "helpdesk_token_refusals_total", "Parents' tokens refused.", ["reason"], registry=self._registry
        )
        turns = Counter("helpdesk_turns_total", "Turns by how they ended.", ["outcome"], registry=self._registry)
        sign_ins = Counter(
            "helpdesk_staff_sign_ins_total", "Tries of staff to sign in.", ["outcome"], registry=self._registry
        )
        notifications = Counter(
            "helpdesk_notifications_total",
            "News of tickets for parents whose page is closed.",
            ["outcome"],
            registry=self._registry,
        )
        self._notifications = {outcome: notifications.labels(outcome.value) for outcome in Notified}
        self._sign_ins = {outcome: sign_ins.labels(outcome.value) for outcome in SignIn}
        self._refusals = {reason: refusals.labels(reason.value) for reason in TokenRefusal}
        self._turns = {outcome: turns.labels(outcome.value) for outcome in Outcome}

    def count_turn(self, outcome: Outcome) -> None:
        """Count a turn that has ended."""
        self._turns[outcome].inc()

    def count_sign_in(self, outcome: SignIn) -> None:
        """Count a member of staff's try to sign in."""
        self._sign_ins[outcome].inc()

    def count_notification(self, outcome: Notified) -> None:
        """Count what became of a notification, or a try that failed."""
        self._notifications[outcome].inc()

    @contextmanager
    def token_refusals(self) -> Iterator[None]:
        """Count by its reason the refusal of a token that is raised inside, and let it pass."""
        try:
            yield
        except TokenRejectedError as error:
            self._refusals[error.reason].inc()
            raise
        except ConflictError:
            self._refusals[TokenRefusal.OTHER_GUARDIAN].inc()
            raise

    def text(self) -> bytes:
        """Return all counts in Prometheus' text format."""
        return generate_latest(self._registry)


def make_router(settings: Settings, metrics: Metrics) -> APIRouter:
    """Return the route `/metrics`, which is there for direct calls from the metrics networks only."""
    router = APIRouter()
    networks = read_networks(settings.metrics_networks)

    @router.get("/metrics", include_in_schema=False)
    async def read_metrics(request: Request) -> Response:
        peer = request.client.host if request.client else ""
        # A proxy on this machine calls from an inner address for anybody outside; what it passes on is no direct call.
        if not is_within(peer, networks) or any(name in request.headers for name in _PASSED_ON):
            raise HTTPException(404)
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
