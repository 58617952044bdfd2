"""Which products are shown in an epoch, and how often.

Repeat-factor sampling, Gupta, Dollar and Girshick 2019, LVIS, arXiv:1908.03195, section 5.2: a
label that a share f of the products have gets the factor max(1, sqrt(t / f)), and a product the
largest factor of its labels. Here an epoch stays as long as it was, so that factors only shift
how often products are shown against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from longtailor.labels import POSITIVE, UNKNOWN, LabelMatrix, LabelStatistics

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

POOL = 32
"""So many batches are drawn before they are sorted by length."""


def repeat_factors(matrix: LabelMatrix, below: float) -> Floats:
    """Give each product the largest factor of its positive labels, shape (products,).

    Parameters
    ----------
    matrix : ndarray of int8, shape (products, labels)
    below : float
        The share of products `t` below which a label counts as rare; 0: all factors are 1.
    """
    share = (matrix == POSITIVE).mean(axis=0)
    with np.errstate(divide="ignore"):
        factors = np.where(share > 0, np.maximum(1.0, np.sqrt(below / share)), 1.0)
    return np.asarray(np.where(matrix == POSITIVE, factors, 1.0).max(axis=1, initial=1.0))


def sampled_statistics(matrix: LabelMatrix, factors: Floats) -> LabelStatistics:
    """Count the cells of the stream of products that an epoch shows, in expectation."""
    shown = factors * len(matrix) / factors.sum()
    positive = np.rint(shown @ (matrix == POSITIVE)).astype(np.int64)
    known = np.rint(shown @ (matrix != UNKNOWN)).astype(np.int64)
    # Rounding must not make a label that is there vanish.
    positive = np.maximum(positive, (matrix == POSITIVE).any(axis=0))
    return LabelStatistics.from_counts(positive, np.maximum(known, positive))


@dataclass(frozen=True, eq=False)
class Order:
    """The order of the products in each epoch, the same for the same seed.

    An incomplete last batch is left out, another one in each epoch; where there are fewer products
    than a batch, some are shown twice.

    Attributes
    ----------
    factors : ndarray of float64, shape (products,)
        How often each is shown against the others.
    batch_size : int
    seed : int
    lengths : sequence of int, optional
        How long each product is. Those of about one length then come in one batch: of every
        `POOL` batches drawn, the products are sorted by length, and the batches shuffled.
    """

    factors: Floats
    batch_size: int
    seed: int
    lengths: Sequence[int] | None = None

    @property
    def batches(self) -> int:
        """How many batches an epoch has."""
        return max(len(self.factors) // self.batch_size, 1)

    def epoch(self, number: int) -> Integers:
        """Give the products of an epoch, shape (batches, batch_size)."""
        random = np.random.default_rng((self.seed, number))
        products = len(self.factors)
        if (self.factors == 1).all():
            chosen = random.permutation(products)
        else:
            # Systematic resampling: each is shown its expected number of times, rounded up or down.
            shares = np.cumsum(self.factors) * products / self.factors.sum()
            marks = np.arange(products) + random.random()
            chosen = random.permutation(np.searchsorted(shares, marks).clip(max=products - 1))
        drawn = np.resize(chosen, self.batches * self.batch_size).astype(np.int64)
        if self.lengths is not None:
            lengths = np.asarray(self.lengths)
            for start in range(0, len(drawn), POOL * self.batch_size):
                pool = drawn[start : start + POOL * self.batch_size]
                pool[:] = pool[np.argsort(lengths[pool], kind="stable")]
        batches = drawn.reshape(self.batches, self.batch_size)
        return batches if self.lengths is None else random.permutation(batches)
