"""How sure a figure of a study is: two sources of variance, intervals, many comparisons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
LARGE_SHARE = 0.45
"""Draws that train on more of the pool say little about other pools: smaller ones are asked."""


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


@dataclass(frozen=True, eq=False)
class Sampled:
    """A figure on each seed of a study, and on resamples of the test products.

    Attributes
    ----------
    points : ndarray, shape (seeds, ...)
    resampled : ndarray, shape (seeds, resamples, ...)
        NaN where a resample has no figure.
    drawn : float
        Share of the pool that a seed draws, in (0, 1].
    """

    points: Floats
    resampled: npt.NDArray[np.floating]
    drawn: float

    def there(self) -> Sampled:
        """Leave out the seeds that have no figure at all."""
        found = ~np.isnan(self.points.reshape(len(self.points), -1)).all(axis=1)
        return Sampled(self.points[found], self.resampled[found], self.drawn)

    def less(self, other: Sampled) -> Sampled:
        """Give the difference to another objective on the same draws and resamples."""
        return Sampled(
            np.subtract(self.points, other.points, dtype=np.float64),
            self.resampled - other.resampled,
            self.drawn,
        )


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


def spread(sampled: Sampled, units: npt.ArrayLike, smaller: Sampled | None = None) -> Spread:
    """Combine the variance over training draws with that over test products.

    By the law of total variance V = k max(s^2 - c^2, 0) + t^2, where s^2 is the variance between
    seeds, k `training_factor`, t^2 the bootstrap variance of the mean over seeds, and c^2
    `shared_variance`, which is in s^2 and in t^2. With smaller draws k s^2 has two terms, see
    `training_terms`. The degrees of freedom are those of k s^2 + t^2 (Welch and Satterthwaite):
    c^2 is known much better than s^2, and simulated intervals cover best so
    (`docs/study-intervals.md`).

    Parameters
    ----------
    sampled : Sampled
        With one seed the spread is that over test products alone.
    units : array_like of int, shape (...)
        Test products (or groups of them) that the figure hangs on: those that are positive. With
        fewer than 2 nothing can be said.
    smaller : Sampled, optional
        The same figures of smaller draws.
    """
    with_positive = np.asarray(units, dtype=np.float64)
    freedom = np.where(with_positive > 1, with_positive - 1, np.nan)
    over_seeds = sampled.resampled.mean(axis=0, dtype=np.float64)
    test = _variance(over_seeds) * (1 + 1 / freedom)
    if len(sampled.points) == 1:
        return Spread(sampled.points[0], np.sqrt(test), freedom)
    total, both, uncertainty = test, test, test**2 / freedom
    for factor, draws in training_terms(sampled, smaller):
        between = factor * draws.points.var(axis=0, ddof=1)
        shared = factor * shared_variance(draws.resampled)
        total = total + np.maximum(between - shared, 0.0)
        both = both + between
        uncertainty = uncertainty + between**2 / (len(draws.points) - 1)
    with np.errstate(invalid="ignore"):
        combined = np.where(both > 0, both**2 / uncertainty, freedom)
    return Spread(sampled.points.mean(axis=0), np.sqrt(total), combined)


def training_terms(sampled: Sampled, smaller: Sampled | None) -> list[tuple[float, Sampled]]:
    """Give whose variance between seeds is multiplied by what, to be that over training draws.

    From draws of a large share f of the pool, k = f / (1 - f) + 1 / S is large, and multiplies
    chance too that has nothing to do with the pool, such as which penalty validation prefers. Draws
    of a smaller share g tell the part of the pool better: g / (1 - g) of their variance, which is
    about that of draws of f as far as figures are linear in the training products, and rather more
    where quality still rises steeply. 1 / S of the variance between the draws of f themselves is
    left.

    Parameters
    ----------
    sampled, smaller : Sampled
        At least two seeds in `sampled`; with fewer in `smaller` it is not used.
    """
    seeds = len(sampled.points)
    if smaller is None or len(smaller.points) < 2:
        return [(training_factor(seeds, sampled.drawn), sampled)]
    return [(1 / seeds, sampled), (smaller.drawn / (1 - smaller.drawn), smaller)]


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
