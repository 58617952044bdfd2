"""Precision against recall of one label, every objective, over the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from longtailor.labels import POSITIVE, UNKNOWN
from longtailor.reporting.plot_style import PANEL, plain_axis, styles

Floats = npt.NDArray[np.float64]


def precision_by_recall(
    scores: Sequence[npt.NDArray[np.floating]], cells: npt.NDArray[np.int8]
) -> Floats:
    """Precision where the first, second, ... positive is found, mean over the seeds.

    All seeds have the same test products, so the steps of recall are the same, and the mean of
    the result is the mean of the seeds' average precisions.

    Parameters
    ----------
    scores : sequence of ndarray, shape (products,)
        One a seed.
    cells : ndarray of int8, shape (products,)
        Positive 1, negative 0, unknown -1; at least one positive.

    Returns
    -------
    ndarray of float64, shape (positives,)
    """
    known = cells != UNKNOWN
    positive = cells[known] == POSITIVE
    return np.asarray(np.mean([_precision(one[known], positive) for one in scores], axis=0))


def _precision(scores: npt.NDArray[np.floating], positive: npt.NDArray[np.bool_]) -> Floats:
    # Products with equal scores are found together.
    found = np.sort(scores[positive])[::-1]
    above = len(scores) - np.searchsorted(np.sort(scores), found, side="left")
    hits = len(found) - np.searchsorted(found[::-1], found, side="left")
    return np.asarray(hits / above)


def plot_recall(curves: Mapping[str, Floats], guessing: float, objectives: Sequence[str]) -> Figure:
    """Plot precision against recall, one line for each objective.

    Parameters
    ----------
    curves : mapping of str to ndarray, shape (positives,)
        By objective, what `precision_by_recall` gives.
    guessing : float
        Share of positives: the precision of guessing.
    objectives : sequence of str
        All of the study, so that each looks the same in every plot.
    """
    looks = styles(objectives)
    figure = Figure(figsize=(PANEL, PANEL * 0.78), layout="constrained")
    axis = figure.subplots()
    axis.axhline(guessing, color="#8a929b", lw=1, ls=":")
    for name, precision in curves.items():
        look = looks[name]
        recall = np.arange(1, len(precision) + 1) / len(precision)
        axis.plot(
            recall,
            precision,
            color=look.color,
            ls=look.line,
            marker=look.marker,
            markevery=max(1, len(precision) // 8),
            ms=4.5,
            lw=1.4,
            clip_on=False,
        )
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1.02)
    plain_axis(axis)
    axis.set_xlabel("recall", fontsize=8.5)
    axis.set_ylabel("precision", fontsize=8.5)
    return figure
