"""The main job on real catalogues: the objectives side by side.

    python benchmarks/main_job.py ../shared/data/deepfashion6/catalog.csv ...

Prints one Markdown table a catalogue: test figures of each objective, and the ratio of its mAP to
that of the non-weighted one. One split and one seed: differences of a few thousandths are noise;
the studies will say how much.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from longtailor.catalog import TEST, Catalog
from longtailor.fitting import FitOptions, Stopwatch, embed_catalog, fit_embedded

OBJECTIVES = (
    "none",
    "inverse_frequency",
    "effective_number:beta=0.999",
    "effective_number:beta=auto",
)
FIGURES = (
    "map",
    "map_head",
    "map_medium",
    "map_tail",
    "f1_macro_at_half",
    "f1_macro_tail_at_half",
    "f1_macro",
    "f1_macro_tail",
)


def main() -> None:
    """Fit every objective to every catalogue."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalogs", nargs="+", type=Path)
    parser.add_argument("--attributes", help="separated by commas")
    parser.add_argument("--min-positives", type=int, default=2)
    parser.add_argument("--objectives", nargs="+", default=OBJECTIVES)
    given = parser.parse_args()
    attributes = given.attributes.split(",") if given.attributes else None
    options = FitOptions(min_positives=given.min_positives)
    for path in given.catalogs:
        data = embed_catalog(Catalog.read(path, attributes=attributes), options)
        print(f"\n### {path.parent.name}{f', {given.attributes}' if given.attributes else ''}\n")
        print("| objective | " + " | ".join(FIGURES) + " | mAP ratio | fit |")
        print("|---" * (len(FIGURES) + 3) + "|")
        base: float | None = None
        for objective in given.objectives:
            watch = Stopwatch()
            fitted = fit_embedded(data, replace(options, objective=objective), watch)
            summary = fitted.evaluations[TEST].summary
            base = base or summary["map"]
            cells = [_figure(summary[name]) for name in FIGURES]
            ratio = _figure((summary["map"] or 0) / base if base else None)
            print(f"| {objective} | {' | '.join(cells)} | {ratio} | {watch.seconds['fit']:.1f} s |")
        bands = ", ".join(
            f"{band} {summary[f'labels_scored_{band}']}" for band in ("head", "medium", "tail")
        )
        print(f"\n{summary['products']:,} test products, labels measured: {bands}.", flush=True)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
