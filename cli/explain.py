"""`helpdesk explain`: on one page, why a question gets the answer that it gets."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bot.actions.courtesies import without_courtesies
from bot.actions.entities import EntityReader
from cli.ask import cities_named
from cli.train import RASA_MODEL
from core.privacy import mask_personal_data
from core.scope import City
from core.settings import ROOT, Settings, settings
from knowledge.loader import Knowledge, load_knowledge
from retrieval.corpus import examples_of
from retrieval.normalise import normalise, strip_invisible

if TYPE_CHECKING:
    from retrieval.branches import BranchJudge
    from retrieval.judge import Judgement
    from retrieval.retriever import Retriever

_NEIGHBOURS = 6
_RASA_SECONDS = 120
_WIDTH = 120


@dataclass(frozen=True)
class _Models:
    retriever: Retriever
    branches: BranchJudge
    known: Knowledge


def explain(
    text: Annotated[str, typer.Argument(help="The question, in any words.")],
    city: Annotated[str | None, typer.Option(help="chongqing or qingdao; without it both are shown.")] = None,
    before: Annotated[str | None, typer.Option(help="The parent's message before, if there was one.")] = None,
    rasa: Annotated[bool, typer.Option(help="Ask Rasa for the intent, which takes some seconds.")] = True,
) -> None:
    """Show why: normal form, entities, intent, nearest known questions, candidates with scores, and the decision."""
    from retrieval.branches import load_branches
    from retrieval.retriever import load_retriever

    cities = cities_named(city)
    current, known = settings(), load_knowledge()
    folder = current.var_dir / "retrieval"
    models = _Models(load_retriever(folder, known, current.encoder_folder), load_branches(folder), known)
    plain = normalise(mask_personal_data(strip_invisible(text)))
    page = Console(width=_WIDTH, highlight=False)
    page.print(_facts(plain, text, before, _understood(current, without_courtesies(plain)) if rasa else None))
    for one in cities:
        _explain_city(page, models, plain, before, one)


def _facts(plain: str, text: str, before: str | None, understood: dict[str, Any] | str | None) -> Table:
    named = EntityReader().read(plain)
    rows = [
        ("typed", mask_personal_data(text)),
        ("normal form", plain),
        ("message before", mask_personal_data(before or "–")),
    ]
    rows += [("names", ", ".join(f"{k}={getattr(named, k)}" for k in named.__slots__ if getattr(named, k)) or "–")]
    if isinstance(understood, dict):
        intents = ", ".join(f"{i['name']} {i['confidence']:.2f}" for i in understood["intents"])
        entities = ", ".join(f"{e['entity']}={e['value']}" for e in understood["entities"])
        rows += [("intent (Rasa)", intents), ("entities (Rasa)", entities or "–")]
    else:
        rows.append(("intent (Rasa)", understood or "not asked"))
    table = Table(show_header=False, title="What was said", title_justify="left")
    for row in rows:
        table.add_row(*row)
    return table


def _explain_city(page: Console, models: _Models, plain: str, before: str | None, city: City) -> None:
    retriever, known = models.retriever, models.known
    alone = retriever.search(plain, city)
    page.print(f"\n[bold]{city}[/bold]")
    page.print(_neighbours(retriever, known, plain, city))
    page.print(_candidates(alone, known))
    at = retriever.judge.thresholds
    page.print(f"answered from {at.answer}, asked from {at.clarify}, offered from {at.option}")
    split = retriever.split(alone, city)
    if split:
        halves = " | ".join(f"{half.text} → {half.best} {half.confidence:.2f}" for half in split.halves)
        chance = retriever.double.chance(split.features)
        page.print(f"two in one: {chance:.2f}, needed {retriever.double.threshold}: {halves}")
    final = alone
    if before:
        final = retriever.search_in_context(alone, before, city)
        page.print("read with the message before" if final is not alone else "read alone")
    two = retriever.search_double(alone, city)
    if two:
        page.print(
            "[bold]decision: answer both[/bold] " + " | ".join(f"{one.best} {one.confidence:.3f}" for one in two)
        )
        return
    page.print(f"[bold]decision: {final.decision}[/bold] {final.best or ''} {final.confidence:.3f}")
    if final.best:
        page.print(f"branch: {models.branches.decide(final.best, plain) or 'not decided by the words'}")


def _neighbours(retriever: Retriever, known: Knowledge, plain: str, city: City) -> Table:
    examples = examples_of(known, city)
    cosines, rows = retriever.rankers[city].index.search(retriever.encoder.encode([plain]), _NEIGHBOURS)
    table = Table("cosine", "label", "nearest known question", title="Nearest", title_justify="left")
    for cosine, row in zip(cosines[0].tolist(), rows[0].tolist(), strict=True):
        near = f" (near {examples[row].near})" if examples[row].near else ""
        table.add_row(f"{cosine:.2f}", examples[row].entry + near, examples[row].text)
    return table


def _candidates(judgement: Judgement, known: Knowledge) -> Table:
    table = Table("", *(c.entry_id for c in judgement.candidates), title="Candidates", title_justify="left")
    table.add_row("label", *(known.entries[c.entry_id].label for c in judgement.candidates))
    table.add_row("confidence", *(f"{c.confidence:.3f}" for c in judgement.candidates), style="bold")
    names: Iterable[str] = judgement.candidates[0].features if judgement.candidates else ()
    for name in names:
        table.add_row(name, *(f"{c.features[name]:.2f}" for c in judgement.candidates))
    return table


def _understood(current: Settings, plain: str) -> dict[str, Any] | str:
    """Return what Rasa understands, or why that is not known."""
    model = current.var_dir / RASA_MODEL
    if not current.rasa_python.exists() or not model.exists():
        return "not known: run `helpdesk train`"
    command = [str(current.rasa_python), "-m", "bot.components.parse_text", str(model), plain]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_RASA_SECONDS, check=False
    )
    found = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not found:
        return f"not known: Rasa ended with code {done.returncode}: {done.stderr.strip().splitlines()[-1:]}"
    parsed: dict[str, Any] = json.loads(found[-1])
    return parsed
