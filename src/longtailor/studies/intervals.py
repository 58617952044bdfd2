"""How sure a figure of a study is: two sources of variance, intervals, many comparisons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Spread:
    """A mean over seeds and how far it would lie elsewhere with other products.

    Attributes
    ----------
    mean : ndarray
    error : ndarray
        Standard error; NaN where nothing can be said about it.
    freedom : ndarray
        Degrees of freedom of its square.
    """

    mean: Floats
    error: Floats
    freedom: Floats

    def interval(self, lowest: float, highest: float) -> tuple[Floats, Floats]:
        """Give the 95 % interval within what the figure can be.

        Where nothing can be said about the error, the figure may be anything in that range.
        """
        reach = stats.t.ppf((1 + LEVEL) / 2, self.freedom) * self.error
        unsure = np.isnan(reach) & ~np.isnan(self.mean)
        low = np.where(unsure, lowest, np.maximum(self.mean - reach, lowest))
        high = np.where(unsure, highest, np.minimum(self.mean + reach, highest))
        return low, high

    def p_value(self) -> Floats:
        """Give the two-sided p-value of a mean of 0; 1 where nothing can be said."""
        with np.errstate(invalid="ignore", divide="ignore"):
            statistic = np.abs(self.mean) / self.error
        p_value = 2 * stats.t.sf(statistic, self.freedom)
        return np.where(np.isnan(p_value) & ~np.isnan(self.mean), 1.0, p_value)


def training_factor(seeds: int, drawn: float) -> float:
    """Give what the variance between seeds is multiplied by to be that of their mean elsewhere.

    Seeds draw from one pool, so their fits are alike: with a share f of the pool each, fits of
    two seeds correlate by about f, the variance between them is 1 - f of that between fits of
    separate pools, and that of their mean is (f / (1 - f) + 1 / seeds) times it. The first term
    is the correction of the delete-d jackknife (Shao and Wu 1989).

    Parameters
    ----------
    seeds : int
        At least 1.
    drawn : float
        f, in (0, 1]. At 1 all seeds see the same products: what they differ by is chance of the
        training alone, and 1 / seeds is left.
    """
    return 1 / seeds + (drawn / (1 - drawn) if drawn < 1 else 0.0)


def spread(
    points: npt.ArrayLike, resampled: npt.ArrayLike, drawn: float, units: npt.ArrayLike
) -> Spread:
    """Combine the variance over training draws with that over test products.

    By the law of total variance V = k max(s^2 - c^2, 0) + t^2, where s^2 is the variance between
    seeds, k `training_factor`, t^2 the bootstrap variance of the mean over seeds, and c^2
    `shared_variance`, which is in s^2 and in t^2. The degrees of freedom are those of k s^2 + t^2
    (Welch and Satterthwaite): c^2 is known much better than s^2, and simulated intervals cover
    best so (`docs/study-intervals.md`).

    Parameters
    ----------
    points : array_like, shape (seeds, ...)
        Figure of each seed. With one seed the spread is that over test products alone.
    resampled : array_like, shape (seeds, resamples, ...)
        The same on resamples of the test products; NaN where a resample has no figure.
    drawn : float
        Share of the pool that a seed draws, in (0, 1].
    units : array_like of int, shape (...)
        Test products (or groups of them) that the figure hangs on: those that are positive. With
        fewer than 2 nothing can be said.
    """
    figures = np.asarray(points, dtype=np.float64)
    replicates = np.asarray(resampled)
    seeds = len(figures)
    with_positive = np.asarray(units, dtype=np.float64)
    freedom = np.where(with_positive > 1, with_positive - 1, np.nan)
    over_seeds = replicates.mean(axis=0, dtype=np.float64)
    test = _variance(over_seeds) * (1 + 1 / freedom)
    if seeds == 1:
        return Spread(figures[0], np.sqrt(test), freedom)
    trained = training_factor(seeds, drawn) * figures.var(axis=0, ddof=1)
    both = training_factor(seeds, drawn) * shared_variance(replicates)
    total = np.maximum(trained - both, 0.0) + test
    with np.errstate(invalid="ignore"):
        combined = (trained + test) ** 2 / (trained**2 / (seeds - 1) + test**2 / freedom)
    combined = np.where(trained + test > 0, combined, freedom)
    return Spread(figures.mean(axis=0), np.sqrt(total), combined)


def shared_variance(resampled: npt.NDArray[np.floating]) -> Floats:
    """Give the part of the variance between seeds that comes from the test products.

    On other test products the seeds would deviate otherwise from their mean. That is in the
    variance between seeds, and in the bootstrap variance of their mean.

    Parameters
    ----------
    resampled : ndarray, shape (seeds, resamples, ...)
        At least two seeds.
    """
    mean = resampled.mean(axis=0, dtype=np.float64)
    deviations = [_variance(own - mean) for own in resampled]
    return np.asarray(np.sum(deviations, axis=0) / (len(resampled) - 1))


def holm(p_values: npt.ArrayLike) -> Floats:
    """Adjust p-values so that the chance of any false finding is bounded (Holm 1979).

    NaN stays NaN and does not count as a comparison.
    """
    p_value = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p_value.shape, np.nan)
    order = np.argsort(p_value)[: np.count_nonzero(~np.isnan(p_value))]
    left = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(p_value[order] * left), 1.0)
    return adjusted


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """Adjust p-values so that the share of false findings is bounded (1995).

    NaN stays NaN and does not count as a comparison.
    """
    p_value = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p_value.shape, np.nan)
    measured = ~np.isnan(p_value)
    if measured.any():
        adjusted[measured] = stats.false_discovery_control(p_value[measured])
    return adjusted


def _variance(replicates: npt.NDArray[np.floating]) -> Floats:
    """Variance over the first axis, of those that are not NaN; NaN with fewer than 2."""
    there = ~np.isnan(replicates)
    count = np.where(there.sum(axis=0) > 1, there.sum(axis=0), np.nan)
    values = np.where(there, replicates, 0.0)
    deviations = np.where(there, values - values.sum(axis=0) / count, 0.0)
    return np.asarray((deviations**2).sum(axis=0) / (count - 1))
