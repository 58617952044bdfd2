"""What the pages of studies have in common."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from longtailor.reporting.page import figure_data_uri
from longtailor.reporting.plot_style import key_plot, styles

_FOLLOWS = {"separately"}
"""Settings that follow from other options."""


def panel(title: str, figure: Figure, alt: str, note: str = "") -> dict[str, Any]:
    """Give a small plot as the macro `panels` of `study.html` takes it."""
    return {
        "title": title,
        "note": note,
        "src": figure_data_uri(figure),
        "width": round(figure.get_figwidth() * 96),
        "height": round(figure.get_figheight() * 96),
        "alt": alt,
    }


def key(objectives: Sequence[str]) -> list[dict[str, str]]:
    """Give the look of each objective as the macro `key` of `study.html` takes it."""
    return [
        {"name": name, "src": figure_data_uri(key_plot(style))}
        for name, style in styles(objectives).items()
    ]


def command_line(identity: Mapping[str, Any]) -> str:
    """Write the command that a study was made by, one option a line; `--out` is the reader's."""
    lines = [["longtailor", identity["command"], identity["catalog"], "--out", "DIR"]]
    for name, value in identity["configuration"].items():
        option = "--" + name.replace("_", "-")
        if value is None or value is False or name in _FOLLOWS:
            continue
        if value is True:
            lines.append([option])
        elif isinstance(value, list | tuple):
            lines.append([option, ",".join(str(one) for one in value)])
        else:
            lines.append([option, str(value)])
    return " \\\n  ".join(shlex.join(words) for words in lines)
