"""`helpdesk evaluate`: ask a service a question set and judge what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import httpx
import typer

from core.errors import HelpdeskError, ModelMissingError
from core.settings import Settings, settings
from evaluation.baselines import Baseline, run_baselines
from evaluation.compare import Comparison, compare
from evaluation.floors import Checked, check_floors, load_floors
from evaluation.inside import candidates_of, reading_figures
from evaluation.peers.report import Kept, inputs_of, load_kept
from evaluation.questions import DEVELOPMENT, SETS, Question, QuestionSetError, load_questions
from evaluation.report import RESULT, misses, write_report
from evaluation.results import Result, ResultError, branch_labels, config_of, load_result, make_result
from evaluation.run import Manners, ask_all
from evaluation.suggesting import suggestion_figures
from knowledge.loader import Knowledge, load_knowledge

if TYPE_CHECKING:
    from retrieval.retriever import Retriever

FLOOR_MISSED, UNUSABLE, NO_SERVICE = 1, 2, 3


def evaluate(  # noqa: PLR0917 - typer passes options by name
    file: Annotated[Path, typer.Argument(help="A question set (.jsonl), or a folder of them.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object with the figures, nothing else.")
    ] = False,
    url: Annotated[
        str | None, typer.Option(help="Service to ask; default: the running one, else one is started.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for the HTML report, its pictures and result.json.")
    ] = None,
    floors: Annotated[
        bool, typer.Option("--floors", help="Exit 1 if a figure is below its floor, or not there on our own sets.")
    ] = False,
    baselines: Annotated[bool, typer.Option("--baselines", help="Show other methods beside our retrieval.")] = False,
    against: Annotated[Path | None, typer.Option(help="An earlier result.json to compare with.")] = None,
    at_once: Annotated[int, typer.Option(min=1, max=16, help="Questions in flight at the same time.")] = 4,
) -> None:
    """Ask a service every question of FILE and print the figures.

    Exit codes: 0 done, 1 a figure is below its floor (with --floors), 2 an unusable file, 3 no service to ask.
    """
    try:
        knowledge = load_knowledge()
        questions = load_questions(file, knowledge.entries)
        earlier = load_result(against) if against else _last_result(report)
        result = _result(questions, knowledge, url, at_once)
        retriever = _retriever(knowledge) if report or baselines else None
        if retriever:
            result.figures.update(reading_figures(questions, retriever))
            result.figures["suggestions"] = suggestion_figures(questions, retriever)
        checked = check_floors(result, load_floors(), needed=_is_development(file))
        comparison = compare(earlier, result) if earlier else None
        compared = _baselines(questions, knowledge, retriever) if baselines else []
        if report:
            peers = _peers(file, questions, knowledge) if baselines else None
            seen = _seen(result, retriever) if retriever else {}
            page = write_report(result, report, checked, compared, comparison, peers=peers, candidates=seen)
            typer.echo(f"report: {page}", err=True)
    except (QuestionSetError, ResultError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNUSABLE) from error
    except HelpdeskError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(NO_SERVICE) from error
    missed = [one for one in checked if one.missed]
    typer.echo(
        _as_json(result, missed, compared, comparison) if as_json else _as_text(result, checked, compared, comparison)
    )
    _hold_floors(missed if floors else [])


@contextmanager
def service_to_ask(url: str | None) -> Iterator[str]:
    """Give the address of a service: the one named, the running one, or one started for this and stopped after."""
    running = url or _local_address(settings())
    if url or is_ready(running):
        yield running
        return
    from cli.serve import running_service

    with running_service() as started:
        yield started


def is_ready(url: str) -> bool:
    """Whether the service at `url` says that it can answer."""
    try:
        return httpx.get(f"{url}/readyz", timeout=3.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _local_address(current: Settings) -> str:
    anywhere = current.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
    return f"http://{'127.0.0.1' if anywhere else current.host}:{current.port}"


def _result(questions: Sequence[Question], knowledge: Knowledge, url: str | None, at_once: int) -> Result:
    with service_to_ask(url) as address:
        replies = ask_all(questions, address, Manners(at_once=at_once))
    run = {"service": address, "config": config_of(knowledge)}
    return make_result(questions, replies, branch_labels(knowledge), run)


def _last_result(report: Path | None) -> Result | None:
    """Return the result that the report's folder still has from the last run, or None."""
    if report is None or not (report / RESULT).exists():
        return None
    try:
        return load_result(report / RESULT)
    except ResultError as error:
        typer.echo(f"not compared with the last run: {error}", err=True)
        return None


def _retriever(knowledge: Knowledge) -> Retriever | None:
    """Return this installation's retrieval, or None where it is not trained, as when another service is asked."""
    from retrieval.retriever import load_retriever

    try:
        return load_retriever(settings().var_dir / "retrieval", knowledge, settings().encoder_folder)
    except ModelMissingError as error:
        typer.echo(f"without candidates and figures of normalising and suggestions: {error}", err=True)
        return None


def _seen(result: Result, retriever: Retriever) -> dict[str, list[str]]:
    """Return what the judge saw of each question that is shown as missed."""
    missed = [row.question for found in misses(result.rows).values() for row, _ in found]
    return {question.key: candidates_of(question, retriever) for question in missed}


def _baselines(questions: Sequence[Question], knowledge: Knowledge, retriever: Retriever | None) -> list[Baseline]:
    typer.echo("training the simpler methods", err=True)
    return run_baselines(knowledge, questions, retriever)


def _peers(file: Path, questions: Sequence[Question], knowledge: Knowledge) -> Kept | None:
    """Return the kept figures of Rasa alone; they are of the development set and belong beside no other."""
    return load_kept(inputs_of(knowledge, questions)) if _is_development(file) else None


def _is_development(file: Path) -> bool:
    """Whether these are the development sets, which the floors were set on."""
    return file.resolve() in (DEVELOPMENT, SETS)


def _as_json(
    result: Result, missed: Sequence[Checked], baselines: Sequence[Baseline], comparison: Comparison | None
) -> str:
    found = {
        "questions": len(result.rows),
        "figures": result.figures,
        "kinds": result.kinds,
        "below_floor": [one.floor.name for one in missed],
        "baselines": {one.name: {"forced": one.forced, "guarded": one.guarded} for one in baselines},
        "run": result.run,
    }
    if comparison:
        counts = {"common": comparison.common, "gained": len(comparison.gained), "lost": len(comparison.lost)}
        found["against"] = {**counts, "p": comparison.p}
    return json.dumps(found, ensure_ascii=False)


def _as_text(
    result: Result, checked: Sequence[Checked], baselines: Sequence[Baseline], comparison: Comparison | None
) -> str:
    lines = [
        f"{name:<14} {shares['questions']:>5.0f}  "
        + "  ".join(f"{key} {share:.1%}" for key, share in shares.items() if key != "questions")
        for name, shares in result.figures.items()
    ]
    lines += ["", *(f"{_mark(one)} {one}" for one in checked if one.value is not None or one.missed)]
    lines += [f"{one.name}: forced {one.forced:.1%}, at 5 % false answers {one.guarded:.1%}" for one in baselines]
    return "\n".join([*lines, *([str(comparison)] if comparison else [])])


def _mark(checked: Checked) -> str:
    if checked.missed:
        return "BELOW"
    return "reached" if checked.reached else "short of its target"


def _hold_floors(missed: Sequence[Checked]) -> None:
    for one in missed:
        typer.echo(f"below its floor: {one}", err=True)
    if missed:
        raise typer.Exit(FLOOR_MISSED)
