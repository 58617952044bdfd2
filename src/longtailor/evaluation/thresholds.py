"""Thresholds for F1 that rare labels can rely on.

A threshold that maximises F1 on a handful of positives follows their noise. Here the positives
are used twice removed: they calibrate the probabilities, each label held towards what the labels
of its attribute want, and the threshold then maximises the F1 that those probabilities expect. A
label without a single validation positive still gets the threshold of a label like it. In the end
all thresholds keep only as much of their distance from 0.5 as raises F1 on products held out from
the choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from longtailor.evaluation.decisions import judge
from longtailor.labels import POSITIVE, UNKNOWN, LabelMatrix

Floats = npt.NDArray[np.float64]

SLOPE_PRECISION = 5.0
"""Precision of the Gaussian prior (mean 1) of an attribute's slope."""
OFFSET_PRECISION = 0.5
"""Precision of the Gaussian prior (mean 0) of an attribute's offset."""
LABEL_PRECISION = 2.0
"""Precision of the Gaussian prior (mean 0) of a label's own offset."""
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Shares of a threshold's distance from 0.5 (in logits) that may be kept."""
HALVINGS = 4
"""How often the products are halved to choose among `SHARES`."""
FEWEST_KNOWN = 30
"""With fewer known cells, the expectation is taken over all products."""
MOST_PREDICTED = 5.0
"""A label is predicted for at most so many times the products that are expected to have it. Where
a classifier knows nothing of a label, predicting it everywhere has the highest expected F1."""


