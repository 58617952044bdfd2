"""Bootstrap over products: resamples as weights, intervals corrected for bias."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri


class Interval(NamedTuple):
    """The bounds of an interval; NaN where there was nothing to resample."""

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]


def bootstrap_weights(
    products: int,
    resamples: int,
    seed: int,
    groups: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float32]:
    """Draw bootstrap resamples of products.

    Parameters
    ----------
    products : int
        How many products there are.
    resamples : int
        How many resamples to draw.
    seed : int
        Seed of the draw.
    groups : array_like of str, shape (products,), optional
        Products of one group are drawn together (cluster bootstrap); `""` is a group of its own.

    Returns
    -------
    ndarray of float32, shape (resamples, products)
        How often each product is drawn in each resample.
    """
    if not products:
        return np.zeros((resamples, 0), np.float32)
    random = np.random.default_rng(seed)
    unit = np.arange(products)
    if groups is not None:
        names = np.asarray(groups).astype(str)
        _, first, group = np.unique(names, return_index=True, return_inverse=True)
        unit = np.unique(np.where(names == "", unit, first[group]), return_inverse=True)[1]
    units = int(unit.max()) + 1
    draws = random.multinomial(units, np.full(units, 1 / units), size=resamples)
    return draws.astype(np.float32)[:, unit]


def bootstrap_interval(
    values: npt.ArrayLike, estimate: npt.ArrayLike, level: float = 0.95
) -> Interval:
    """Give the bias-corrected percentile interval of resampled values.

    Efron, "Nonparametric standard errors and confidence intervals" (1981), section 7: the
    percentiles are shifted by how far the estimate lies from the median of its resamples. Average
    precision needs it: a positive that is drawn twice lifts its own rank.

    Parameters
    ----------
    values : array_like, shape (resamples, ...)
        NaN where a resample has no value; those are left out.
    estimate : array_like, shape (...)
        The value of what was resampled.
    level : float
        Share that the interval is to cover, in (0, 1).

    Returns
    -------
    Interval
        Bounds of shape (...), NaN where no resample has a value.
    """
    array = np.asarray(values, dtype=np.float64)
    points = np.asarray(estimate, dtype=np.float64)
    flat = array.reshape(len(array), -1)
    bounds = np.full((2, flat.shape[1]), np.nan)
    edge = ndtri((1 - level) / 2)
    for column, point in enumerate(points.ravel()):
        drawn = flat[:, column][~np.isnan(flat[:, column])]
        if not len(drawn):
            continue
        below = ((drawn < point).sum() + (drawn == point).sum() / 2 + 0.5) / (len(drawn) + 1)
        bias = ndtri(below)
        bounds[:, column] = np.quantile(drawn, ndtr([2 * bias + edge, 2 * bias - edge]))
    low, high = bounds.reshape(2, *points.shape)
    return Interval(low, high)


def basic_interval(values: npt.ArrayLike, estimate: npt.ArrayLike, level: float = 0.95) -> Interval:
    """Give the basic (reverse percentile) bootstrap interval of resampled values.

    Davison and Hinkley, "Bootstrap Methods and their Application" (1997), section 2.4:
    [2 t - q_high, 2 t - q_low], t the estimate. It suits a mean over labels: what average precision
    is too high by on few products adds up there, and this interval lies lower by as much as the
    resamples lie higher. The estimate itself may be above it.

    Parameters
    ----------
    values : array_like, shape (resamples, ...)
        NaN where a resample has no value; those are left out.
    estimate : array_like, shape (...)
        The value of what was resampled.
    level : float
        Share that the interval is to cover, in (0, 1).

    Returns
    -------
    Interval
        Bounds of shape (...), NaN where no resample has a value.
    """
    array = np.asarray(values, dtype=np.float64)
    points = np.asarray(estimate, dtype=np.float64)
    without = np.isnan(array).all(axis=0)
    tail = (1 - level) / 2
    low, high = np.nanquantile(np.where(without, 0.0, array), [tail, 1 - tail], axis=0)
    return Interval(
        np.where(without, np.nan, 2 * points - high), np.where(without, np.nan, 2 * points - low)
    )
