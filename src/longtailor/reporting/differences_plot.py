"""A forest plot: one metric, every objective minus the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from longtailor.reporting.plot_style import PANEL, ROW, above_row, named_rows, styles
from longtailor.studies.headline import SURE
from longtailor.studies.results import Difference


def plot_differences(differences: Sequence[Difference], objectives: Sequence[str]) -> Figure:
    """Plot a row for each difference: a marker, its 95 % interval, the adjusted p-value.

    A filled marker is a difference that survives the correction (adjusted p below 0.05).

    Parameters
    ----------
    differences : sequence of Difference
        Of one metric, each against the same objective; the row has the name of `a`.
    objectives : sequence of str
        All of the study, so that each looks the same in every plot.
    """
    looks = styles(objectives)
    figure = Figure(figsize=(PANEL, ROW * len(differences) + 0.4), layout="constrained")
    axis = figure.subplots()
    axis.axvline(0, color="#1d2126", lw=1)
    for row, one in enumerate(differences):
        look = looks[one.a]
        survives = one.p_adjusted < SURE
        axis.plot([one.low, one.high], [row, row], color=look.color, lw=1.6)
        axis.plot(
            one.difference,
            row,
            look.marker,
            color=look.color,
            mfc=look.color if survives else "white",
            ms=6.5,
            mew=1.5,
        )
        above_row(
            axis,
            row,
            "p " + p_text(one.p_adjusted),
            left=False,
            fontsize=8,
            fontweight="bold" if survives else "normal",
        )
    named_rows(axis, [one.a for one in differences])
    ends = np.array([(one.low, one.high) for one in differences])
    low = float(np.nanmin(ends, initial=0))
    high = float(np.nanmax(ends, initial=0))
    room = 0.1 * (high - low) or 0.01
    axis.set_xlim(low - room, high + room)
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.xaxis.set_major_formatter(FuncFormatter(_signed))
    return figure


def _signed(value: float, _: object) -> str:
    return f"{value:+.3g}".replace("-", "−") if value else "0"


def p_text(p_value: float) -> str:
    """Write a p-value: never as zero."""
    if np.isnan(p_value):
        return "–"
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"
