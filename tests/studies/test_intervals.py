from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from longtailor.evaluation.ranking import average_precision
from longtailor.evaluation.resampling import bootstrap_weights
from longtailor.studies.intervals import (
    Spread,
    benjamini_hochberg,
    holm,
    shared_variance,
    spread,
    training_factor,
)


def test_with_one_seed_the_spread_is_the_bootstrap_over_products():
    resampled = np.random.default_rng(0).normal(0.6, 0.05, (1, 400))
    found = spread([0.6], resampled, 0.5, 21)
    assert found.mean == 0.6
    assert found.error == pytest.approx(np.std(resampled, ddof=1) * np.sqrt(21 / 20))
    assert found.freedom == 20
    low, high = found.interval(0, 1)
    assert high - 0.6 == pytest.approx(stats.t.ppf(0.975, 20) * found.error)
    assert 0.6 - low == pytest.approx(high - 0.6)


def test_the_two_sources_add_up_by_hand():
    """Resamples that move all seeds alike: nothing of the test products is between the seeds."""
    points = np.array([0.1, 0.2, 0.6])
    moves = np.random.default_rng(1).normal(scale=0.1, size=50)
    found = spread(points, points[:, None] + moves, 0.2, 11)
    trained = (1 / 3 + 0.25) * points.var(ddof=1)
    test = moves.var(ddof=1) * 11 / 10
    assert found.mean == pytest.approx(0.3)
    assert found.error**2 == pytest.approx(trained + test)
    assert found.freedom == pytest.approx((trained + test) ** 2 / (trained**2 / 2 + test**2 / 10))


def test_what_the_test_products_do_to_single_seeds_is_counted_once():
    """Seeds that differ by chance of the test products alone leave the bootstrap variance."""
    random = np.random.default_rng(2)
    resampled = random.normal(scale=0.1, size=(6, 3000))
    points = np.array([-0.1, 0.1, -0.08, 0.08, 0.05, -0.05])
    both = shared_variance(resampled)
    assert both == pytest.approx(0.01, rel=0.05)
    found = spread(points, resampled, 0.5, 1000)
    assert points.var(ddof=1) < both
    assert found.error**2 == pytest.approx(resampled.mean(axis=0).var(ddof=1), rel=0.01)
    wider = spread(2 * points, resampled, 0.5, 1000)
    kept = (1 / 6 + 1) * (4 * points.var(ddof=1) - both)
    assert wider.error**2 == pytest.approx(found.error**2 + kept)


def test_scaling_the_figures_scales_the_interval():
    random = np.random.default_rng(3)
    points, resampled = random.random(4), random.random((4, 60))
    once, twice = (spread(k * points, k * resampled, 0.3, 30) for k in (1, 2))
    assert twice.error == pytest.approx(2 * once.error)
    assert twice.freedom == pytest.approx(once.freedom)
    assert twice.p_value() == pytest.approx(once.p_value())


def test_labels_are_handled_side_by_side():
    random = np.random.default_rng(4)
    points, resampled = random.random((3, 5)), random.random((3, 40, 5))
    resampled[:, ::3, 1] = np.nan
    units = np.array([10, 4, 1, 2, 0])
    together = spread(points, resampled, 0.4, units)
    for label in range(5):
        alone = spread(points[:, label], resampled[:, :, label], 0.4, units[label])
        np.testing.assert_allclose(together.error[label], alone.error)
        np.testing.assert_allclose(together.freedom[label], alone.freedom)
    np.testing.assert_array_equal(np.isnan(together.error), [False, False, True, False, True])


def test_the_factor_grows_with_the_share_and_falls_with_the_seeds():
    assert training_factor(5, 0.5) == pytest.approx(1 + 1 / 5)
    assert training_factor(5, 5 / 6) == pytest.approx(5 + 1 / 5)
    assert training_factor(4, 1.0) == 1 / 4
    factors = [training_factor(5, share) for share in (0.01, 0.1, 0.5, 0.9)]
    assert factors == sorted(factors)


def test_the_factor_is_exact_for_a_mean():
    """Subsets of one pool, the figure their mean: the variance over pools is known."""
    random = np.random.default_rng(5)
    pool, drawn, seeds, trials = 30, 24, 5, 4000
    values = random.normal(size=(trials, pool))
    picks = np.argsort(random.random((trials, seeds, pool)), axis=2)[:, :, :drawn]
    means = np.take_along_axis(values[:, None], picks, axis=2).mean(axis=2)
    claimed = training_factor(seeds, drawn / pool) * means.var(axis=1, ddof=1).mean()
    # 4,000 trials: the relative standard error of a variance is 2.2 %.
    assert claimed == pytest.approx(means.mean(axis=1).var(ddof=1), rel=0.1)


