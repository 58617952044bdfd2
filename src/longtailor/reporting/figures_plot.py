"""Plots of what a detector can do: average precision by label, precision against recall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from longtailor.labels import POSITIVE, UNKNOWN
from longtailor.reporting.tail_plot import BAND_COLORS

Floats = npt.NDArray[np.float64]

_ROWS = 45


def plot_average_precision(
    names: Sequence[str], bands: npt.ArrayLike, ap: Floats, low: Floats, high: Floats
) -> Figure:
    """Plot the average precision of each label with its interval, in the order given.

    Parameters
    ----------
    names : sequence of str, length labels
        As they are to be written beside the points.
    bands : array_like of str, shape (labels,)
    ap, low, high : ndarray, shape (labels,)
        In [0, 1]; NaN leaves the row empty.
    """
    band_of = np.asarray(bands)
    columns = max(1, -(-len(names) // _ROWS))
    rows = max(1, -(-len(names) // columns))
    figure = Figure(figsize=(max(6.4, 4.4 * columns), 0.21 * rows + 0.9), layout="constrained")
    for column, axis in enumerate(figure.subplots(1, columns, sharex=True, squeeze=False)[0]):
        at = np.arange(column * rows, min((column + 1) * rows, len(names)))
        places = at - column * rows
        for place, label in zip(places, at, strict=True):
            color = BAND_COLORS[str(band_of[label])]
            axis.plot([low[label], high[label]], [place, place], color=color, alpha=0.45, lw=3)
            axis.plot(ap[label], place, "o", color=color, ms=5, clip_on=False)
        axis.set_yticks(places, [_plain(names[int(label)]) for label in at], fontsize=8)
        axis.set_ylim(rows - 0.4, -0.6)
        axis.set_xlim(0, 1)
        axis.tick_params(axis="x", labelsize=8)
        axis.tick_params(axis="y", length=0)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.grid(color="#e3e3e3", linewidth=0.6)
        axis.set_axisbelow(True)
    figure.supxlabel("average precision on test, 95 % bootstrap interval over products", fontsize=9)
    return figure


def plot_precision_recall(
    names: Sequence[str],
    bands: Sequence[str],
    probabilities: Floats,
    matrix: npt.NDArray[np.int8],
    thresholds: Floats,
) -> Figure:
    """Plot precision against recall, one small plot a label; a ring marks the threshold.

    Parameters
    ----------
    names, bands : sequences of str, length labels
    probabilities : ndarray, shape (products, labels)
    matrix : ndarray of int8, shape (products, labels)
        Each label has a positive.
    thresholds : ndarray, shape (labels,)
    """
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(2.7 * columns, 2.6 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    for label, axis in enumerate(axes[: len(names)]):
        known = matrix[:, label] != UNKNOWN
        _draw_curve(
            axis,
            probabilities[known, label],
            matrix[known, label] == POSITIVE,
            thresholds[label],
            BAND_COLORS[bands[label]],
        )
        axis.set_title(_plain(names[label]), fontsize=9)
    figure.supxlabel("recall", fontsize=9)
    figure.supylabel("precision", fontsize=9)
    return figure


def _plain(name: str) -> str:
    # A dollar sign would start mathematical text.
    return name.replace("$", r"\$")


def _draw_curve(
    axis: Axes, scores: Floats, positive: npt.NDArray[np.bool_], threshold: float, color: str
) -> None:
    precision, recall, _ = precision_recall_curve(positive, scores)
    axis.step(recall, precision, where="post", color=color, lw=1.8)
    predicted = scores >= threshold
    if predicted.any():
        axis.plot(
            (predicted & positive).sum() / positive.sum(),
            (predicted & positive).sum() / predicted.sum(),
            "o",
            mfc="none",
            mec="#222222",
            ms=9,
            mew=1.6,
            clip_on=False,
        )
    axis.axhline(positive.mean(), color="#999999", lw=0.8, ls=":")
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1.02)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="#eeeeee", linewidth=0.6)
