"""Average precision: how well the scores of a label rank its positives first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from longtailor.labels import POSITIVE, UNKNOWN, LabelMatrix

Floats = npt.NDArray[np.float64]


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
    values = np.asarray(scores)
    values = values.astype(np.result_type(values, np.float32), copy=False)
    products, labels = values.shape
    rows = np.ones((1, products), np.float32) if weights is None else np.atleast_2d(weights)
    result = np.full((len(rows), labels), np.nan)
    for label in range(labels):
        known = np.flatnonzero(matrix[:, label] != UNKNOWN)
        if not (matrix[known, label] == POSITIVE).any():
            continue
        order = known[np.argsort(-values[known, label], kind="stable")]
        ranked = values[order, label]
        hits = np.flatnonzero(matrix[order, label] == POSITIVE)
        # A positive counts at the end of its tie, where all equal scores have entered.
        ends = np.searchsorted(-ranked, -ranked[hits], side="right") - 1
        drawn = rows[:, order].cumsum(axis=1, dtype=np.float64)[:, ends]
        hit_weights = rows[:, order[hits]].astype(np.float64)
        found = hit_weights.cumsum(axis=1)
        last_hit = np.searchsorted(hits, ends, side="right") - 1
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(drawn > 0, found[:, last_hit] / drawn, 0.0)
            result[:, label] = (hit_weights * precision).sum(axis=1) / found[:, -1]
    return result[0] if weights is None or np.ndim(weights) == 1 else result


def micro_average_precision(scores: npt.ArrayLike, matrix: LabelMatrix) -> float:
    """Average precision over all known cells at once; NaN without a positive.

    Parameters
    ----------
    scores : array_like of float, shape (products, labels)
        Comparable between labels, as probabilities are.
    matrix : ndarray of int8, shape (products, labels)
    """
    flat = np.asarray(scores).reshape(-1, 1)
    return float(average_precision(flat, matrix.reshape(-1, 1))[0])
