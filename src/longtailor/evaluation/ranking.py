"""Average precision: how well the scores of a label rank its positives first."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import sparse

from longtailor.labels import POSITIVE, UNKNOWN, LabelMatrix

Floats = npt.NDArray[np.float64]

BLOCK = 3_000_000
"""Cells of the arrays in hand at a time: what bounds the memory."""


def average_precision(
    scores: npt.ArrayLike, matrix: LabelMatrix, weights: npt.ArrayLike | None = None
) -> Floats:
    """Average precision of each label, over the products in which it is known.

    Sum over the distinct scores, from the highest, of the gain in recall times the precision
    there, as scikit-learn's `average_precision_score`: products with equal scores enter together.

    Parameters
    ----------
    scores : array_like of float, shape (products, labels)
        Higher means more likely. Any monotone transform of a label's scores gives the same result.
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1.
    weights : array_like of float, shape (products,) or (resamples, products), optional
        Weight of each product; with two dimensions, one result a row. Default: all 1.

    Returns
    -------
    ndarray of float64, shape (labels,) or (resamples, labels)
        In [0, 1]; NaN for a label without a positive of positive weight.
    """
    values = _comparable(scores)
    by_product = _by_product(weights, len(values))
    result = np.full((by_product.shape[1], values.shape[1]), np.nan)
    for label in range(values.shape[1]):
        known = np.flatnonzero(matrix[:, label] != UNKNOWN)
        positive = matrix[known, label] == POSITIVE
        result[:, label] = _one_ranking(values[known, label], positive, known, by_product)
    return result[0] if weights is None or np.ndim(weights) == 1 else result


def micro_average_precision(
    scores: npt.ArrayLike, matrix: LabelMatrix, weights: npt.ArrayLike | None = None
) -> Floats:
    """Average precision over all known cells at once; NaN without a positive.

    Parameters
    ----------
    scores : array_like of float, shape (products, labels)
        Comparable between labels, as probabilities are.
    matrix : ndarray of int8, shape (products, labels)
    weights : array_like of float, shape (products,) or (resamples, products), optional
        As in `average_precision`.

    Returns
    -------
    ndarray of float64, shape () or (resamples,)
    """
    values = _comparable(scores)
    known = np.flatnonzero(matrix != UNKNOWN)
    result = _one_ranking(
        values.ravel()[known],
        matrix.ravel()[known] == POSITIVE,
        known // max(values.shape[1], 1),
        _by_product(weights, len(values)),
    )
    return result[0] if weights is None or np.ndim(weights) == 1 else result


def _comparable(scores: npt.ArrayLike) -> npt.NDArray[np.floating]:
    values = np.asarray(scores)
    return values.astype(np.result_type(values, np.float32), copy=False)


def _by_product(weights: npt.ArrayLike | None, products: int) -> npt.NDArray[np.floating]:
    """Put the weights of a product side by side, of shape (products, resamples)."""
    rows = np.ones((1, products), np.float32) if weights is None else np.atleast_2d(weights)
    return np.ascontiguousarray(_comparable(rows).T)


def _one_ranking(
    scores: npt.NDArray[np.floating],
    positive: npt.NDArray[np.bool_],
    product: npt.NDArray[np.intp],
    weights: npt.NDArray[np.floating],
) -> Floats:
    """Average precision of one list of cells under each column of `weights`.

    Parameters
    ----------
    scores, positive, product : ndarray, shape (cells,)
        `product` is the row of `weights` that a cell has.
    weights : ndarray, shape (products, resamples)
    """
    resamples = weights.shape[1]
    result = np.full(resamples, np.nan)
    if not positive.any():
        return result
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    hits = np.flatnonzero(positive[order])
    # A positive counts at the end of its tie, where all equal scores have entered.
    ends, first_hit = np.unique(
        np.searchsorted(-ranked, -ranked[hits], side="right"), return_index=True
    )
    drawn = _steps(product[order], ends, weights)
    found = _steps(product[order[hits]], np.append(first_hit[1:], len(hits)), weights)
    width = max(1, BLOCK // len(ends))
    for start in range(0, resamples, width):
        block = weights[:, start : start + width]
        gained = found @ block
        drawn_here, found_here = _running(drawn @ block), _running(gained)
        with np.errstate(invalid="ignore", divide="ignore"):
            result[start : start + width] = (
                np.einsum(
                    "ij,ij,ij->j",
                    gained,
                    found_here,
                    np.where(drawn_here > 0, 1 / drawn_here, 0.0),
                )
                / found_here[-1]
            )
    return result


def _running(steps: npt.NDArray[np.floating]) -> Floats:
    """Sum down the rows, row by row: NumPy's cumsum would stride through memory."""
    if steps.shape[1] == 1:
        return steps.cumsum(axis=0, dtype=np.float64)
    total = steps.astype(np.float64)
    for above, row in pairwise(total):
        row += above
    return total


def _steps(
    product: npt.NDArray[np.intp], ends: npt.NDArray[np.intp], weights: npt.NDArray[np.floating]
) -> sparse.csr_array:
    """Give the matrix that sums the weights of the cells between one end and the next.

    A sparse product walks through the weights without copying them in the order of the ranking,
    and stops at the last positive.
    """
    cells = int(ends[-1])
    return sparse.csr_array(
        (np.ones(cells, weights.dtype), product[:cells], np.append(0, ends)),
        shape=(len(ends), len(weights)),
    )
