from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score

from longtailor.evaluation.ranking import average_precision, micro_average_precision


@st.composite
def ranked(draw):
    """Scores with many ties, cells of all three kinds, weights with zeros."""
    shape = (draw(st.integers(1, 25)), draw(st.integers(1, 4)))
    scores = draw(hnp.arrays(np.float64, shape, elements=st.integers(-3, 3).map(float)))
    matrix = draw(hnp.arrays(np.int8, shape, elements=st.integers(-1, 1)))
    weights = draw(hnp.arrays(np.float64, (3, shape[0]), elements=st.integers(0, 3).map(float)))
    return scores, matrix, weights


def reference(scores, matrix, weights):
    """Label by label and resample by resample with scikit-learn."""
    result = np.full((len(weights), scores.shape[1]), np.nan)
    for row, weight in enumerate(weights):
        for label in range(scores.shape[1]):
            at = (matrix[:, label] >= 0) & (weight > 0)
            if (matrix[at, label] == 1).any():
                result[row, label] = average_precision_score(
                    matrix[at, label], scores[at, label], sample_weight=weight[at]
                )
    return result


@given(ranked())
@settings(max_examples=150)
def test_equals_scikit_learn_with_ties_weights_and_unknown_cells(case):
    scores, matrix, weights = case
    np.testing.assert_allclose(
        average_precision(scores, matrix, weights), reference(scores, matrix, weights), rtol=1e-12
    )
    np.testing.assert_allclose(
        average_precision(scores, matrix),
        reference(scores, matrix, np.ones((1, len(scores))))[0],
        rtol=1e-12,
    )


@given(ranked())
@settings(max_examples=50)
def test_one_row_of_weights_gives_one_result_a_label(case):
    scores, matrix, weights = case
    single = average_precision(scores, matrix, weights[0])
    assert single.shape == (scores.shape[1],)
    np.testing.assert_allclose(single, average_precision(scores, matrix, weights)[0])


@given(ranked(), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_only_the_ranking_counts_and_not_the_order_of_products(case, random):
    scores, matrix, _ = case
    order = random.sample(range(len(scores)), len(scores))
    expected = average_precision(scores, matrix)
    np.testing.assert_allclose(average_precision(scores[order], matrix[order]), expected)
    np.testing.assert_allclose(average_precision(np.exp(2 * scores) - 5, matrix), expected)


def test_a_label_without_positives_or_known_cells_has_no_average_precision():
    scores = np.random.default_rng(0).random((6, 4))
    matrix = np.zeros((6, 4), np.int8)
    matrix[:, 0] = 1
    matrix[:2, 1], matrix[2:, 1] = 1, -1
    matrix[:, 3] = -1
    np.testing.assert_array_equal(average_precision(scores, matrix), [1.0, 1.0, np.nan, np.nan])


def test_unknown_cells_take_no_part():
    random = np.random.default_rng(1)
    scores, matrix = random.random((50, 5)), random.integers(-1, 2, (50, 5)).astype(np.int8)
    other = np.where(matrix == -1, random.normal(scale=100, size=scores.shape), scores)
    np.testing.assert_array_equal(
        average_precision(scores, matrix), average_precision(other, matrix)
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float32, bool])
def test_scores_of_any_type(dtype):
    random = np.random.default_rng(2)
    scores = random.integers(0, 2 if dtype is bool else 5, (40, 3)).astype(dtype)
    matrix = random.integers(0, 2, (40, 3)).astype(np.int8)
    expected = [average_precision_score(matrix[:, c], scores[:, c].astype(float)) for c in range(3)]
    np.testing.assert_allclose(average_precision(scores, matrix), expected)


def test_micro_pools_all_known_cells():
    random = np.random.default_rng(3)
    scores = random.integers(0, 8, (60, 4)) / 8
    matrix = random.integers(-1, 2, (60, 4)).astype(np.int8)
    matrix[:, 3] = 0
    known = matrix >= 0
    expected = average_precision_score(matrix[known], scores[known])
    assert micro_average_precision(scores, matrix) == pytest.approx(expected)
    assert np.isnan(micro_average_precision(scores, np.minimum(matrix, 0)))


def test_no_products():
    assert np.isnan(average_precision(np.zeros((0, 3)), np.zeros((0, 3), np.int8))).all()
    weighted = average_precision(np.zeros((0, 3)), np.zeros((0, 3), np.int8), np.zeros((2, 0)))
    assert weighted.shape == (2, 3)


@given(ranked())
@settings(max_examples=100)
def test_micro_takes_the_weights_of_products(case):
    scores, matrix, weights = case
    flat = reference(
        scores.reshape(-1, 1), matrix.reshape(-1, 1), np.repeat(weights, scores.shape[1], axis=1)
    )[:, 0]
    np.testing.assert_allclose(micro_average_precision(scores, matrix, weights), flat, rtol=1e-12)


def test_blocks_of_resamples_change_nothing(monkeypatch):
    random = np.random.default_rng(4)
    scores = random.integers(0, 30, (80, 3)) / 30
    matrix = random.integers(-1, 2, (80, 3)).astype(np.int8)
    weights = random.integers(0, 4, (23, 80)).astype(np.float32)
    whole = average_precision(scores, matrix, weights)
    monkeypatch.setattr("longtailor.evaluation.ranking.BLOCK", 50)
    np.testing.assert_array_equal(average_precision(scores, matrix, weights), whole)
