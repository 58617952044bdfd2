"""Scores of each label turned into logits that tell probabilities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from longtailor.labels import POSITIVE, UNKNOWN, LabelMatrix

Floats = npt.NDArray[np.float64]

SLOPE_PRECISION = 4.0
"""Precision of the Gaussian prior (mean 1, in standard deviations of the score) of a slope."""
ITERATIONS = 50


def platt(scores: npt.ArrayLike, matrix: LabelMatrix) -> tuple[Floats, Floats]:
    """Fit a slope and an offset for each label by logistic regression on its scores.

    Platt, "Probabilistic Outputs for Support Vector Machines" (1999), with his smoothed targets,
    which keep the offset of a label finite where all its known cells agree. A label with few
    positives keeps close to a slope of 1.

    Parameters
    ----------
    scores : array_like of float, shape (products, labels)
        Of products that their classifier was not fitted on.
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1.

    Returns
    -------
    slope, offset : ndarray of float64, shape (labels,)
        The logits are slope * scores + offset; a slope is above 0.
    """
    values = np.asarray(scores, dtype=np.float64)
    known, positive = matrix != UNKNOWN, matrix == POSITIVE
    positives, negatives = positive.sum(axis=0), (known & ~positive).sum(axis=0)
    targets = np.where(positive, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    mean, spread = values.mean(axis=0), values.std(axis=0)
    inverse = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    inputs = (values - mean) * inverse
    slope = np.ones(values.shape[1])
    offset = np.log((positives + 1) / (negatives + 1))
    for _ in range(ITERATIONS):
        probabilities = expit(slope * inputs + offset)
        error = np.where(known, probabilities - targets, 0.0)
        curvature = np.where(known, probabilities * (1 - probabilities), 0.0)
        by_slope = (error * inputs).sum(axis=0) + SLOPE_PRECISION * (slope - 1)
        by_offset = error.sum(axis=0)
        both = (curvature * inputs**2).sum(axis=0) + SLOPE_PRECISION
        mixed = (curvature * inputs).sum(axis=0)
        # A label that is known for no product has nothing to be offset by.
        own = np.maximum(curvature.sum(axis=0), 1e-6)
        determinant = both * own - mixed**2
        slope_step = (own * by_slope - mixed * by_offset) / determinant
        offset_step = (both * by_offset - mixed * by_slope) / determinant
        slope = np.maximum(slope - np.clip(slope_step, -1.0, 1.0), 0.05)
        offset = offset - np.clip(offset_step, -1.0, 1.0)
        if max(np.abs(slope_step).max(initial=0), np.abs(offset_step).max(initial=0)) < 1e-6:
            break
    return slope * inverse, offset - slope * inverse * mean
