from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from longtailor.evaluation.ranking import average_precision
from longtailor.evaluation.resampling import (
    basic_interval,
    bootstrap_interval,
    bootstrap_weights,
)


def test_every_resample_draws_as_many_products_as_there_are():
    weights = bootstrap_weights(40, 200, seed=0)
    assert weights.shape == (200, 40)
    np.testing.assert_array_equal(weights.sum(axis=1), 40)
    assert (weights == np.round(weights)).all()
    assert (weights >= 0).all()
    # Each count is binomial: mean 1, variance 1 - 1/40; 8,000 draws, five standard errors.
    assert weights.mean() == 1
    assert weights.var() == pytest.approx(1 - 1 / 40, abs=5 * np.sqrt(2 / 8000))


def test_the_seed_decides():
    first = bootstrap_weights(30, 5, seed=3)
    np.testing.assert_array_equal(first, bootstrap_weights(30, 5, seed=3))
    assert (first != bootstrap_weights(30, 5, seed=4)).any()


@pytest.mark.parametrize("kind", [object, str])
def test_products_of_a_group_are_drawn_together(kind):
    groups = np.array(["a", "", "b", "a", "", "b", "b"], dtype=kind)
    weights = bootstrap_weights(7, 500, seed=0, groups=groups)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 3])
    np.testing.assert_array_equal(weights[:, 2], weights[:, 5])
    np.testing.assert_array_equal(weights[:, 2], weights[:, 6])
    assert (weights[:, 1] != weights[:, 4]).any()
    # Four units are drawn: a, b and two products that are alone.
    np.testing.assert_array_equal(weights[:, [0, 1, 2, 4]].sum(axis=1), 4)


def test_the_name_of_a_group_is_no_row_number_and_groups_are_left_alone():
    groups = np.array(["", "", "0", "1"], dtype=object)
    weights = bootstrap_weights(4, 100, seed=0, groups=groups)
    assert groups.tolist() == ["", "", "0", "1"]
    assert (weights[:, 0] != weights[:, 2]).any()
    assert (weights[:, 1] != weights[:, 3]).any()
    np.testing.assert_array_equal(weights.sum(axis=1), 4)


def test_groups_of_one_are_as_no_groups():
    alone = bootstrap_weights(20, 10, seed=1)
    np.testing.assert_array_equal(alone, bootstrap_weights(20, 10, 1, groups=[""] * 20))


@pytest.mark.parametrize("groups", [None, np.array([], dtype=str)])
def test_no_products(groups):
    assert bootstrap_weights(0, 7, seed=0, groups=groups).shape == (7, 0)


def test_the_interval_of_unbiased_resamples_is_their_percentiles():
    values = np.random.default_rng(0).normal(size=(2001, 2))
    interval = bootstrap_interval(values, np.median(values, axis=0))
    np.testing.assert_allclose(interval.low, np.quantile(values, 0.025, axis=0), atol=1e-3)
    np.testing.assert_allclose(interval.high, np.quantile(values, 0.975, axis=0), atol=1e-3)
    narrow = bootstrap_interval(values, np.median(values, axis=0), level=0.5)
    np.testing.assert_allclose(narrow.high, np.quantile(values, 0.75, axis=0), atol=1e-3)


def test_the_interval_equals_scipy_where_it_is_bias_corrected():
    """SciPy's BCa interval of a symmetric sample's mean has no acceleration: only the bias."""
    half = np.random.default_rng(1).exponential(size=50)
    sample = np.concatenate([half, -half])
    reference = stats.bootstrap(
        (sample,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(2)
    )
    interval = bootstrap_interval(reference.bootstrap_distribution, np.mean(sample))
    assert interval.low == pytest.approx(reference.confidence_interval.low, abs=2e-3)
    assert interval.high == pytest.approx(reference.confidence_interval.high, abs=2e-3)


def test_resamples_without_a_value_are_left_out():
    values = np.random.default_rng(2).normal(size=(500, 3))
    values[::2, 1] = np.nan
    values[:, 2] = np.nan
    interval = bootstrap_interval(values, [0.1, 0.1, np.nan])
    kept = bootstrap_interval(values[1::2, [1]], [0.1])
    assert interval.low[1] == kept.low[0]
    assert interval.high[1] == kept.high[0]
    assert np.isnan(interval.low[2])
    assert np.isnan(interval.high[2])
    assert (interval.low[:2] < interval.high[:2]).all()


def test_a_value_that_never_changes_is_its_own_interval():
    interval = bootstrap_interval(np.full((50, 1), 0.25), [0.25])
    assert interval.low[0] == interval.high[0] == 0.25


def test_one_number_has_one_interval():
    interval = bootstrap_interval(np.random.default_rng(3).random(100), 0.5)
    assert interval.low.shape == ()
    assert 0 < interval.low < interval.high < 1


def test_the_interval_of_average_precision_covers_the_true_one():
    """240 data sets of 400 products, one in five positive; five standard errors are 7 points.

    Their columns share one draw of weights, which makes neighbours alike but biases nothing.
    """
    random = np.random.default_rng(0)

    def draw(products, sets):
        matrix = (random.random((products, sets)) < 0.2).astype(np.int8)
        return random.normal(size=matrix.shape) + 1.2 * matrix, matrix

    truth = average_precision(*draw(400_000, 1))[0]
    scores, matrix = draw(400, 240)
    weights = bootstrap_weights(400, 400, seed=1)
    interval = bootstrap_interval(
        average_precision(scores, matrix, weights), average_precision(scores, matrix)
    )
    covered = np.mean((interval.low <= truth) & (truth <= interval.high))
    assert 0.88 <= covered <= 0.99


def test_the_basic_interval_mirrors_the_percentiles():
    values = np.array([[0.1], [0.2], [0.3], [0.4], [np.nan]])
    low, high = basic_interval(values, [0.15], level=0.5)
    assert low == pytest.approx(0.30 - np.quantile(values[:4], 0.75))
    assert high == pytest.approx(0.30 - np.quantile(values[:4], 0.25))
    empty = basic_interval(np.full((3, 1), np.nan), [np.nan])
    assert np.isnan(empty.low).all()
    assert np.isnan(empty.high).all()


def test_the_basic_interval_of_a_mean_of_average_precisions_covers_the_truth():
    random = np.random.default_rng(0)
    shares = np.geomspace(0.02, 0.5, 20)

    def draw(products):
        matrix = (random.random((products, len(shares))) < shares).astype(np.int8)
        return random.normal(size=matrix.shape) + 1.2 * matrix, matrix

    truth = average_precision(*draw(60_000)).mean()
    covered = 0
    for trial in range(40):
        scores, matrix = draw(800)
        resampled = average_precision(scores, matrix, bootstrap_weights(800, 200, trial))
        low, high = basic_interval(
            np.nanmean(resampled, axis=1), np.nanmean(average_precision(scores, matrix))
        )
        covered += bool(low <= truth <= high)
    assert covered >= 34
