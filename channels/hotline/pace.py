"""Let an answer's time tell nothing: it goes out at a multiple of a step that is long against what could differ."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STEP = 0.25
"""Seconds. What a case's being there costs or spares is some thousandths; an agent does not notice a quarter."""


@asynccontextmanager
async def in_even_time(step: float = STEP) -> AsyncIterator[None]:
    """Leave only when a multiple of `step` seconds has passed, however it ended inside."""
    began = time.monotonic()
    try:
        yield
    finally:
        await asyncio.sleep(-(time.monotonic() - began) % step)
