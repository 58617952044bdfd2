"""Which labels go together, as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from longtailor.labels import POSITIVE, UNKNOWN, LabelMatrix
from longtailor.reporting.page import any_script

_MOST = 40
_CELL_INCHES = 0.19


def plot_together(names: Sequence[str], matrix: LabelMatrix) -> Figure:
    """Plot, of the products that have one label and are known for another, the share that has both.

    White is none, grey is the label itself or a pair that is never known together.

    Parameters
    ----------
    names : sequence of str, length labels
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1.

    Returns
    -------
    matplotlib.figure.Figure
        Of the 40 labels with most positives, in their own order.
    """
    positives = (matrix == POSITIVE).sum(axis=0)
    shown = np.sort(np.argsort(-positives, kind="stable")[:_MOST])
    positive = (matrix[:, shown] == POSITIVE).astype(np.float64)
    known = (matrix[:, shown] != UNKNOWN).astype(np.float64)
    share = np.full((len(shown), len(shown)), np.nan)
    among = positive.T @ known
    np.divide(positive.T @ positive, among, out=share, where=among > 0)
    np.fill_diagonal(share, np.nan)
    side = _CELL_INCHES * len(shown)
    figure = Figure(figsize=(side + 3.6, side + 2.4), layout="constrained")
    axis = figure.subplots()
    axis.set_facecolor("#d5d5d5")
    image = axis.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    labels = [names[i].replace("$", r"\$") for i in shown]
    axis.set_yticks(range(len(shown)), labels, fontsize=8)
    axis.set_xticks(range(len(shown)), labels, fontsize=8, rotation=90)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_ylabel("of the products with this label ...", fontsize=9)
    axis.set_xlabel("... this share has this one too", fontsize=9)
    figure.colorbar(image, ax=axis, shrink=min(1.0, 2.5 / side), format="{x:.0%}")
    with any_script():
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure
