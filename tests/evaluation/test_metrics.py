from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score

from longtailor.evaluation.metrics import evaluate

LABELS = 6
BANDS = np.array(["head", "head", "medium", "tail", "tail", "tail"])
THRESHOLDS = np.array([0.5, 0.6, 0.4, 0.3, 0.3, 0.2])


@pytest.fixture
def split():
    """A split whose last label has no positive and whose last but one has one."""
    random = np.random.default_rng(0)
    matrix = (random.random((120, LABELS)) < 0.3).astype(np.int8)
    matrix[random.random(matrix.shape) < 0.2] = -1
    matrix[:, 4:] = np.minimum(matrix[:, 4:], 0)
    matrix[7, 4] = 1
    return np.clip(0.25 * matrix + random.random(matrix.shape), 0, 1), matrix


def test_the_figures_equal_scikit_learn_label_by_label(split):
    probabilities, matrix = split
    result = evaluate(probabilities, matrix, THRESHOLDS, BANDS, resamples=50)
    ap, chosen, half, brier = [], [], [], []
    for label in range(LABELS - 1):
        known = matrix[:, label] >= 0
        truth, score = matrix[known, label], probabilities[known, label]
        ap.append(average_precision_score(truth, score))
        chosen.append(f1_score(truth, score >= THRESHOLDS[label], zero_division=0))
        half.append(f1_score(truth, score >= 0.5, zero_division=0))
        brier.append(brier_score_loss(truth, score))
    known = matrix[:, -1] >= 0
    brier.append(np.mean(probabilities[known, -1] ** 2))
    np.testing.assert_allclose(result.ap, [*ap, np.nan])
    np.testing.assert_allclose(result.f1, [*chosen, np.nan])
    np.testing.assert_allclose(result.f1_at_half, [*half, np.nan])
    np.testing.assert_allclose(result.brier, brier)
    summary = result.summary
    assert summary["map"] == pytest.approx(np.mean(ap))
    assert summary["map_head"] == pytest.approx(np.mean(ap[:2]))
    assert summary["map_medium"] == pytest.approx(ap[2])
    assert summary["map_tail"] == pytest.approx(np.mean(ap[3:]))
    assert summary["f1_macro"] == pytest.approx(np.mean(chosen))
    assert summary["f1_macro_tail"] == pytest.approx(np.mean(chosen[3:]))
    assert summary["f1_macro_at_half"] == pytest.approx(np.mean(half))
    assert summary["f1_macro_tail_at_half"] == pytest.approx(np.mean(half[3:]))
    assert summary["brier"] == pytest.approx(np.mean(brier))
    known = matrix >= 0
    assert summary["map_micro"] == pytest.approx(
        average_precision_score(matrix[known], probabilities[known])
    )


def test_a_label_without_a_positive_is_skipped_and_counted(split):
    probabilities, matrix = split
    whole = evaluate(probabilities, matrix, THRESHOLDS, BANDS, resamples=20)
    part = evaluate(
        probabilities[:, :-1], matrix[:, :-1], THRESHOLDS[:-1], BANDS[:-1], resamples=20
    )
    assert whole.summary["labels_skipped"] == 1
    assert whole.summary["labels_scored"] == 5
    assert whole.summary["labels_scored_tail"] == 2
    for figure in ("map", "map_tail", "f1_macro", "f1_macro_tail", "f1_macro_at_half", "map_low"):
        assert whole.summary[figure] == part.summary[figure]
    for figure in (whole.ap, whole.ap_low, whole.ap_high, whole.f1, whole.precision, whole.recall):
        assert np.isnan(figure[-1])


