"""The report's pictures, drawn without a screen. Words in them are English and ids, so that no font is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.calibration import CurvePoint, Scored, calibration_error, reliability

NO_ENTRY = "none"
_INCH_PER_CLASS = 0.19


def draw_confusion(pairs: Sequence[tuple[str, str]], path: Path, title: str) -> None:
    """Draw how often each expected name (row) was taken for each other (column); `pairs` are (expected, chosen)."""
    rows = sorted({expected for expected, _ in pairs}) or [NO_ENTRY]
    columns = sorted({*rows, *(chosen for _, chosen in pairs)})
    counts = np.zeros((len(rows), len(columns)))
    for expected, chosen in pairs:
        counts[rows.index(expected), columns.index(chosen)] += 1
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _new_picture(len(columns) * _INCH_PER_CLASS + 3, len(rows) * _INCH_PER_CLASS + 2)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=7)
    axes.set_yticks(range(len(rows)), rows, fontsize=7)
    axes.set(xlabel="chosen first", ylabel="expected", title=title)
    for i, j in zip(*np.nonzero(counts), strict=True):
        dark = shares[i, j] > 0.5
        axes.text(j, i, f"{counts[i, j]:.0f}", ha="center", va="center", fontsize=5, color="w" if dark else "k")
    figure.colorbar(image, label="share of the expected", shrink=0.6)
    _save(figure, path)


def draw_coverage_risk(curves: Mapping[str, Sequence[CurvePoint]], path: Path) -> None:
    """Draw coverage–risk curves by name; the nearer to the lower right, the better."""
    figure, axes = _new_picture(7, 4.5)
    for name, points in curves.items():
        axes.plot([p.coverage for p in points], [p.risk for p in points], drawstyle="steps-post", label=name)
    axes.set(xlabel="coverage: share of all questions answered", ylabel="risk: share of the answered that is wrong")
    axes.set(xlim=(0, 1), ylim=(0, None), title="Coverage and risk, by falling threshold")
    axes.grid(alpha=0.3)
    if curves:
        axes.legend()
    _save(figure, path)


def draw_reliability(scored: Sequence[Scored], path: Path) -> None:
    """Draw the share right against the mean confidence of each tenth, with the expected calibration error."""
    figure, axes = _new_picture(5.5, 5)
    axes.plot([0, 1], [0, 1], "--", color="grey", label="perfectly calibrated")
    bins = reliability(scored)
    axes.plot([b.confidence for b in bins], [b.right for b in bins], "o-", label="first choices")
    for part in bins:
        at = (part.confidence, part.right)
        axes.annotate(str(part.number), at, xytext=(4, -10), textcoords="offset points", fontsize=7)
    error = calibration_error(scored)
    axes.set(xlabel="confidence", ylabel="share right", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title(f"Reliability; expected calibration error {error:.3f}")
    axes.legend()
    _save(figure, path)


def _new_picture(width: float, height: float) -> tuple[Any, Any]:
    """Return a figure of `width` × `height` inches on the Agg canvas, and its axes; pyplot's global state stays out."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
