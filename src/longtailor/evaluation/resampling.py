"""Bootstrap over products: resamples as weights, intervals as percentiles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


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
    random = np.random.default_rng(seed)
    if groups is None:
        unit = np.arange(products)
    else:
        names = np.asarray(groups, dtype=object)
        alone = names == ""
        names[alone] = np.arange(products)[alone]
        unit = np.unique(names.astype(str), return_inverse=True)[1]
    units = int(unit.max(initial=-1)) + 1
    draws = random.multinomial(units, np.full(units, 1 / max(units, 1)), size=resamples)
    return draws.astype(np.float32)[:, unit]


def percentile_interval(values: npt.ArrayLike, level: float = 0.95) -> Interval:
    """Give the percentile interval of resampled values.

    Parameters
    ----------
    values : array_like, shape (resamples, ...)
        NaN where a resample has no value; those are left out.
    level : float
        Share of the resamples inside the interval, in (0, 1).

    Returns
    -------
    Interval
        Bounds of shape (...).
    """
    array = np.asarray(values, dtype=np.float64)
    without = np.isnan(array).all(axis=0)
    filled = np.where(without, 0.0, array)
    tail = (1 - level) / 2
    low, high = np.nanquantile(filled, [tail, 1 - tail], axis=0)
    return Interval(np.where(without, np.nan, low), np.where(without, np.nan, high))
