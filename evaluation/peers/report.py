"""The kept report: the peers' figures, how their training went, and what they were measured on."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import HelpdeskError
from core.scope import CITIES, City
from core.settings import ROOT
from evaluation.baselines import single_questions
from evaluation.peers.project import PEERS, Peer
from evaluation.peers.training import Epoch
from evaluation.questions import Question, digest_of
from knowledge.loader import Knowledge

FOLDER = Path(__file__).parent
JSON, MARKDOWN, TEMPLATE = "report.json", "report.md", "report.md.jinja"
REQUIREMENTS = ROOT / "requirements/rasa.txt"


class PeerReportError(HelpdeskError):
    """The kept report cannot be read; the message says how to make it anew."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Inputs(_Model):
    """What the figures depend on: hashes (16 hexadecimal digits), and Rasa's version."""

    training: str
    questions: str
    config: str
    rasa: str


class CityTraining(_Model):
    """A city's training: examples, labels ("none" among them), seconds as in `Training`, and each epoch."""

    city: City
    examples: int
    labels: int
    seconds: float
    processor_seconds: float
    epochs: tuple[Epoch, ...]


class PeerFigures(_Model):
    """A peer's figures, shares in [0, 1] as in `evaluation.baselines.Baseline`, and its trainings."""

    name: str
    forced: float
    guarded: float
    trainings: tuple[CityTraining, ...]


class PeerReport(_Model):
    """Everything that was measured at one time, on so many processors."""

    at: str
    inputs: Inputs
    processors: int
    answerable: int
    unanswerable: int
    peers: tuple[PeerFigures, ...]

    @property
    def minutes(self) -> float:
        """What all trainings took together by the clock."""
        return sum(part.seconds for one in self.peers for part in one.trainings) / 60

    @property
    def processor_minutes(self) -> float:
        """What all trainings took together of the processors."""
        return sum(part.processor_seconds for one in self.peers for part in one.trainings) / 60

    def save(self, folder: Path = FOLDER) -> Path:
        """Write the report as JSON and as Markdown; return the Markdown file."""
        (folder / JSON).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        (folder / MARKDOWN).write_text(as_markdown(self), encoding="utf-8")
        return folder / MARKDOWN


@dataclass(frozen=True, slots=True)
class Kept:
    """The kept report, and whether it was measured on the present data."""

    report: PeerReport
    current: bool


def inputs_of(knowledge: Knowledge, questions: Sequence[Question], peers: Iterable[Peer] = PEERS) -> Inputs:
    """Return what the peers' figures would depend on now."""
    from retrieval.corpus import examples_of

    lines = [(city, e.text, e.entry) for city in CITIES for e in examples_of(knowledge, city)]
    return Inputs(
        training=_hash(lines),
        questions=digest_of(single_questions(questions)),
        config=_hash([(peer.name, peer.config) for peer in peers]),
        rasa=rasa_version(),
    )


def rasa_version(requirements: Path = REQUIREMENTS) -> str:
    """Return the version of Rasa that is pinned."""
    pin = re.search(r"^rasa==(\S+)$", requirements.read_text(encoding="utf-8"), re.MULTILINE)
    if pin is None:
        raise PeerReportError(f"{requirements}: no line `rasa==…`")
    return pin[1]


def load_kept(inputs: Inputs, folder: Path = FOLDER) -> Kept | None:
    """Read the kept report and compare what it was measured on with `inputs`; None where none is kept.

    Raises:
        PeerReportError: there is one, but not of this shape.
    """
    path = folder / JSON
    if not path.exists():
        return None
    try:
        report = PeerReport.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise PeerReportError(f"{path}: no report of `make evaluate-peers`; run it with FORCE=1 ({error})") from error
    return Kept(report, report.inputs == inputs)


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def as_markdown(report: PeerReport) -> str:
    """Return the report for people."""
    templates = Environment(loader=FileSystemLoader(FOLDER), undefined=StrictUndefined, trim_blocks=True)  # noqa: S701
    return templates.get_template(TEMPLATE).render(report=report) + "\n"


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]
