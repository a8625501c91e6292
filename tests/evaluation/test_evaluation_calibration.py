from __future__ import annotations

import pytest
from scipy.stats import binomtest

from evaluation.calibration import CurvePoint, Scored, calibration_error, coverage_risk, reliability
from evaluation.compare import mcnemar_exact


def test_the_curve_goes_down_the_thresholds_and_equal_confidences_are_one_point() -> None:
    scored = [Scored(0.5, False), Scored(0.9, True), Scored(0.5, True)]
    assert coverage_risk(scored, 4) == [CurvePoint(0.9, 0.25, 0.0), CurvePoint(0.5, 0.75, pytest.approx(1 / 3))]
    assert coverage_risk([], 4) == []


def test_reliability_bins_by_tenths_and_one_is_in_the_last() -> None:
    bins = reliability([Scored(1.0, True), Scored(0.95, False), Scored(0.05, False)])
    assert [part.number for part in bins] == [1, 2]
    assert bins[1].right == 0.5


@pytest.mark.parametrize(
    ("scored", "error"),
    [
        ([], 0.0),
        ([Scored(1.0, True), Scored(0.0, False)], 0.0),
        ([Scored(1.0, False)], 1.0),
        ([Scored(0.75, True), Scored(0.75, False)], 0.25),
        ([Scored(0.9, True), Scored(0.2, True)], (0.1 + 0.8) / 2),
    ],
)
def test_calibration_error(scored: list[Scored], error: float) -> None:
    assert calibration_error(scored) == pytest.approx(error)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (5, 5), (3, 12), (12, 3), (40, 17), (300, 200)])
def test_mcnemar_is_the_exact_binomial_test(gained: int, lost: int) -> None:
    changed = gained + lost
    expected = binomtest(gained, changed, 0.5).pvalue if changed else 1.0
    assert mcnemar_exact(gained, lost) == pytest.approx(expected)
