"""How often each label is positive, negative and unknown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from longtailor.labels.matrix import NEGATIVE, POSITIVE, UNKNOWN, LabelMatrix

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LabelStatistics:
    """Counts of products by label.

    Attributes
    ----------
    positive, negative, unknown : ndarray of int64, shape (labels,)
        Products whose cell of the label is positive, negative, unknown.
    """

    positive: Counts
    negative: Counts
    unknown: Counts

    @property
    def known(self) -> Counts:
        """Products whose cell of the label is known, shape (labels,)."""
        return self.positive + self.negative

    @classmethod
    def from_matrix(cls, matrix: LabelMatrix) -> LabelStatistics:
        """Count the cells of a label matrix of shape (products, labels)."""
        return cls(
            *(
                (matrix == kind).sum(axis=0, dtype=np.int64)
                for kind in (POSITIVE, NEGATIVE, UNKNOWN)
            )
        )

    @classmethod
    def from_counts(
        cls, positives: npt.ArrayLike, known: npt.ArrayLike, products: int | None = None
    ) -> LabelStatistics:
        """Take counts made elsewhere.

        Parameters
        ----------
        positives, known : array_like of int, shape (labels,)
            Products in which the label is positive, and in which it is known.
        products : int, optional
            All products, so that the unknown can be counted. Default: the largest of `known`.

        Raises
        ------
        ValueError
            If the shapes differ, a count is negative or not whole, `positives` exceeds `known`, or
            `known` exceeds `products`; the first such label is named by its position.
        """
        positive, at = _counts("positives", positives), _counts("known", known)
        if positive.shape != at.shape:
            raise ValueError(f"positives has shape {positive.shape}, known has shape {at.shape}")
        total = int(at.max(initial=0)) if products is None else products
        for name, low, high, upper in (
            ("positives", positive, at, "known"),
            ("known", at, np.full_like(at, total), "products"),
        ):
            if (low > high).any():
                label = int(np.argmax(low > high))
                raise ValueError(
                    f"label {label}: {name} is {low[label]}, more than {upper} ({high[label]})"
                )
        return cls(positive, at - positive, total - at)

    def __add__(self, other: LabelStatistics) -> LabelStatistics:
        """Add the counts of other products with the same labels."""
        return LabelStatistics(
            self.positive + other.positive,
            self.negative + other.negative,
            self.unknown + other.unknown,
        )


def _counts(name: str, values: npt.ArrayLike) -> Counts:
    array = np.atleast_1d(np.asarray(values))
    if array.ndim != 1:
        raise ValueError(f"{name} has one count a label, shape (labels,), not {array.shape}")
    if not np.all(np.isfinite(array.astype(np.float64))) or (array != np.floor(array)).any():
        raise ValueError(f"{name} must be whole numbers")
    if (array < 0).any():
        label = int(np.argmax(array < 0))
        raise ValueError(f"label {label}: {name} is {array[label]}; counts are not negative")
    return array.astype(np.int64)
