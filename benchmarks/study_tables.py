"""Markdown tables of finished studies, as docs/findings.md has them.

    python benchmarks/study_tables.py FOLDER..

A folder is what `longtailor compare --out` wrote. In bold: differs from the first objective by more
than noise (adjusted p below 0.05).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

METRICS = ("map", "map_tail", "f1_macro_at_half", "f1_macro", "ece", "ece_corrected")
CERTAIN = 0.05


def table(study: dict[str, Any]) -> str:
    """Give one scope of a study: objectives by metrics, means with intervals."""
    objectives = study["objectives"]
    first = next(iter(objectives))
    certain = {
        (pair[other], pair["metric"])
        for pair in study["paired"]
        for one, other in (("a", "b"), ("b", "a"))
        if pair[one] == first and (pair["p_adjusted"] or 0.0) < CERTAIN and pair["difference"]
    }
    lines = [
        "| objective | " + " | ".join(METRICS) + " |",
        "|---|" + "---|" * len(METRICS),
    ]
    for name, figures in objectives.items():
        cells = [cell(figures[metric], (name, metric) in certain) for metric in METRICS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(figure: dict[str, Any], certain: bool) -> str:
    """Write a mean and its interval."""
    if figure["mean"] is None:
        return "–"
    mean = f"**{figure['mean']:.3f}**" if certain else f"{figure['mean']:.3f}"
    return f"{mean} ({figure['low']:.3f} to {figure['high']:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    for folder in parser.parse_args().folders:
        study = json.loads((folder / "comparison.json").read_bytes())
        print(f"### {folder.name}\n\n{study['headline']}\n\n{table(study)}\n")


if __name__ == "__main__":
    main()
