"""The time of day, in one place so that tests can hold it still."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def shown(moment: datetime) -> str:
    """Return a moment as parents read it, in China's time: 4月2日 09:05."""
    local = moment.astimezone(CHINA)
    return f"{local.month}月{local.day}日 {local:%H:%M}"


def today() -> date:
    """Return the date in China."""
    return now().astimezone(CHINA).date()
