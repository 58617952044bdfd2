from __future__ import annotations

import numpy as np
import pytest

from longtailor.training.deep.sampling import Order, repeat_factors, sampled_statistics

# Label 0 in 8 of 10 products, label 1 in 1 of 10, label 2 unknown but in two.
MATRIX = np.zeros((10, 3), np.int8)
MATRIX[:8, 0] = 1
MATRIX[9, 1] = 1
MATRIX[:, 2] = -1
MATRIX[0, 2], MATRIX[1, 2] = 1, 0


def test_factors_are_those_of_the_paper():
    # Label 1 and label 2: a share of 0.1, so sqrt(0.4 / 0.1) = 2; label 0: at least 1.
    assert repeat_factors(MATRIX, 0.4).tolist() == [2, 1, 1, 1, 1, 1, 1, 1, 1, 2]
    assert repeat_factors(MATRIX, 0.0).tolist() == [1] * 10


def test_statistics_are_those_of_the_stream():
    factors = repeat_factors(MATRIX, 0.4)
    plain = sampled_statistics(MATRIX, np.ones(10))
    assert plain.positive.tolist() == [8, 1, 1]
    assert plain.known.tolist() == [10, 10, 2]
    order = Order(factors, 10, seed=3)
    shown = np.concatenate([order.epoch(number).ravel() for number in range(600)])
    counts = np.bincount(shown, minlength=10) / 600
    expected = sampled_statistics(MATRIX, factors)
    assert counts @ (MATRIX == 1) == pytest.approx(expected.positive, abs=0.7)
    assert counts @ (MATRIX >= 0) == pytest.approx(expected.known, abs=0.7)
    # Twice the factor, shown twice as often.
    assert counts[0] / counts[5] == pytest.approx(2, rel=0.1)


def test_an_epoch_shows_each_product_once_in_an_order_of_its_own():
    order = Order(np.ones(12), 4, seed=1)
    first, second = order.epoch(0), order.epoch(1)
    assert first.shape == (3, 4)
    assert sorted(first.ravel()) == list(range(12))
    assert first.ravel().tolist() != second.ravel().tolist()
    assert (order.epoch(0) == first).all()
    assert (Order(np.ones(12), 4, seed=2).epoch(0) != first).any()


def test_fewer_products_than_a_batch_still_make_one():
    batch = Order(np.ones(3), 8, seed=0).epoch(0)
    assert batch.shape == (1, 8)
    assert set(batch.ravel()) == {0, 1, 2}


def test_batches_of_one_length_show_what_others_show():
    lengths = np.random.default_rng(0).integers(3, 60, 700)
    order = Order(np.ones(700), 8, seed=1, lengths=lengths.tolist())
    plain = Order(np.ones(700), 8, seed=1)
    first, second = order.epoch(0), order.epoch(1)
    assert first.shape == plain.epoch(0).shape
    assert sorted(first.ravel()) == sorted(plain.epoch(0).ravel())
    assert (first == order.epoch(0)).all()
    assert (first != second).any()

    def padded(batches):
        return (lengths[batches].max(axis=1) * 8).sum() / lengths[batches].sum()

    assert padded(first) < 1.1 < 1.6 < padded(plain.epoch(0))
    # Not from the shortest to the longest.
    means = lengths[first].mean(axis=1)
    assert abs(np.corrcoef(np.arange(len(means)), means)[0, 1]) < 0.4
