"""Reliability: whether of the products given a probability of 0.3, 30 % are positive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from longtailor.reporting.plot_style import PANEL, plain_axis, styles

Floats = npt.NDArray[np.float64]


def reliability(probabilities: Floats, positive: npt.NDArray[np.bool_], points: int) -> Floats:
    """Average probability and share of positives, in groups of equal expectation.

    Sorted by probability, the cells are cut where their probabilities add up to 1/points,
    2/points, ... of the whole: each group is expected to hold as many positives as the next, so
    that those of a rare label do not all fall into one.

    Parameters
    ----------
    probabilities : ndarray, shape (cells,)
        In [0, 1].
    positive : ndarray of bool, shape (cells,)
    points : int

    Returns
    -------
    ndarray of float64, shape (groups, 2)
        Mean probability and share of positives; at most `points` groups.
    """
    order = np.argsort(probabilities, kind="stable")
    values, hits = probabilities[order].astype(np.float64), positive[order]
    before = np.cumsum(values) - values
    whole = values.sum()
    group = (before / whole * points).astype(int) if whole > 0 else np.zeros(len(values), int)
    cells = np.bincount(group, minlength=points)
    filled = cells > 0
    sums = np.stack([np.bincount(group, what, minlength=points) for what in (values, hits)], axis=1)
    return np.asarray(sums[filled] / cells[filled, None])


def plot_reliability(curves: Mapping[str, Floats], objectives: Sequence[str]) -> Figure:
    """Plot the share of positives against the probability, one line for each objective.

    Parameters
    ----------
    curves : mapping of str to ndarray, shape (groups, 2)
        By objective, what `reliability` gives.
    objectives : sequence of str
        All of the study, so that each looks the same in every plot.
    """
    looks = styles(objectives)
    figure = Figure(figsize=(PANEL, PANEL * 0.86), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="#8a929b", lw=1, ls=":")
    for name, curve in curves.items():
        look = looks[name]
        axis.plot(
            curve[:, 0],
            curve[:, 1],
            color=look.color,
            ls=look.line,
            marker=look.marker,
            ms=4.5,
            lw=1.4,
            clip_on=False,
        )
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    plain_axis(axis)
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.set_xlabel("mean probability", fontsize=8.5)
    axis.set_ylabel("share of positives", fontsize=8.5)
    return figure
