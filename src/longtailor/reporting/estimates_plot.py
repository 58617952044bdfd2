"""One metric of every objective: the mean over the seeds with its interval."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from longtailor.reporting.plot_style import PANEL, ROW, named_rows, styles
from longtailor.studies.results import Estimate


def plot_estimates(
    estimates: Mapping[str, Estimate], limits: tuple[float, float] | None = None
) -> Figure:
    """Plot a row for each objective: a marker for the mean, a bar for the interval, dots for seeds.

    Parameters
    ----------
    estimates : mapping of str to Estimate
        By objective, the first on top. One without a mean has an empty row.
    limits : pair of float, optional
        Of the axis, so that panels can share them. Default: what is drawn.
    """
    looks = styles(list(estimates))
    figure = Figure(figsize=(PANEL, ROW * len(estimates) + 0.4), layout="constrained")
    axis = figure.subplots()
    for row, (name, estimate) in enumerate(estimates.items()):
        look = looks[name]
        axis.plot([estimate.low, estimate.high], [row, row], color=look.color, lw=2.6, alpha=0.5)
        axis.plot(
            estimate.seeds,
            np.full(len(estimate.seeds), row + 0.27),
            "|",
            color="#6b7480",
            ms=4.5,
            mew=0.9,
        )
        axis.plot(estimate.mean, row, look.marker, color=look.color, ms=6.5)
    named_rows(axis, list(estimates))
    axis.xaxis.set_major_locator(MaxNLocator(5))
    if limits is not None:
        axis.set_xlim(*limits)
    return figure


def common_limits(*panels: Mapping[str, Estimate]) -> tuple[float, float] | None:
    """Give limits that fit several panels; None if there is nothing to draw."""
    drawn = np.array(
        [
            value
            for panel in panels
            for estimate in panel.values()
            for value in (estimate.low, estimate.mean, estimate.high, *estimate.seeds)
        ]
    )
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return None
    margin = 0.05 * float(np.ptp(drawn)) or 0.01
    return float(drawn.min() - margin), float(drawn.max() + margin)
