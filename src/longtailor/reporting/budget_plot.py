"""Quality against how much was annotated, every objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from longtailor.reporting.plot_style import PANEL, plain_axis, styles
from longtailor.studies.results import Estimate

_DODGE = 0.012
_TICKS_APART = 0.13


def plot_budgets(
    amounts: Sequence[int], estimates: Mapping[str, Sequence[Estimate]], what: str
) -> Figure:
    """Plot one metric against amounts on a logarithmic axis, with intervals.

    Objectives are set beside each other by a hair, so that their intervals can be told apart.

    Parameters
    ----------
    amounts : sequence of int
        Rising, above zero.
    estimates : mapping of str to sequence of Estimate
        By objective, one for each amount.
    what : str
        What is counted, written under the axis.
    """
    looks = styles(list(estimates))
    figure = Figure(figsize=(PANEL, PANEL * 0.86), layout="constrained")
    axis = figure.subplots()
    at = np.log10(np.asarray(amounts, dtype=np.float64))
    span = float(np.ptp(at)) or 1.0
    for place, (name, curve) in enumerate(estimates.items()):
        look = looks[name]
        moved = 10 ** (at + (place - (len(estimates) - 1) / 2) * _DODGE * span)
        means = [one.mean for one in curve]
        axis.vlines(
            moved,
            [one.low for one in curve],
            [one.high for one in curve],
            color=look.color,
            lw=1.4,
            alpha=0.55,
        )
        axis.plot(moved, means, color=look.color, ls=look.line, marker=look.marker, ms=5, lw=1.6)
    axis.set_xscale("log")
    axis.xaxis.set_minor_locator(NullLocator())
    shown = _apart(at, _TICKS_APART * span)
    axis.xaxis.set_major_locator(FixedLocator([amounts[i] for i in shown]))
    axis.set_xticklabels([f"{amounts[i]:,}" for i in shown])
    axis.set_xlim(10 ** (at.min() - 0.06 * span), 10 ** (at.max() + 0.06 * span))
    plain_axis(axis)
    axis.set_xlabel(f"{what} (logarithmic)", fontsize=8.5)
    return figure


def _apart(at: np.ndarray, least: float) -> list[int]:
    # From the right: the largest amount is always named.
    shown: list[int] = []
    for place in reversed(range(len(at))):
        if not shown or at[shown[-1]] - at[place] >= least:
            shown.append(place)
    return shown[::-1]
