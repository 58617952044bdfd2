"""The long tail of a catalogue as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator, StrMethodFormatter

from longtailor.labels import BANDS, HEAD, MEDIUM, TAIL
from longtailor.reporting.page import any_script

BAND_COLORS = {HEAD: "#0072b2", MEDIUM: "#009e73", TAIL: "#d55e00"}
"""From the palette of Okabe and Ito (2008), told apart by colour-blind readers."""

_ROWS = 45
_MOST_COLUMNS = 6
_ROW_INCHES = 0.19
_COLUMN_INCHES = 3.3
_LONGEST_NAME = 30


def plot_tail(names: Sequence[str], positives: npt.ArrayLike, bands: npt.ArrayLike) -> Figure:
    """Plot training positives by label, most first, on a logarithmic scale.

    More than 45 labels are laid in up to six columns, read from left to right, so that every
    name stays legible.

    Parameters
    ----------
    names : sequence of str, length labels
    positives : array_like of int, shape (labels,)
        Training positives of each label.
    bands : array_like of str, shape (labels,)
        The band of each label.

    Returns
    -------
    matplotlib.figure.Figure
    """
    counts = np.asarray(positives)
    band_of = np.asarray(bands)
    order = np.argsort(-counts, kind="stable")
    columns = min(max(1, -(-len(order) // _ROWS)), _MOST_COLUMNS)
    rows = max(1, -(-len(order) // columns))
    width = 5.2 if columns == 1 else _COLUMN_INCHES * columns
    figure = Figure(figsize=(width, _ROW_INCHES * rows + 1.1), layout="constrained")
    axes = figure.subplots(1, columns, sharex=True, squeeze=False)[0]
    longest = max(1, int(counts.max(initial=0)))
    for column, axis in enumerate(axes):
        shown = order[column * rows : (column + 1) * rows]
        places = np.arange(len(shown))
        axis.barh(
            places,
            # Half a product as the foot of the scale, so that one positive shows as a bar.
            np.maximum(counts[shown], 0.5) - 0.5,
            left=0.5,
            height=0.72,
            color=[BAND_COLORS[str(band)] for band in band_of[shown]],
        )
        for place, label in zip(places, shown, strict=True):
            axis.annotate(
                f"{counts[label]:,}",
                (max(counts[label], 0.5), place),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
                color="#444444",
                in_layout=False,
            )
        axis.set_yticks(places, [_shorten(names[label]) for label in shown], fontsize=8)
        axis.set_ylim(rows - 0.4, -0.6)
        axis.set_xscale("log")
        axis.xaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axis.set_xlim(0.5, longest * 4)
        axis.tick_params(axis="x", labelsize=8)
        axis.tick_params(axis="y", length=0)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.grid(axis="x", color="#e3e3e3", linewidth=0.6)
        axis.set_axisbelow(True)
    figure.supxlabel("products with the label, training split (logarithmic)", fontsize=9)
    figure.legend(
        handles=[
            Patch(color=BAND_COLORS[band], label=f"{band}: {(band_of == band).sum()} labels")
            for band in BANDS
        ],
        loc="outside upper left",
        ncols=3,
        frameon=False,
        fontsize=9,
    )
    # Laid out once: each later drawing would shift things by a hair.
    with any_script():
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def _shorten(name: str) -> str:
    # A dollar sign would start mathematical text.
    name = name.replace("$", r"\$")
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
