"""F1, precision and recall of yes-or-no predictions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from longtailor.labels import NEGATIVE, POSITIVE, LabelMatrix

Floats = npt.NDArray[np.float64]


class Decisions(NamedTuple):
    """How the predictions of each label compare with what is known, each of shape (labels,).

    `f1`, `precision` and `recall` are NaN for a label without a positive; `precision` is NaN too
    where nothing was predicted.
    """

    f1: Floats
    precision: Floats
    recall: Floats


def judge(predicted: npt.ArrayLike, matrix: LabelMatrix) -> Decisions:
    """Compare predictions with the label matrix; unknown cells take no part.

    Parameters
    ----------
    predicted : array_like of bool, shape (products, labels)
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1.
    """
    yes = np.asarray(predicted, dtype=bool)
    positives = (matrix == POSITIVE).sum(axis=0).astype(np.float64)
    hits = (yes & (matrix == POSITIVE)).sum(axis=0).astype(np.float64)
    false_alarms = (yes & (matrix == NEGATIVE)).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / positives
        precision = np.where(positives > 0, hits / (hits + false_alarms), np.nan)
        f1 = np.where(positives > 0, 2 * hits / (hits + false_alarms + positives), np.nan)
    return Decisions(f1, precision, recall)


def decide(
    probabilities: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    exclusive: list[npt.NDArray[np.intp]] | None = None,
) -> npt.NDArray[np.bool_]:
    """Predict the labels whose probability reaches its threshold.

    Parameters
    ----------
    probabilities : array_like of float, shape (products, labels)
        In [0, 1].
    thresholds : array_like of float, shape (labels,)
        In [0, 1].
    exclusive : list of ndarray of int, optional
        The columns of each exclusive attribute. Of these exactly one is predicted: the one
        furthest above (or least below) its threshold, measured in logits.

    Returns
    -------
    ndarray of bool, shape (products, labels)
    """
    values = np.asarray(probabilities, dtype=np.float64)
    limits = np.asarray(thresholds, dtype=np.float64)
    predicted: npt.NDArray[np.bool_] = values >= limits
    if exclusive:
        margins = _logit(values) - _logit(limits)
        for columns in exclusive:
            best = columns[np.argmax(margins[:, columns], axis=1)]
            predicted[:, columns] = False
            predicted[np.arange(len(values)), best] = True
    return predicted


def _logit(probability: Floats) -> Floats:
    limits = np.finfo(np.float64)
    clipped = np.clip(probability, limits.tiny, 1 - limits.epsneg)
    return np.log(clipped) - np.log1p(-clipped)
