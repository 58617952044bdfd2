"""Calibration: whether products given a probability of 0.3 are positive in 30 % of cases."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from longtailor.labels import POSITIVE, UNKNOWN, LabelMatrix


def brier_score(probabilities: npt.ArrayLike, matrix: LabelMatrix) -> npt.NDArray[np.float64]:
    """Mean squared error of the probabilities of each label (Brier 1950).

    Parameters
    ----------
    probabilities : array_like of float, shape (products, labels)
        In [0, 1].
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1; unknown cells take no part.

    Returns
    -------
    ndarray of float64, shape (labels,)
        In [0, 1], lower is better; NaN for a label without a known cell.
    """
    known = matrix != UNKNOWN
    error = np.where(known, (np.asarray(probabilities) - (matrix == POSITIVE)) ** 2, 0.0)
    with np.errstate(invalid="ignore"):
        return np.asarray(error.sum(axis=0, dtype=np.float64) / known.sum(axis=0))


def expected_calibration_error(
    probabilities: npt.ArrayLike, matrix: LabelMatrix, bins: int = 15
) -> float:
    """Mean gap between probability and frequency over bins of equal width (Naeini et al. 2015).

    All known cells are pooled. A bin's gap is |mean probability - share of positives|, weighted by
    the cells in it.

    Parameters
    ----------
    probabilities : array_like of float, shape (products, labels)
        In [0, 1].
    matrix : ndarray of int8, shape (products, labels)
    bins : int
        Number of bins of equal width between 0 and 1.

    Returns
    -------
    float
        In [0, 1], lower is better; NaN without a known cell.
    """
    known = matrix != UNKNOWN
    values = np.asarray(probabilities, dtype=np.float64)[known]
    if not len(values):
        return float("nan")
    positive = (matrix[known] == POSITIVE).astype(np.float64)
    at = np.minimum((values * bins).astype(int), bins - 1)
    gaps = np.bincount(at, values - positive, minlength=bins)
    return float(np.abs(gaps).sum() / len(values))