def test_unknown_cells_take_no_part(split):
    probabilities, matrix = split
    other = np.where(matrix == -1, 1 - probabilities, probabilities)
    first = evaluate(probabilities, matrix, THRESHOLDS, BANDS, resamples=20)
    second = evaluate(other, matrix, THRESHOLDS, BANDS, resamples=20)
    assert first.summary == second.summary
    for name in ("ap", "ap_low", "ap_high", "f1", "precision", "recall", "f1_at_half", "brier"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_intervals_hold_the_figures_and_follow_the_seed(split):
    probabilities, matrix = split
    first = evaluate(probabilities, matrix, THRESHOLDS, BANDS, resamples=200)
    scored = first.statistics.positive > 0
    assert (first.ap_low[scored] <= first.ap[scored]).all()
    assert (first.ap[scored] <= first.ap_high[scored]).all()
    assert first.summary["map_low"] < first.summary["map"] < first.summary["map_high"]
    again = evaluate(probabilities, matrix, THRESHOLDS, BANDS, resamples=200)
    other = evaluate(probabilities, matrix, THRESHOLDS, BANDS, resamples=200, seed=1)
    np.testing.assert_array_equal(first.ap_low, again.ap_low)
    assert (first.ap_low[scored] != other.ap_low[scored]).any()
    assert first.summary["map"] == other.summary["map"]


def test_products_of_a_group_widen_the_interval():
    random = np.random.default_rng(1)
    matrix = (random.random((40, 1)) < 0.4).astype(np.int8)
    probabilities = np.clip(0.3 * matrix + 0.7 * random.random(matrix.shape), 0, 1)
    tenfold = np.repeat(probabilities, 10, axis=0), np.repeat(matrix, 10, axis=0)
    groups = np.repeat([str(number) for number in range(40)], 10)
    apart = evaluate(*tenfold, [0.5], ["head"], resamples=300)
    together = evaluate(*tenfold, [0.5], ["head"], groups=groups, resamples=300)
    assert together.ap == apart.ap
    wide, narrow = (result.ap_high - result.ap_low for result in (together, apart))
    assert wide > 2 * narrow


def test_exclusive_attributes_change_only_what_is_predicted(split):
    probabilities, matrix = split
    plain = evaluate(probabilities, matrix, THRESHOLDS, BANDS, resamples=10).summary
    groups = [np.array([0, 1, 2])]
    one = evaluate(probabilities, matrix, THRESHOLDS, BANDS, exclusive=groups, resamples=10).summary
    changed = {name for name in plain if plain[name] != one[name]}
    assert changed == {"f1_macro_predicted"}
    assert plain["f1_macro_predicted"] == plain["f1_macro"]


def test_calibration_is_measured_before_and_after_the_correction(split):
    probabilities, matrix = split
    corrected = np.where(matrix == 1, 0.9, 0.1)
    summary = evaluate(
        probabilities, matrix, THRESHOLDS, BANDS, corrected=corrected, resamples=10
    ).summary
    assert summary["brier_corrected"] == pytest.approx(0.01)
    assert summary["ece_corrected"] == pytest.approx(0.1)
    plain = evaluate(probabilities, matrix, THRESHOLDS, BANDS, resamples=10).summary
    assert summary["brier"] == plain["brier"] == plain["brier_corrected"]
    assert summary["ece"] == plain["ece"] == plain["ece_corrected"]


@pytest.mark.parametrize(
    ("products", "cell"), [(0, 0), (1, -1), (5, -1)], ids=["none", "one", "unknown"]
)
@pytest.mark.parametrize("grouped", [False, True])
def test_without_anything_to_measure_figures_are_null(products, cell, grouped):
    summary = evaluate(
        np.full((products, LABELS), 0.5),
        np.full((products, LABELS), cell, np.int8),
        THRESHOLDS,
        BANDS,
        exclusive=[np.array([0, 1])],
        groups=np.array(["a"] * products, dtype=str) if grouped else None,
        resamples=10,
    ).summary
    counts = {name for name, value in summary.items() if value is not None}
    assert {name for name in summary if name.startswith("labels_") or name == "products"} == counts
    assert summary["labels_skipped"] == LABELS
    assert summary["products"] == products
    json.dumps(summary, allow_nan=False)


def test_a_band_without_a_label_is_null(split):
    probabilities, matrix = split
    summary = evaluate(probabilities, matrix, THRESHOLDS, ["head"] * LABELS, resamples=5).summary
    assert summary["map_tail"] is None
    assert summary["f1_macro_tail"] is None
    assert summary["f1_macro_tail_at_half"] is None
    assert summary["map_head"] == summary["map"]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.1, 1.1])
def test_what_is_no_probability_is_refused(split, wrong):
    probabilities, matrix = split
    probabilities[3, 2] = wrong
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        evaluate(probabilities, matrix, THRESHOLDS, BANDS)
