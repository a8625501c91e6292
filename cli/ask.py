"""`helpdesk ask`: what the official Q&A says to a question, without any service running."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from core.scope import CITIES, City
from core.settings import settings
from knowledge.loader import load_knowledge


def ask(
    text: Annotated[str, typer.Argument(help="The question, in any words.")],
    city: Annotated[str | None, typer.Option(help="chongqing or qingdao; without it both are asked.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Answer a question from the Q&A by retrieval alone; exit 1 if there is no official answer."""
    from retrieval.retriever import load_retriever

    cities = cities_named(city)
    current, known = settings(), load_knowledge()
    retriever = load_retriever(current.var_dir / "retrieval", known, current.encoder_folder)
    judgement, asked = max(((retriever.search(text, c), c) for c in cities), key=lambda pair: pair[0].confidence)
    candidates = [{"id": c.entry_id, "confidence": round(c.confidence, 4)} for c in judgement.candidates]
    entry = known.entries[judgement.best] if judgement.decision == "answer" and judgement.best else None
    if as_json:
        result: dict[str, object] = {"decision": judgement.decision, "city": asked, "candidates": candidates}
        if entry:
            result |= {"entry": {"id": entry.id, "question": entry.question, "answer": entry.answer}}
        typer.echo(json.dumps(result, ensure_ascii=False))
    elif entry:
        document = known.document_of(entry)
        typer.echo(f"{entry.id}  {entry.question}\n\n{entry.answer}\n")
        typer.echo(f"—— {document.title} · {document.publisher} · {entry.number}  ({judgement.confidence:.2f})")
    else:
        nearest = "".join(
            f"\n  {c['confidence']:.2f}  {c['id']}  {known.entries[str(c['id'])].question}" for c in candidates[:3]
        )
        typer.echo(f"{judgement.decision}: no official answer is certain enough; nearest:{nearest}")
    raise typer.Exit(0 if entry else 1)


def cities_named(city: str | None) -> list[City]:
    """Return the city that an option names, or both if it names none."""
    cities: list[City] = [c for c in CITIES if city in (None, c)]
    if not cities:
        raise typer.BadParameter(f"--city must be one of {', '.join(CITIES)}")
    return cities
