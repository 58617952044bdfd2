from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from longtailor.training.platt import SLOPE_PRECISION, platt


def drawn(products=3000, seed=0):
    random = np.random.default_rng(seed)
    scores = random.normal(0.3, 2.0, size=(products, 3))
    slope, offset = np.array([0.8, 1.5, 0.5]), np.array([-1.0, 0.5, -4.0])
    matrix = (random.random(scores.shape) < expit(slope * scores + offset)).astype(np.int8)
    return scores, matrix, slope, offset


def test_slope_and_offset_that_made_the_labels_are_found():
    scores, matrix, slope, offset = drawn()
    found_slope, found_offset = platt(scores, matrix)
    np.testing.assert_allclose(found_slope, slope, atol=0.15)
    np.testing.assert_allclose(found_offset, offset, atol=0.4)


def test_it_is_the_maximum_a_posteriori():
    scores, matrix, *_ = drawn(150, seed=1)
    for label in range(3):
        values, positive = scores[:, label], matrix[:, label] == 1
        more, less = positive.sum(), (~positive).sum()
        targets = np.where(positive, (more + 1) / (more + 2), 1 / (less + 2))
        inputs = (values - values.mean()) / values.std()

        def loss(both, inputs=inputs, targets=targets):
            logits = both[0] * inputs + both[1]
            cells = np.logaddexp(0, logits) - targets * logits
            return cells.sum() + SLOPE_PRECISION / 2 * (both[0] - 1) ** 2

        best = minimize(loss, [1.0, 0.0]).x
        slope, offset = platt(scores[:, [label]], matrix[:, [label]])
        assert slope[0] * values.std() == pytest.approx(best[0], abs=1e-3)
        assert offset[0] + slope[0] * values.mean() == pytest.approx(best[1], abs=1e-3)


def test_unknown_cells_take_no_part():
    scores, matrix, *_ = drawn(400)
    matrix[200:] = -1
    scores[200:] = scores[:200]
    slope, offset = platt(scores, matrix)
    alone = platt(scores[:200], matrix[:200])
    np.testing.assert_allclose(slope, alone[0], atol=1e-6)
    np.testing.assert_allclose(offset, alone[1], atol=1e-6)


@pytest.mark.parametrize("cell", [-1, 0, 1])
def test_a_label_that_is_all_alike_stays_finite(cell):
    scores = np.random.default_rng(0).normal(size=(50, 1))
    for given in (scores, np.zeros_like(scores)):
        slope, offset = platt(given, np.full((50, 1), cell, np.int8))
        assert np.isfinite(slope).all()
        assert np.isfinite(offset).all()
        logits = slope * given + offset
        assert (np.sign(logits.mean()) == np.sign(cell - 0.5)) or cell == -1


def test_a_slope_never_turns_the_ranking_round():
    scores, matrix, *_ = drawn(300)
    slope, _ = platt(-scores, matrix)
    assert (slope > 0).all()