def choose_thresholds(
    logits: npt.ArrayLike,
    matrix: LabelMatrix,
    groups: Sequence[npt.NDArray[np.intp]],
    correction: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Floats:
    """Choose a threshold for each label, for macro F1.

    Parameters
    ----------
    logits : array_like of float, shape (products, labels)
        Of products that the classifier was not fitted on.
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1.
    groups : sequence of ndarray of int
        The columns of each attribute.
    correction : array_like of float, shape (labels,) or (products, labels), optional
        What the objective adds to the logits.
    seed : int
        Seed of the splits into halves.

    Returns
    -------
    ndarray of float64, shape (labels,)
        In (0, 1), to be applied to the sigmoid of `logits`; 0.5 without a product.

    Raises
    ------
    ValueError
        If a logit is not finite.
    """
    raw = np.asarray(logits, dtype=np.float64)
    if not np.isfinite(raw).all():
        raise ValueError("logits must be finite")
    added = np.broadcast_to(0.0 if correction is None else np.asarray(correction), raw.shape)
    random = np.random.default_rng(seed)
    gains = np.zeros((len(SHARES), raw.shape[1]))
    measured = np.zeros(raw.shape[1])
    for _ in range(HALVINGS):
        order = random.permutation(len(raw))
        halves = order[::2], order[1::2]
        for here, there in (halves, halves[::-1]):
            cuts = logit(expected_f1_thresholds(raw[here], matrix[here], groups, added[here]))
            f1 = np.stack([judge(raw[there] >= share * cuts, matrix[there]).f1 for share in SHARES])
            gains += np.nan_to_num(f1)
            measured += ~np.isnan(f1[0])
    at = measured > 0
    # With nothing to measure, nothing speaks for leaving the expected optimum.
    best = int(np.argmax((gains[:, at] / measured[at]).mean(axis=1))) if at.any() else 0
    cuts = logit(expected_f1_thresholds(raw, matrix, groups, added))
    return np.asarray(expit(SHARES[best] * cuts))


def expected_f1_thresholds(
    logits: npt.ArrayLike,
    matrix: LabelMatrix,
    groups: Iterable[npt.NDArray[np.intp]],
    correction: npt.ArrayLike | None = None,
) -> Floats:
    """Choose, for each label, the threshold with the highest expected F1.

    Parameters
    ----------
    logits : array_like of float, shape (products, labels)
        Of products that the classifier was not fitted on.
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1.
    groups : iterable of ndarray of int
        The columns of each attribute.
    correction : array_like of float, shape (labels,) or (products, labels), optional
        What the objective adds to the logits.

    Returns
    -------
    ndarray of float64, shape (labels,)
        In (0, 1), to be applied to the sigmoid of `logits`; 0.5 without a product.
    """
    raw = np.asarray(logits, dtype=np.float64)
    if not len(raw):
        return np.full(raw.shape[1], 0.5)
    shifted = raw if correction is None else raw - np.asarray(correction, dtype=np.float64)
    probabilities = expit(calibrate(shifted, matrix, groups))
    thresholds = np.empty(raw.shape[1])
    for label in range(raw.shape[1]):
        rows = np.flatnonzero(matrix[:, label] != UNKNOWN)
        if len(rows) < FEWEST_KNOWN:
            rows = np.arange(len(raw))
        thresholds[label] = expit(_best_cut(raw[rows, label], probabilities[rows, label]))
    return thresholds


def calibrate(
    logits: Floats, matrix: LabelMatrix, groups: Iterable[npt.NDArray[np.intp]]
) -> Floats:
    """Calibrate logits: a slope and an offset for each attribute, and an offset for each label.

    Platt's logistic calibration (1999), as a maximum a posteriori estimate with Gaussian priors:
    a label with few positives keeps close to its attribute, an attribute with few keeps close to
    the logits as they are.

    Parameters
    ----------
    logits : ndarray of float64, shape (products, labels)
    matrix : ndarray of int8, shape (products, labels)
    groups : iterable of ndarray of int
        The columns of each attribute.

    Returns
    -------
    ndarray of float64, shape (products, labels)
        Calibrated logits.
    """
    result = np.array(logits)
    for columns in groups:
        cells = matrix[:, columns]
        known = cells != UNKNOWN
        inputs = np.stack([result[:, columns][known], np.ones(known.sum())], axis=1)
        slope, offset = _logistic(
            inputs,
            (cells[known] == POSITIVE).astype(np.float64),
            prior=np.array([1.0, 0.0]),
            precision=np.array([SLOPE_PRECISION, OFFSET_PRECISION]),
        )
        # A falling slope would turn the ranking round; only noise asks for one.
        result[:, columns] = max(slope, 0.05) * result[:, columns] + offset
    for label in range(result.shape[1]):
        known = matrix[:, label] != UNKNOWN
        (offset,) = _logistic(
            np.ones((int(known.sum()), 1)),
            (matrix[known, label] == POSITIVE).astype(np.float64),
            prior=np.zeros(1),
            precision=np.array([LABEL_PRECISION]),
            base=result[known, label],
        )
        result[:, label] += offset
    return result


def _logistic(
    inputs: Floats,
    targets: Floats,
    prior: Floats,
    precision: Floats,
    base: Floats | float = 0.0,
    iterations: int = 50,
) -> Floats:
    """Fit a logistic regression with a Gaussian prior by Newton's method, steps bounded."""
    coefficients = prior.copy()
    for _ in range(iterations):
        probabilities = expit(inputs @ coefficients + base)
        gradient = inputs.T @ (probabilities - targets) + precision * (coefficients - prior)
        curvature = (inputs * (probabilities * (1 - probabilities))[:, None]).T @ inputs
        step = np.linalg.solve(curvature + np.diag(precision), gradient)
        coefficients -= np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-8:
            break
    return coefficients


def _best_cut(logits: Floats, probabilities: Floats) -> float:
    """Give the logit to cut at for the highest expected F1, half way between two products.

    With the k most likely products predicted, F1 is expected to be about
    2 (p_1 + ... + p_k) / (k + p_1 + ... + p_n) (Lewis 1995). Where no k separates the products
    and keeps to `MOST_PREDICTED`, the cut is above them all and not below 0.
    """
    order = np.argsort(-logits, kind="stable")
    ranked = logits[order]
    predicted = np.arange(1, len(ranked) + 1)
    found = np.cumsum(probabilities[order])
    expected = 2 * found / (predicted + found[-1])
    expected[:-1][ranked[1:] == ranked[:-1]] = 0.0
    # One of few products is a large share of them.
    least = 1.0 if len(ranked) >= FEWEST_KNOWN else 0.0
    expected[predicted > max(MOST_PREDICTED * found[-1], least)] = 0.0
    last = int(np.argmax(expected))
    # Below the last product nothing is known: there the cut stays at it.
    cut = ranked[last : last + 2].mean() if expected[last] > 0.0 else max(ranked[0] + 1.0, 0.0)
    return float(np.clip(cut, logit(1e-6), logit(1 - 1e-6)))
