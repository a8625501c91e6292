"""Train a peer's project and have it rank texts, in Rasa's own environment and at the lowest priority."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core.errors import HelpdeskError
from core.settings import ROOT
from evaluation.peers.project import CONFIG, DATA, DOMAIN

TRAINING_SECONDS, RANKING_SECONDS = 3600.0, 900.0
MODEL, LOG = "models/peer.tar.gz", "rasa.log"
_THREADS = "2"
_EPOCH = re.compile(r"\| (\d+)/\d+ \[.*?, t_loss=([\d.e+-]+), \w_acc=([\d.e+-]+)\]")

Ranking = list[tuple[str, float]]


class PeerError(HelpdeskError):
    """A peer cannot be trained or asked; the message says why."""


class Epoch(NamedTuple):
    """After one pass over the examples: the training loss and the share of training examples that are right."""

    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Training:
    """What `rasa train nlu` took, by the clock and of the processors, and how its learning went, epoch by epoch."""

    seconds: float
    processor_seconds: float
    epochs: tuple[Epoch, ...]


def train(python: Path, folder: Path, seconds: float = TRAINING_SECONDS) -> Training:
    """Train the project in `folder`; the model stays in it.

    Args:
        python: of Rasa's environment.
        folder: holds what `write_project` writes; what Rasa leaves behind goes there, too.
        seconds: after which it is given up.

    Raises:
        PeerError: no such environment, Rasa failed or took too long; the message has the end of its log.
    """
    files = ["--nlu", DATA, "--domain", DOMAIN, "--config", CONFIG]
    out = ["--out", Path(MODEL).parent.name, "--fixed-model-name", Path(MODEL).name]
    began, worked = time.monotonic(), _processor_seconds()
    log = _run(python, ["-m", "rasa", "train", "nlu", *files, *out], folder, seconds)
    epochs = read_epochs(log)
    if not epochs:
        raise PeerError(f"Rasa's log tells of no epoch:\n{_tail(folder / LOG)}")
    return Training(time.monotonic() - began, _processor_seconds() - worked, epochs)


def rank(python: Path, folder: Path, texts: Sequence[str], seconds: float = RANKING_SECONDS) -> list[Ranking]:
    """Return (label, confidence) of all labels for each text, surest first; empty where Rasa knows nothing in it.

    Raises:
        PeerError: as `train`.
    """
    source, target = folder / "texts.json", folder / "rankings.json"
    source.write_text(json.dumps(list(texts), ensure_ascii=False), encoding="utf-8")
    _run(python, ["-m", "bot.components.rank_texts", MODEL, source.name, target.name], folder, seconds)
    rankings = json.loads(target.read_text(encoding="utf-8"))
    return [[(label, confidence) for label, confidence in ranking] for ranking in rankings]


def read_epochs(log: str) -> tuple[Epoch, ...]:
    """Return what the progress bar in Rasa's log tells of each epoch; the last word on an epoch counts."""
    told = {int(number): Epoch(float(loss), float(accuracy)) for number, loss, accuracy in _EPOCH.findall(log)}
    return tuple(told[number] for number in sorted(told))


def _run(python: Path, arguments: Sequence[str], folder: Path, seconds: float) -> str:
    """Run Rasa's Python in the folder and return its log; it ends with this process, however that ends."""
    if not python.exists():
        raise PeerError(f"no Rasa environment at {python}: run `make setup`")
    command = [*_dies_with_parent(), "nice", "-n", "19", str(python), *arguments]
    log = folder / LOG
    try:
        with log.open("wb") as output:
            done = subprocess.run(  # noqa: S603
                command,
                cwd=folder,
                env=_environment(folder),
                stdout=output,
                stderr=output,
                timeout=seconds,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"Rasa did not end within {seconds:.0f} s:\n{_tail(log)}") from error
    if done.returncode != 0:
        raise PeerError(f"Rasa ended with code {done.returncode}:\n{_tail(log)}")
    return log.read_text(encoding="utf-8", errors="replace")


def _processor_seconds() -> float:
    """Return what the children that have ended took of the processors."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment(folder: Path) -> dict[str, str]:
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    threads = ("OMP_NUM_THREADS", "TF_INTRA_OP_PARALLELISM_THREADS", "TF_INTER_OP_PARALLELISM_THREADS")
    quiet = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    own = {"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary), "LOG_LEVEL": "INFO"}
    return {**os.environ, **quiet, **own, **dict.fromkeys(threads, _THREADS)}


def _dies_with_parent() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _tail(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
    return "\n".join(text.splitlines()[-15:])