def test_where_nothing_can_be_said_anything_may_be():
    nothing = Spread(np.array(0.7), np.array(np.nan), np.array(np.nan))
    assert [float(bound) for bound in nothing.interval(0, 1)] == [0, 1]
    assert nothing.p_value() == 1
    missing = Spread(np.array(np.nan), np.array(np.nan), np.array(np.nan))
    assert np.isnan(missing.interval(0, 1)).all()
    assert np.isnan(missing.p_value())


def test_intervals_stay_within_what_a_figure_can_be():
    wide = Spread(np.array([0.02, 0.99]), np.array([0.1, 0.1]), np.array([5.0, 5.0]))
    low, high = wide.interval(0, 1)
    assert low[0] == 0
    assert high[1] == 1


def test_the_interval_leaves_out_0_exactly_if_p_is_below_5_percent():
    random = np.random.default_rng(6)
    found = Spread(random.normal(size=500), np.full(500, 0.5), random.uniform(2, 30, 500))
    low, high = found.interval(-10, 10)
    np.testing.assert_array_equal((low > 0) | (high < 0), found.p_value() < 0.05)


def test_holm_by_its_definition():
    p_values = np.random.default_rng(7).random(12) ** 3
    order = np.argsort(p_values)
    expected = np.empty(12)
    for rank, at in enumerate(order):
        expected[at] = min(1, max((12 - k) * p_values[order[k]] for k in range(rank + 1)))
    np.testing.assert_allclose(holm(p_values), expected)
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm([np.nan, 0.01, 0.04]), [np.nan, 0.02, 0.04])
    assert np.isnan(holm([np.nan])).all()
    assert holm([]).shape == (0,)


def test_benjamini_and_hochberg_by_their_definition():
    p_values = np.random.default_rng(8).random(15) ** 2
    order = np.argsort(p_values)
    expected = np.empty(15)
    for rank, at in enumerate(order):
        expected[at] = min(1, min(15 / (k + 1) * p_values[order[k]] for k in range(rank, 15)))
    np.testing.assert_allclose(benjamini_hochberg(p_values), expected)
    with_gaps = np.full(20, np.nan)
    with_gaps[5:] = p_values
    np.testing.assert_allclose(benjamini_hochberg(with_gaps)[5:], expected)
    assert np.isnan(benjamini_hochberg(with_gaps)[:5]).all()
    assert np.isnan(benjamini_hochberg([np.nan, np.nan])).all()


@pytest.mark.parametrize(("drawn", "pool"), [(0.15, 600), (5 / 6, 120)])
def test_the_intervals_cover_the_expected_figures(drawn, pool):
    """200 simulated studies of two ridge regressions; what is expected is their mean.

    A coverage of 95 % has a standard error of 1.5 points; the bounds are three of them away.
    """
    random = np.random.default_rng(0)
    features, labels, seeds, ridges = 6, 3, 4, (1.0, 300.0)
    directions = random.normal(size=(features, labels)) / np.sqrt(features)
    found = []
    for trial in range(200):
        inputs = random.normal(size=(pool + 300, features))
        latent = inputs @ directions + 0.5 * random.normal(size=(pool + 300, labels))
        matrix = (latent > 0.8).astype(np.int8)
        scores = []
        for _ in range(seeds):
            rows = random.permutation(pool)[: round(drawn * pool)]
            x, y = inputs[rows], matrix[rows]
            for ridge in ridges:
                solved = np.linalg.solve(x.T @ x + ridge * np.eye(features), x.T @ (y - y.mean(0)))
                scores.append(inputs[pool:] @ solved)
        truth = np.tile(matrix[pool:], (1, seeds * len(ridges)))
        weights = np.concatenate([np.ones((1, 300)), bootstrap_weights(300, 60, trial)])
        ap = average_precision(np.hstack(scores), truth, weights.astype(np.float32))
        means = ap.reshape(61, seeds, len(ridges), labels).mean(axis=3)
        figures = np.concatenate([means, means[:, :, :1] - means[:, :, 1:]], axis=2)
        by_seed = figures.transpose(1, 0, 2)
        found.append(spread(by_seed[:, 0], by_seed[:, 1:], drawn, [200] * 3))
    expected = np.mean([one.mean for one in found], axis=0)
    intervals = [one.interval(-1, 1) for one in found]
    covered = np.mean([(low <= expected) & (expected <= high) for low, high in intervals], axis=0)
    assert (covered >= 0.905).all()
    assert (covered <= 0.995).all()
