"""What the pages of studies have in common."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from matplotlib.figure import Figure

from longtailor.reporting.page import figure_data_uri
from longtailor.reporting.plot_style import key_plot, styles
from longtailor.training.deep.options import FineTuning

_FOLLOWS = {"separately"}
"""Settings that follow from other options."""
_OPTIONS = ("epochs", "image_size", "time_budget")
"""Settings of a fine-tuning that are options of their own."""


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
        if name == "finetune" and value:
            lines += _finetuning(value)
            continue
        if value is None or value is False or name in _FOLLOWS:
            continue
        if value is True:
            lines.append([option])
        elif isinstance(value, list | tuple):
            lines.append([option, ",".join(str(one) for one in value)])
        else:
            lines.append([option, str(value)])
    return " \\\n  ".join(shlex.join(words) for words in lines)


def _finetuning(settings: Mapping[str, Any]) -> list[list[str]]:
    """Write the settings of a fine-tuning that are not the defaults as options."""
    defaults = asdict(FineTuning())
    changed = {name: value for name, value in settings.items() if value != defaults[name]}
    lines = [["--finetune"]]
    for name in _OPTIONS:
        if name in changed:
            value = changed.pop(name)
            text = f"{value:g}s" if name == "time_budget" else str(value)
            lines.append(["--" + name.replace("_", "-"), text])
    if changed:
        written = (
            f'{name}="{value}"' if "," in str(value) else f"{name}={value}"
            for name, value in changed.items()
        )
        lines.append(["--tuning", ",".join(written)])
    return lines
