"""How a fine-tuning went: the training loss, and the validation figures of each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from longtailor.labels import BANDS
from longtailor.reporting.plot_style import PANEL, plain_axis, styles

ALL = "all labels"


def plot_learning(
    epochs: Sequence[Mapping[str, Any]],
    losses: Sequence[tuple[int, float]],
    best_epoch: int,
    start: Mapping[str, Any],
) -> Figure:
    """Plot the loss by step, and the mean average precision on val by band and epoch.

    Parameters
    ----------
    epochs : sequence of mapping
        A row an epoch: `step`, `epoch`, `map`, `map_head`, `map_medium`, `map_tail`.
    losses : sequence of (int, float)
        Step, and the mean training loss of the steps up to it.
    best_epoch : int
        Whose weights were kept; a line marks it.
    start : mapping
        The same figures of the frozen encoder; epoch 0.
    """
    figure = Figure(figsize=(2 * PANEL, PANEL * 0.86), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([step for step, _ in losses], [loss for _, loss in losses], color="#1d2126", lw=1.4)
    left.set_xlabel("step", fontsize=8.5)
    left.set_title("Training loss", fontsize=9.5)
    names = {ALL: "map", **{band: f"map_{band}" for band in BANDS}}
    for (name, look), key in zip(styles(list(names)).items(), names.values(), strict=True):
        points = [
            (epoch, figures[key])
            for epoch, figures in [(0, start), *((row["epoch"], row) for row in epochs)]
            if figures[key] is not None
        ]
        right.plot(
            [epoch for epoch, _ in points],
            [value for _, value in points],
            color=look.color,
            ls=look.line,
            marker=look.marker,
            ms=4.5,
            lw=1.5,
            label=name,
        )
    right.axvline(best_epoch, color="#8a8a8a", lw=0.9, ls=":")
    right.set_xlabel("epoch (0: the frozen encoder; dotted: kept)", fontsize=8.5)
    right.set_title("Mean average precision on val", fontsize=9.5)
    right.legend(fontsize=8, frameon=False)
    for axis in (left, right):
        plain_axis(axis)
    return figure
