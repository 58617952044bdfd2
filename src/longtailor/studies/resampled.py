"""The figures of one fit on the test products and on resamples of them, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from longtailor.evaluation.metrics import HALF
from longtailor.evaluation.ranking import average_precision, micro_average_precision
from longtailor.labels import BANDS, POSITIVE, TAIL, UNKNOWN, LabelMatrix
from longtailor.studies.results import StudyFit

Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]

METRICS = (
    "map",
    *(f"map_{band}" for band in BANDS),
    "map_micro",
    "f1_macro",
    "f1_macro_tail",
    "f1_macro_at_half",
    "f1_macro_tail_at_half",
    "threshold_gain",
    "threshold_gain_tail",
    "brier",
    "brier_corrected",
    "ece",
    "ece_corrected",
)
BAND_OF = {f"map_{band}": band for band in BANDS} | dict.fromkeys(
    ("f1_macro_tail", "f1_macro_tail_at_half", "threshold_gain_tail"), TAIL
)
"""The metrics that take the labels of one band only."""

LOWER_IS_BETTER = {"brier", "brier_corrected", "ece", "ece_corrected"}

ECE_BINS = 15
"""As `evaluation.calibration.expected_calibration_error`."""


@dataclass(frozen=True, eq=False)
class Truth:
    """The test products, and how often each is drawn: what all fits of a study share.

    Attributes
    ----------
    matrix : ndarray of int8, shape (products, labels)
    bands : ndarray of str, shape (labels,)
    weights : ndarray of float32, shape (1 + resamples, products)
        The first row is all 1: the test products as they are.
    scopes : mapping of str to ndarray of int
        Columns over which figures are taken together, by the name of the scope.
    """

    matrix: LabelMatrix
    bands: npt.NDArray[np.str_]
    weights: npt.NDArray[np.float32]
    scopes: Mapping[str, Columns]


def resampled_figures(
    fit: StudyFit, truth: Truth
) -> tuple[npt.NDArray[np.float32], dict[str, dict[str, Floats]]]:
    """Measure one fit under each row of weights.

    A label without a positive of positive weight takes no part in a mean of average precision or
    F1, one without a known cell in none at all, as in `evaluation.metrics.evaluate`.

    Returns
    -------
    ap : ndarray of float32, shape (1 + resamples, labels)
    figures : dict of str to dict of str to ndarray, shape (1 + resamples,)
        By scope and metric.
    """
    matrix, weights = truth.matrix, truth.weights
    values = fit.probabilities.astype(np.float64)
    corrected = fit.corrected.astype(np.float64)
    exact = weights.astype(np.float64)
    known = matrix != UNKNOWN
    positive = matrix == POSITIVE
    counts = weights @ known.astype(np.float32)
    positives = weights @ positive.astype(np.float32)
    ap = average_precision(values, matrix, weights)
    chosen = _f1(values >= fit.thresholds, matrix, weights, positives)
    half = _f1(values >= HALF, matrix, weights, positives)
    briers = [_brier(given, matrix, exact, counts) for given in (values, corrected)]
    gaps = [np.where(known, given - positive, 0.0) for given in (values, corrected)]

    figures: dict[str, dict[str, Floats]] = {}
    for scope, columns in truth.scopes.items():
        tail = columns[truth.bands[columns] == TAIL]
        figures[scope] = scoped = {
            "map": _mean(ap[:, columns]),
            **{
                f"map_{band}": _mean(ap[:, columns[truth.bands[columns] == band]]) for band in BANDS
            },
            "map_micro": micro_average_precision(values[:, columns], matrix[:, columns], weights),
            "f1_macro": _mean(chosen[:, columns]),
            "f1_macro_tail": _mean(chosen[:, tail]),
            "f1_macro_at_half": _mean(half[:, columns]),
            "f1_macro_tail_at_half": _mean(half[:, tail]),
        }
        for name, end in (("threshold_gain", ""), ("threshold_gain_tail", "_tail")):
            scoped[name] = scoped[f"f1_macro{end}"] - scoped[f"f1_macro{end}_at_half"]
        cells = counts[:, columns].sum(axis=1, dtype=np.float64)
        for end, given, brier, gap in zip(
            ("", "_corrected"), (values, corrected), briers, gaps, strict=True
        ):
            scoped[f"brier{end}"] = _mean(brier[:, columns])
            by_bin = exact @ _binned(gap[:, columns], given[:, columns])
            scoped[f"ece{end}"] = _ratio(np.abs(by_bin).sum(axis=1), cells)
    return ap.astype(np.float32), figures


def _f1(
    predicted: npt.NDArray[np.bool_],
    matrix: LabelMatrix,
    weights: npt.NDArray[np.float32],
    positives: npt.NDArray[np.float32],
) -> Floats:
    hits = weights @ (predicted & (matrix == POSITIVE)).astype(np.float32)
    said = weights @ (predicted & (matrix != UNKNOWN)).astype(np.float32)
    return _ratio(2.0 * hits, np.where(positives > 0, said + positives, 0))


def _brier(
    values: Floats, matrix: LabelMatrix, weights: Floats, counts: npt.NDArray[np.float32]
) -> Floats:
    errors = np.where(matrix == UNKNOWN, 0.0, (values - (matrix == POSITIVE)) ** 2)
    return _ratio(weights @ errors, counts)


def _binned(gaps: Floats, values: Floats) -> Floats:
    """Sum the gaps of each product by the bin of the probability, (products, bins)."""
    at = np.minimum((values * ECE_BINS).astype(int), ECE_BINS - 1)
    cell = np.arange(len(values))[:, None] * ECE_BINS + at
    sums = np.bincount(cell.ravel(), gaps.ravel(), minlength=len(values) * ECE_BINS)
    return np.asarray(sums, dtype=np.float64).reshape(-1, ECE_BINS)


def _ratio(over: npt.ArrayLike, under: npt.ArrayLike) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    below = np.asarray(under, dtype=np.float64)
    return np.asarray(over) / np.where(below > 0, below, np.nan)


def _mean(values: Floats) -> Floats:
    """Mean over the labels that are not NaN, of shape (rows,)."""
    return _ratio(np.nansum(values, axis=1), (~np.isnan(values)).sum(axis=1))
