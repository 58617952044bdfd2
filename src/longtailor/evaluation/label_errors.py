"""Given labels that a detector disputes.

Judged by probabilities of classifiers that did not see the product: one that did has learned its
error. Unknown cells are no label and cannot be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from longtailor.labels import NEGATIVE, POSITIVE, UNKNOWN, LabelMatrix

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

HALF = 0.5
NONE = -1
"""Stands for no label."""


@dataclass(frozen=True, eq=False)
class Disputes:
    """Disputed labels, the most doubtful first; each of shape (disputes,).

    Attributes
    ----------
    products : ndarray of int
    given : ndarray of int
        The label that the product has and, it seems, should not have; `NONE` if it lacks one.
    suggested : ndarray of int
        The label that it seems to lack; `NONE` if it has one too many.
    doubt : ndarray of float64
        Above 0.5, at most 1: the suggestion's probability over the sum of its own and that of
        what is given.
    """

    products: Rows
    given: Rows
    suggested: Rows
    doubt: Floats

    def __len__(self) -> int:
        return len(self.products)

    def take(self, at: npt.ArrayLike) -> Disputes:
        """Give some of them (indices, a mask or a slice)."""
        where = np.arange(len(self))[at]  # type: ignore[index]
        return Disputes(
            self.products[where], self.given[where], self.suggested[where], self.doubt[where]
        )


def find_disputes(
    probabilities: npt.ArrayLike,
    matrix: LabelMatrix,
    exclusive: Sequence[npt.NDArray[np.intp]] = (),
) -> Disputes:
    """Find the labels that probabilities speak against.

    In an exclusive attribute the given value is compared with the most probable other one, any
    other cell with its opposite. The doubt orders them by the ratio of the two probabilities,
    which found more planted errors than their difference, their shares of the attribute, and than
    cleanlab's self-confidence (see docs/label-errors.md).

    Parameters
    ----------
    probabilities : array_like of float, shape (products, labels)
        Out of fold, in [0, 1].
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1.
    exclusive : sequence of ndarray of int
        The columns of each exclusive attribute.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    alone = np.setdiff1d(
        np.arange(values.shape[1]), np.concatenate([np.empty(0, np.intp), *exclusive])
    )
    found = [_between(values, matrix, columns) for columns in exclusive]
    found.append(_cells(values, matrix, alone))
    parts = [np.concatenate([getattr(one, name) for one in found]) for name in _FIELDS]
    return Disputes(*parts).take(np.argsort(-parts[-1], kind="stable"))


_FIELDS = ("products", "given", "suggested", "doubt")


def _between(values: Floats, matrix: LabelMatrix, columns: Rows) -> Disputes:
    """Compare the value of an exclusive attribute with the others."""
    cells = matrix[:, columns]
    products = np.flatnonzero((cells != UNKNOWN).all(axis=1) & (cells == POSITIVE).any(axis=1))
    rows = np.arange(len(products))
    given = (cells[products] == POSITIVE).argmax(axis=1)
    p = np.maximum(values[np.ix_(products, columns)], np.finfo(np.float64).tiny)
    own = p[rows, given]
    p[rows, given] = 0.0
    best = p.argmax(axis=1)
    doubt = p[rows, best] / (p[rows, best] + own)
    some = doubt > HALF
    return Disputes(products[some], columns[given[some]], columns[best[some]], doubt[some])


def _cells(values: Floats, matrix: LabelMatrix, columns: Rows) -> Disputes:
    """Judge each cell by itself."""
    cells, p = matrix[:, columns], values[:, columns]
    doubt = np.where(cells == POSITIVE, 1 - p, p)
    products, at = np.nonzero((cells != UNKNOWN) & (doubt > HALF))
    labels = columns[at]
    kind = cells[products, at]
    return Disputes(
        products,
        np.where(kind == POSITIVE, labels, NONE),
        np.where(kind == NEGATIVE, labels, NONE),
        doubt[products, at],
    )
