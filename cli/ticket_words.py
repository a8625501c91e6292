"""The Chinese words of the tickets' export and report, from `ticket_words.yml`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from core.scope import CITIES, City

ExportColumn = Literal[
    "number",
    "city",
    "district",
    "school",
    "level",
    "state",
    "urgency",
    "topic",
    "entry",
    "created_at",
    "due_at",
    "first_answer_at",
    "resolved_at",
    "late",
    "holder_name",
    "messages",
    "transfers",
]
ReportColumn = Literal[
    "place", "tickets", "answered", "on_time_share", "median_hours", "p90_hours", "open", "late"
]  # fmt: skip


class Words(BaseModel):
    """All of `ticket_words.yml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cities: dict[City, str]
    is_late: str
    not_late: str
    cut: str
    export_title: str
    export: dict[ExportColumn, str]
    words_heading: str
    report: dict[ReportColumn, str]
    whole_city: str
    unknown_district: str

    @model_validator(mode="after")
    def _complete(self) -> Words:
        pairs = ((CITIES, self.cities), (get_args(ExportColumn), self.export), (get_args(ReportColumn), self.report))
        if missing := [name for names, words in pairs for name in names if name not in words]:
            raise ValueError(f"no word for {', '.join(missing)}")
        return self


@lru_cache(maxsize=1)
def words() -> Words:
    """Return the words, read once."""
    path = Path(__file__).parent / "ticket_words.yml"
    return Words.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
