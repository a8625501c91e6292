"""`helpdesk train`: train what is missing or stale; `helpdesk tune`: choose the judge's weights and thresholds anew."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from core.errors import HelpdeskError, ModelMissingError
from core.settings import ROOT, Settings, settings
from knowledge.loader import Knowledge, load_knowledge
from knowledge.nlu import nlu_files

RASA_MODEL = "rasa/helpdesk.tar.gz"
RASA_SOURCES = ("config.yml", "domain.yml", "bot/data", "bot/dictionaries", "bot/components", "requirements/rasa.txt")


def train(
    force: Annotated[bool, typer.Option("--force", help="Train everything, even what is up to date.")] = False,
) -> None:
    """Train Rasa and retrieval, side by side; what is up to date is skipped."""
    current = settings()
    known = load_knowledge()
    _check_nlu(known)
    current.var_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(current.var_dir).free
    if free < 500_000_000:
        raise HelpdeskError(f"only {free // 1_000_000} MB free at {current.var_dir}: training needs 500 MB")
    started = time.monotonic()
    rasa = start_rasa_training(current) if force or not _rasa_is_current(current) else None
    if force or not _retrieval_is_current(current, known):
        from retrieval.train import train_retrieval

        train_retrieval(known, current.var_dir / "retrieval", current.encoder_folder, _say)
    if rasa:
        _finish_rasa(current, rasa)
    if rasa or force:
        seconds = round(time.monotonic() - started, 1)
        (current.var_dir / "training.json").write_text(json.dumps({"seconds": seconds}), encoding="utf-8")
        _say(f"trained in {seconds:.0f} s")


def tune() -> None:
    """Tune the judges on held-out training questions; takes some minutes and rewrites their files in retrieval/."""
    from retrieval.tune import tune as tune_judges

    judge, double, context = tune_judges(load_knowledge(), _say)
    _say(f"thresholds: {judge.thresholds}; two in one from {double.threshold}; half questions: {context.thresholds}")


def start_rasa_training(current: Settings) -> subprocess.Popen[bytes]:
    """Start Rasa's training as a child; its output goes to `var/rasa-train.log`."""
    if not current.rasa_python.exists():
        raise HelpdeskError(f"no Rasa environment at {current.rasa_python}: run `make setup`")
    _say("Rasa (log: var/rasa-train.log)")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HELPDESK_ACTION_URL": "-", "HELPDESK_ACTION_SECRET": "-"}
    out, log = current.var_dir / "rasa", current.var_dir / "rasa-train.log"
    script = (
        f"'{current.rasa_python}' -m bot.components.entity_rules '{current.var_dir / 'spacy'}' && "
        f"'{current.rasa_python}' -m rasa train --data bot/data --domain domain.yml --config config.yml "
        f"--out '{out}' --fixed-model-name helpdesk --force"
    )
    with log.open("wb") as file:
        return subprocess.Popen(["/bin/sh", "-c", script], cwd=ROOT, env=environment, stdout=file, stderr=file)  # noqa: S603


def _finish_rasa(current: Settings, child: subprocess.Popen[bytes]) -> None:
    if child.wait() != 0:
        tail = (current.var_dir / "rasa-train.log").read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        raise HelpdeskError("Rasa's training failed:\n" + "\n".join(tail))
    _rasa_stamp(current).write_text(_rasa_digest(), encoding="utf-8")


def _rasa_is_current(current: Settings) -> bool:
    stamp = _rasa_stamp(current)
    model = current.var_dir / RASA_MODEL
    return model.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == _rasa_digest()


def _rasa_stamp(current: Settings) -> Path:
    return current.var_dir / "rasa/sources.sha256"


def _rasa_digest() -> str:
    digest = hashlib.sha256()
    for source in RASA_SOURCES:
        path = ROOT / source
        for file in sorted(p for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file()):
            if "__pycache__" not in file.parts:
                digest.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def _retrieval_is_current(current: Settings, known: Knowledge) -> bool:
    from retrieval.index import code_digest, read_manifest

    try:
        manifest = read_manifest(current.var_dir / "retrieval")
    except ModelMissingError:
        return False
    if (manifest.knowledge, manifest.code) != (known.digest, code_digest()):
        return False
    if current.encoder_folder:
        from retrieval.encoder import load_encoder

        return (
            manifest.knowledge == known.digest and manifest.encoder == load_encoder(current.encoder_folder).fingerprint
        )
    return manifest.knowledge == known.digest and (current.var_dir / "retrieval/encoder/modules.json").exists()


def _check_nlu(known: Knowledge) -> None:
    for topic, text in nlu_files(known).items():
        path = ROOT / "bot/data/nlu" / f"{topic}.yml"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            raise HelpdeskError(f"{path} does not fit the entries: run `helpdesk knowledge nlu`")


def _say(step: str) -> None:
    print(f"train: {step}", file=sys.stderr, flush=True)
