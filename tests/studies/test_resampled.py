from __future__ import annotations

import numpy as np
import pytest

from longtailor.evaluation.metrics import evaluate
from longtailor.studies.resampled import METRICS, Truth, resampled_figures
from longtailor.studies.results import StudyFit

LABELS = 6
BANDS = np.array(["head", "head", "medium", "tail", "tail", "tail"])
SCOPES = {"": np.arange(LABELS), "sleeve": np.array([1, 3, 4]), "usage": np.array([0, 2, 5])}


@pytest.fixture
def case():
    """A split with unknown cells, a label without a positive, ties, and five resamples."""
    random = np.random.default_rng(0)
    matrix = (random.random((90, LABELS)) < 0.25).astype(np.int8)
    matrix[random.random(matrix.shape) < 0.2] = -1
    matrix[:, 4:] = np.minimum(matrix[:, 4:], 0)
    matrix[7, 4] = 1
    values = np.round(np.clip(0.3 * matrix + random.random(matrix.shape), 0, 1), 2)
    fit = StudyFit(
        "none",
        0,
        values.astype(np.float32),
        (values**2).astype(np.float32),
        np.array([0.5, 0.6, 0.4, 0.3, 0.3, 0.2]),
        np.ones(LABELS, np.int64),
        1.0,
        1.0,
    )
    drawn = random.integers(0, 4, (5, 90)).astype(np.float32)
    weights = np.concatenate([np.ones((1, 90), np.float32), drawn])
    return fit, Truth(matrix, BANDS, weights, SCOPES)


@pytest.mark.parametrize("scope", SCOPES)
def test_every_resample_equals_the_evaluation_of_its_products(case, scope):
    fit, truth = case
    columns = SCOPES[scope]
    ap, figures = resampled_figures(fit, truth)
    assert set(figures[scope]) == set(METRICS)
    for row, weight in enumerate(truth.weights):
        rows = np.repeat(np.arange(90), weight.astype(int))[:, None]
        expected = evaluate(
            fit.probabilities[rows, columns],
            truth.matrix[rows, columns],
            fit.thresholds[columns],
            BANDS[columns],
            corrected=fit.corrected[rows, columns],
            resamples=2,
        )
        np.testing.assert_allclose(ap[row, columns], expected.ap, rtol=1e-6)
        summary = expected.summary
        for end in ("", "_tail"):
            chosen, half = summary[f"f1_macro{end}"], summary[f"f1_macro{end}_at_half"]
            gain = None if chosen is None or half is None else chosen - half
            summary[f"threshold_gain{end}"] = gain
        for metric in METRICS:
            value = np.nan if summary[metric] is None else summary[metric]
            assert figures[scope][metric][row] == pytest.approx(value, nan_ok=True), metric


def test_what_is_unknown_takes_no_part(case):
    fit, truth = case
    other = np.where(truth.matrix == -1, 1 - fit.probabilities, fit.probabilities)
    changed = StudyFit("none", 0, other, other, fit.thresholds, fit.train_positive, 1.0, 1.0)
    same = StudyFit(
        "none",
        0,
        fit.probabilities,
        fit.probabilities,
        fit.thresholds,
        fit.train_positive,
        1.0,
        1.0,
    )
    first, second = resampled_figures(same, truth), resampled_figures(changed, truth)
    np.testing.assert_array_equal(first[0], second[0])
    for metric in METRICS:
        np.testing.assert_array_equal(first[1][""][metric], second[1][""][metric])


def test_a_resample_without_a_positive_has_no_ranking_but_is_calibrated(case):
    fit, truth = case
    without = (truth.matrix != 1).all(axis=1).astype(np.float32)[None]
    ap, figures = resampled_figures(fit, Truth(truth.matrix, BANDS, without, SCOPES))
    assert np.isnan(ap).all()
    assert np.isnan(figures[""]["map"]).all()
    assert np.isnan(figures[""]["f1_macro"]).all()
    assert 0 < figures[""]["brier"][0] < 1
    assert 0 < figures[""]["ece"][0] < 1
