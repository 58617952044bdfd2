"""Thresholds that promise a precision.

For each label by itself: with probability 1 - delta over the draw of the validation products, at
least a share P of all products like them that reach the threshold have the label.

Thresholds are tested from high to low. Let m products lie above the score of the next one. Given
that score they are a random sample of all products above it, so that the number of positives among
them is binomial, and its exact upper tail (Clopper & Pearson 1934) tests whether the precision
there falls short of P. Which m are tested is laid down before a label is looked at, and the error
that all tests together may make is delta: a ladder of m, tested in order as in the fallback
procedure of Wiens (2003), which lets a test that succeeds pass its error on to the next. This is
Learn then Test (Angelopoulos et al., 2021) for precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc

from longtailor.labels import POSITIVE, UNKNOWN, LabelMatrix

Floats = npt.NDArray[np.float64]

DELTA = 0.1
"""Probability with which the promise of a label may be broken."""
NEVER = 1.0
"""The threshold of a label without a promise."""
STEP = 1.1
"""From one number of products that is tested to the next."""
FIRST = 0.7
"""Share of delta that the first test has. Simulated on labels with a share of positives from .1 to
.6, it made more promises, and reached more positives, than .3, .5 or 1."""
GROWTHS = 1.1 ** np.arange(1, 80)
"""Times the val products at hand that are tried where a label lacks positives."""


@dataclass(frozen=True, eq=False)
class Promise:
    """Thresholds, and which of them promise their precision.

    Attributes
    ----------
    precision, delta : float
    thresholds : ndarray of float64, shape (labels,)
        For scores in [0, 1]; `NEVER` for labels without a promise.
    kept : ndarray of bool, shape (labels,)
        Labels with a promise.
    lacking : ndarray of float64, shape (labels,)
        At least so many more validation positives a label without a promise needs, if those to
        come are ranked as those at hand. 0 with a promise; NaN where no threshold reaches the
        precision even on the products at hand, though positives would suffice.
    """

    precision: float
    delta: float
    thresholds: Floats
    kept: npt.NDArray[np.bool_]
    lacking: Floats

    def to_dict(self) -> dict[str, Any]:
        """Give the promise, without the thresholds, as what JSON can hold."""
        return {
            "precision": self.precision,
            "delta": self.delta,
            "kept": self.kept.tolist(),
            "lacking": [None if math.isnan(count) else int(count) for count in self.lacking],
        }

    def summarise(self, measured: Floats) -> dict[str, Any]:
        """Say how many labels have a promise, and how they did elsewhere.

        Parameters
        ----------
        measured : ndarray of float64, shape (labels,)
            The precision of each label on test products; NaN where it cannot be had.
        """
        seen = self.kept & ~np.isnan(measured)
        return {
            "precision": self.precision,
            "delta": self.delta,
            "labels_promised": int(self.kept.sum()),
            "labels_without": int((~self.kept).sum()),
            "test_labels_measured": int(seen.sum()),
            "test_labels_reaching": int((measured[seen] >= self.precision).sum()),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any], thresholds: Floats) -> Promise:
        """Read what `to_dict` gave.

        Raises
        ------
        ValueError
            If the promise is for another number of labels.
        """
        kept = np.array(value["kept"], dtype=np.bool_)
        lacking = np.array(value["lacking"], dtype=np.float64)
        if kept.shape != thresholds.shape or lacking.shape != thresholds.shape:
            raise ValueError("the promise is for another number of labels")
        return cls(value["precision"], value["delta"], thresholds, kept, lacking)


def promise_precision(
    scores: npt.ArrayLike, matrix: LabelMatrix, precision: float, delta: float = DELTA
) -> Promise:
    """Choose the lowest threshold of each label that promises a precision.

    Parameters
    ----------
    scores : array_like of float, shape (products, labels)
        In [0, 1], of products that played no part in fitting.
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1. The promise is for products like those that are known.
    precision : float
        In (0, 1).
    delta : float
        In (0, 1).

    Raises
    ------
    ValueError
        If `precision` or `delta` is not between 0 and 1.
    """
    for name, value in (("precision", precision), ("delta", delta)):
        if not 0 < value < 1:
            raise ValueError(f"{name} {value} is not between 0 and 1")
    values = np.asarray(scores, dtype=np.float64)
    labels = values.shape[1]
    thresholds, lacking = np.full(labels, NEVER), np.zeros(labels)
    kept = np.zeros(labels, dtype=np.bool_)
    for label in range(labels):
        known = matrix[:, label] != UNKNOWN
        order = np.argsort(-values[known, label], kind="stable")
        ranked = values[known, label][order]
        hits = np.cumsum(matrix[known, label][order] == POSITIVE)
        cut = _lowest_cut(ranked, hits, precision, delta)
        if cut is None:
            lacking[label] = _lacking(hits, precision, delta)
        else:
            thresholds[label], kept[label] = cut, True
    return Promise(precision, delta, thresholds, kept, lacking)


def fewest(precision: float, delta: float = DELTA) -> int:
    """Give the fewest positives, all ranked before any negative, that can make the promise."""
    return math.ceil(math.log(FIRST * delta) / math.log(precision))


def _lowest_cut(
    ranked: Floats, hits: npt.NDArray[np.intp], precision: float, delta: float
) -> float | None:
    """Test from the highest threshold to the lowest; None where no test succeeds."""

    def count(size: int) -> tuple[int, int]:
        # Products with equal scores are above the threshold together, or not at all.
        above = int(np.searchsorted(-ranked, -ranked[size], side="left"))
        return above, int(hits[above - 1]) if above else 0

    size = _test(len(ranked) - 1, count, precision, delta)
    return None if size is None else float(np.nextafter(ranked[size], 1.0))


def _test(
    most: int, count: Callable[[int], tuple[int, int]], precision: float, delta: float
) -> int | None:
    """Give the last size of the ladder whose test succeeds.

    `count` gives, for a size, the products above the threshold and the positives among them.
    """
    last, least = None, fewest(precision, delta)
    passed_on = 0.0
    for size, share in _ladder(most, precision, delta):
        above, positives = count(size)
        error = share * delta + passed_on
        if above < least:
            # For ties, nothing can be tested here, and no error is made.
            passed_on = error
        elif bdtrc(positives - 1, above, precision) <= error:
            last, passed_on = size, error
        else:
            passed_on = 0.0
    return last


def _ladder(most: int, precision: float, delta: float) -> Iterator[tuple[int, float]]:
    """Give the numbers of products to test, rising, and the share of delta that each begins with.

    The first is the least that can succeed, and begins with the share `FIRST`. Those twice, four,
    eight times as many begin with `FIRST` of what is left; all others with what is passed on.
    """
    size = fewest(precision, delta)
    share, fresh = FIRST, size
    while size <= most:
        begins = size >= fresh
        yield size, share if begins else 0.0
        if begins:
            share, fresh = share * (1 - FIRST), 2 * fresh
        size = max(size + 1, round(size * STEP))


def _lacking(hits: npt.NDArray[np.intp], precision: float, delta: float) -> float:
    """Find how many more positives would do, were there more products ranked like these."""
    products = len(hits)
    positives = int(hits[-1]) if products else 0
    least = fewest(precision, delta)
    if not (hits > precision * np.arange(1, products + 1)).any():
        return float(least - positives) if positives < least else math.nan
    for times in GROWTHS:

        def count(size: int, times: float = times) -> tuple[int, int]:
            found = np.interp(size / times, np.arange(products + 1), np.append(0, hits))
            return size, int(times * found + 1e-9)

        if _test(int(times * products) - 1, count, precision, delta) is not None:
            return float(max(1, math.ceil(round(positives * (times - 1), 6))))
    return math.nan
