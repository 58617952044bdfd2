"""The figures of a detector on one split: by label, by band, and over all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from longtailor.evaluation.calibration import brier_score, expected_calibration_error
from longtailor.evaluation.decisions import decide, judge
from longtailor.evaluation.ranking import average_precision, micro_average_precision
from longtailor.evaluation.resampling import (
    basic_interval,
    bootstrap_interval,
    bootstrap_weights,
)
from longtailor.labels import BANDS, TAIL, LabelMatrix, LabelStatistics

Floats = npt.NDArray[np.float64]

HALF = 0.5


@dataclass(frozen=True)
class Evaluation:
    """Figures of one split.

    Attributes
    ----------
    statistics : LabelStatistics
        Positives, negatives and unknown cells of each label in the split.
    ap, ap_low, ap_high : ndarray, shape (labels,)
        Average precision and its 95 % bootstrap interval over products.
    f1, precision, recall : ndarray, shape (labels,)
        At the chosen thresholds, each label by itself.
    f1_at_half : ndarray, shape (labels,)
        At 0.5.
    brier : ndarray, shape (labels,)
    summary : dict
        The figures of `metrics.json`. A figure without a label behind it is None.

    NaN stands for a figure that cannot be had, such as the average precision of a label without a
    positive.
    """

    statistics: LabelStatistics
    ap: Floats
    ap_low: Floats
    ap_high: Floats
    f1: Floats
    precision: Floats
    recall: Floats
    f1_at_half: Floats
    brier: Floats
    summary: dict[str, float | int | None]


def evaluate(
    probabilities: npt.ArrayLike,
    matrix: LabelMatrix,
    thresholds: npt.ArrayLike,
    bands: npt.ArrayLike,
    *,
    corrected: npt.ArrayLike | None = None,
    exclusive: Sequence[npt.NDArray[np.intp]] = (),
    groups: npt.ArrayLike | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Evaluate probabilities against what is known.

    Parameters
    ----------
    probabilities : array_like of float, shape (products, labels)
        In [0, 1], as the objective made them: thresholds and 0.5 are applied to these.
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1. Unknown cells take no part in any figure; a label
        without a positive is skipped in the means of average precision and F1 and counted in
        `labels_skipped`. Calibration is measured on its negatives all the same.
    thresholds : array_like of float, shape (labels,)
    bands : array_like of str, shape (labels,)
        Band of each label by its training positives.
    corrected : array_like of float, shape (products, labels), optional
        Probabilities corrected for the shift of the objective's weights; calibration is reported
        before and after. Default: `probabilities`.
    exclusive : sequence of ndarray of int
        Columns of each exclusive attribute.
    groups : array_like of str, shape (products,), optional
        Near-duplicates that the bootstrap draws together.
    resamples : int
        Bootstrap resamples for the intervals.
    seed : int
        Seed of the bootstrap.

    Raises
    ------
    ValueError
        If a probability is not a number in [0, 1].
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("probabilities must be numbers in [0, 1]")
    statistics = LabelStatistics.from_matrix(matrix)
    scored = statistics.positive > 0
    weights = bootstrap_weights(len(values), resamples, seed, groups)
    ap = average_precision(values, matrix)
    resampled = average_precision(values, matrix, weights)
    ap_low, ap_high = bootstrap_interval(resampled, ap)
    chosen = judge(values >= np.asarray(thresholds), matrix)
    half = judge(values >= HALF, matrix)
    predicted = judge(decide(values, thresholds, list(exclusive)), matrix)
    calibrated = values if corrected is None else np.asarray(corrected, dtype=np.float64)
    brier = brier_score(values, matrix)
    band = np.asarray(bands)
    tail = band == TAIL
    map_low, map_high = basic_interval(_mean_over_labels(resampled), _mean_over_labels(ap[None])[0])
    summary: dict[str, float | int | None] = {
        "map": _mean(ap),
        "map_low": _number(map_low),
        "map_high": _number(map_high),
        **{f"map_{name}": _mean(ap[band == name]) for name in BANDS},
        "map_micro": _number(micro_average_precision(values, matrix)),
        "f1_macro": _mean(chosen.f1),
        "f1_macro_tail": _mean(chosen.f1[tail]),
        "f1_macro_at_half": _mean(half.f1),
        "f1_macro_tail_at_half": _mean(half.f1[tail]),
        "f1_macro_predicted": _mean(predicted.f1),
        "f1_macro_tail_predicted": _mean(predicted.f1[tail]),
        "brier": _mean(brier),
        "brier_corrected": _mean(brier_score(calibrated, matrix)),
        "ece": _number(expected_calibration_error(values, matrix)),
        "ece_corrected": _number(expected_calibration_error(calibrated, matrix)),
        "labels_scored": int(scored.sum()),
        **{f"labels_scored_{name}": int((scored & (band == name)).sum()) for name in BANDS},
        "labels_skipped": int((~scored).sum()),
        "products": len(values),
    }
    return Evaluation(
        statistics,
        ap,
        ap_low,
        ap_high,
        chosen.f1,
        chosen.precision,
        chosen.recall,
        half.f1,
        brier,
        summary,
    )


def _mean_over_labels(resampled: Floats) -> Floats:
    measured = ~np.isnan(resampled)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(resampled, axis=1) / measured.sum(axis=1))


def _mean(values: Floats) -> float | None:
    measured = values[~np.isnan(values)]
    return float(measured.mean()) if len(measured) else None


def _number(value: float | Floats) -> float | None:
    number = float(value)
    return None if math.isnan(number) else number
