"""What the plots of a study have in common: names as letters, and how objectives look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

PANEL = 3.55
"""Width of a small plot in inches: on a phone it fills the screen."""
ROW = 0.42
"""Height of a row that has its name above it."""

_LONGEST_NAME = 38
_COLORS = ("#1d2126", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
_LINES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (8, 2)))


@dataclass(frozen=True)
class Style:
    """How an objective is drawn: never by its colour alone."""

    color: str
    marker: str
    line: str | tuple[float, tuple[float, ...]]


def styles(objectives: Sequence[str]) -> dict[str, Style]:
    """Give each objective a look of its own; the first one is nearly black.

    Colours are those of Okabe and Ito (2008), which colour-blind readers tell apart. There are
    more markers than colours, so that 56 objectives differ.
    """
    return {
        name: Style(
            _COLORS[place % len(_COLORS)],
            _MARKERS[place % len(_MARKERS)],
            _LINES[place % len(_LINES)],
        )
        for place, name in enumerate(objectives)
    }


def letters(name: str, longest: int | None = None) -> str:
    """Write a name as one line of plain letters, cut to `longest`.

    A dollar sign would start mathematical text.
    """
    line = " ".join(name.split())
    if longest is not None and len(line) > longest:
        line = line[: longest - 1] + "…"
    return line.replace("$", r"\$")


def key_plot(style: Style) -> Figure:
    """Draw how an objective looks, to stand beside its name."""
    figure = Figure(figsize=(0.46, 0.2))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.plot([0, 1, 2], [0, 0, 0], color=style.color, ls=style.line, lw=1.8)
    axis.plot(1, 0, style.marker, color=style.color, ms=6.5)
    axis.set_axis_off()
    return figure


def plain_axis(axis: Axes) -> None:
    """Draw an axis without a box, with a light grid behind."""
    axis.tick_params(labelsize=8.5)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="#e3e3e3", linewidth=0.6)
    axis.set_axisbelow(True)


def named_rows(axis: Axes, names: Sequence[str]) -> None:
    """Let the rows of an axis be named above them, which leaves them the whole width.

    The first is on top. Give the figure `ROW` inches for each.
    """
    for row, name in enumerate(names):
        above_row(axis, row, letters(name, _LONGEST_NAME), left=True, fontsize=8.5)
    axis.set_ylim(len(names) - 0.55, -0.75)
    plain_axis(axis)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)


def above_row(axis: Axes, row: int, text: str, *, left: bool, **how: Any) -> None:
    """Write a text above a row, at its left or right end."""
    axis.annotate(
        text,
        (0 if left else 1, row),
        xycoords=axis.get_yaxis_transform(),
        xytext=(0, 8),
        textcoords="offset points",
        ha="left" if left else "right",
        bbox={"fc": "white", "ec": "none", "pad": 0.8},
        in_layout=False,
        **how,
    )
