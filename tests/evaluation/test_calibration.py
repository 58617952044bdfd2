from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from longtailor.evaluation.calibration import brier_score, expected_calibration_error


def cells(seed, products=80, labels=5):
    random = np.random.default_rng(seed)
    matrix = random.integers(-1, 2, (products, labels)).astype(np.int8)
    return random.random((products, labels)), matrix


def test_brier_equals_scikit_learn_over_the_known_cells():
    probabilities, matrix = cells(0)
    expected = [
        brier_score_loss(column[column >= 0], probabilities[column >= 0, label], pos_label=1)
        for label, column in enumerate(matrix.T)
    ]
    np.testing.assert_allclose(brier_score(probabilities, matrix), expected)


def test_brier_by_hand():
    matrix = np.array([[1, 0, -1], [0, 0, -1]], np.int8)
    brier = brier_score([[0.9, 0.5, 0.1], [0.2, 0.5, 0.1]], matrix)
    np.testing.assert_allclose(brier, [(0.01 + 0.04) / 2, 0.25, np.nan])


def naive_calibration_error(probabilities, matrix, bins):
    values, truth = probabilities[matrix >= 0], matrix[matrix >= 0]
    error = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = (values >= low) & ((values < high) | (number == bins - 1))
        if inside.any():
            error += inside.mean() * abs(values[inside].mean() - truth[inside].mean())
    return error


@pytest.mark.parametrize("bins", [1, 2, 15, 100])
def test_calibration_error_equals_a_loop_over_bins(bins):
    probabilities, matrix = cells(1)
    probabilities[0], probabilities[1] = 0.0, 1.0
    assert expected_calibration_error(probabilities, matrix, bins) == pytest.approx(
        naive_calibration_error(probabilities, matrix, bins)
    )


def test_calibrated_probabilities_have_a_small_error_and_shifted_ones_a_large_one():
    random = np.random.default_rng(2)
    probabilities = random.random((20_000, 3))
    matrix = (random.random(probabilities.shape) < probabilities).astype(np.int8)
    assert expected_calibration_error(probabilities, matrix) < 0.02
    assert expected_calibration_error(probabilities**3, matrix) == pytest.approx(0.25, abs=0.02)


def test_without_a_known_cell_there_is_no_calibration():
    nothing = np.full((4, 2), -1, np.int8)
    assert np.isnan(expected_calibration_error(np.full((4, 2), 0.5), nothing))
    assert np.isnan(brier_score(np.full((4, 2), 0.5), nothing)).all()
    assert np.isnan(expected_calibration_error(np.zeros((0, 2)), np.zeros((0, 2), np.int8)))


def test_unknown_cells_take_no_part():
    probabilities, matrix = cells(3)
    other = np.where(matrix == -1, 1 - probabilities, probabilities)
    np.testing.assert_array_equal(brier_score(other, matrix), brier_score(probabilities, matrix))
    assert expected_calibration_error(other, matrix) == expected_calibration_error(
        probabilities, matrix
    )
