"""What the page lets an agent choose; words of the page that its scripts and the API share."""

from __future__ import annotations

from bot.components.entity_rules import load_patterns
from hotline.calls import Result

CITIES: dict[str, str] = {"": "两地", "chongqing": "重庆", "qingdao": "青岛"}
RESULTS: dict[Result, str] = {"answered": "已答复", "escalated": "已转交", "called_back": "回电", "dropped": "中断"}


def districts() -> dict[str, list[str]]:
    """Return the districts of each city that the help desk knows."""
    found: dict[str, list[str]] = load_patterns()["district_city"]
    return found
