"""How much one address and one conversation may ask for."""

from __future__ import annotations

import math
import time
from ipaddress import ip_address, ip_network

from fastapi import Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from core.errors import TooManyRequestsError
from core.settings import Settings


class Limits:
    """Counts calls in moving windows, in memory of this process."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._per_address = parse(settings.limit_per_address)
        self._sign_in = parse(settings.limit_sign_in)
        self._per_conversation = parse(settings.limit_per_conversation)
        self._exempt = read_networks(settings.limit_exempt)
        self._proxies = read_networks(settings.trusted_proxies)

    def check(self, request: Request, conversation_id: str | None = None) -> None:
        """Count this call.

        Raises:
            TooManyRequestsError: a limit is reached; says after how many seconds to try again.
        """
        address, direct = self._client(request)
        if direct and is_within(address, self._exempt):
            return
        self._count(self._per_address, "address", address)
        if conversation_id:
            self._count(self._per_conversation, "conversation", conversation_id)

    def check_sign_in(self, request: Request) -> None:
        """Count a try of staff to sign in.

        Raises:
            TooManyRequestsError: this address has tried too often; says after how many seconds to try again.
        """
        address, direct = self._client(request)
        if not (direct and is_within(address, self._exempt)):
            self._count(self._sign_in, "sign-in", address)

    def _count(self, limit: RateLimitItem, what: str, key: str) -> None:
        if self._limiter.hit(limit, what, key):
            return
        reset = self._limiter.get_window_stats(limit, what, key).reset_time
        wait = max(1, math.ceil(reset - time.time()))
        raise TooManyRequestsError(f"发送太频繁，请{wait}秒后再试。", retry_after=wait)

    def _client(self, request: Request) -> tuple[str, bool]:
        """Return the client's address, and whether it called without a proxy."""
        peer = request.client.host if request.client else ""
        forwarded = request.headers.get("x-forwarded-for")
        if forwarded is None or not is_within(peer, self._proxies):
            return peer, True
        hops = [hop.strip() for hop in forwarded.split(",")]
        return next((hop for hop in reversed(hops) if not is_within(hop, self._proxies)), hops[0]), False


def read_networks(setting: str) -> list[object]:
    """Return the networks of a setting, comma-separated."""
    return [ip_network(part.strip()) for part in setting.split(",") if part.strip()]


def is_within(address: str, networks: list[object]) -> bool:
    """Whether an address, which may be none, belongs to one of the networks."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)  # type: ignore[operator]
