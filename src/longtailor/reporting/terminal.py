"""Figures side by side for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from longtailor.studies.results import Comparison, Curve, Estimate

Summary = Mapping[str, float | int | None]

_FIGURES = {
    "map": "mAP",
    "map_head": "mAP, head",
    "map_medium": "mAP, medium",
    "map_tail": "mAP, tail",
    "f1_macro": "F1 at chosen thresholds",
    "f1_macro_tail": "  tail",
    "f1_macro_at_half": "F1 at 0.5",
    "f1_macro_tail_at_half": "  tail",
    "ece_corrected": "calibration error, corrected",
}


def print_figures(summaries: Mapping[str, Summary], split: str = "test") -> None:
    """Print the figures of one or several evaluations on standard output.

    Parameters
    ----------
    summaries : mapping of str to mapping
        Heading of the column -> the summary of an evaluation of the same products.
    split : str
        Which products those are.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in summaries:
        table.add_column(name, justify="right")
    for key, title in _FIGURES.items():
        table.add_row(title, *(_number(summary[key]) for summary in summaries.values()))
    first = next(iter(summaries.values()))
    Console(highlight=False).print(table)
    Console(highlight=False).print(
        f"{first['products']:,} products ({split}); {first['labels_scored']:,} labels measured "
        f"(head {first['labels_scored_head']}, medium {first['labels_scored_medium']}, "
        f"tail {first['labels_scored_tail']}), {first['labels_skipped']:,} without a positive",
        style="dim",
        soft_wrap=True,
    )


_COMPARED = {
    "map": "mAP",
    "map_tail": "mAP, tail",
    "f1_macro_at_half": "F1 at 0.5",
    "f1_macro_tail_at_half": "  tail",
    "f1_macro": "F1 at chosen thresholds",
    "f1_macro_tail": "  tail",
    "ece_corrected": "calibration error, corrected",
}


def print_comparison(comparison: Comparison) -> None:
    """Print the headline of a comparison and its figures with 95 % intervals."""
    estimates = comparison.together.figures.estimates
    _print_study(
        comparison.headline,
        list(estimates),
        [
            (title, [estimates[objective][metric] for objective in estimates])
            for metric, title in _COMPARED.items()
        ],
        f"{len(comparison.seeds)} draws of {comparison.products:,} annotated products; "
        "mean and 95 % interval",
    )


def print_curve(curve: Curve, metric: str) -> None:
    """Print the headline of a curve and one metric of it with 95 % intervals."""
    _print_study(
        curve.headline,
        list(curve.objectives),
        [
            (f"{products:,}", [curve.estimates[name][metric][at] for name in curve.objectives])
            for at, products in enumerate(curve.products)
        ],
        f"{metric} by annotated products; {len(curve.seeds)} draws; mean and 95 % interval",
    )


def _print_study(
    headline: str, columns: Sequence[str], rows: Sequence[tuple[str, list[Estimate]]], note: str
) -> None:
    console = Console(highlight=False)
    console.print(headline, soft_wrap=True, markup=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    for title, estimates in rows:
        table.add_row(title, *(_interval(estimate) for estimate in estimates))
    console.print(table)
    console.print(note, style="dim", soft_wrap=True)


def _interval(estimate: Estimate) -> str:
    if math.isnan(estimate.mean):
        return "–"
    mean, low, high = (
        f"{value:.3f}".removeprefix("0") for value in (estimate.mean, estimate.low, estimate.high)
    )
    return f"{mean}\n{low}–{high}"


def _number(value: float | int | None) -> str:
    return "–" if value is None else f"{value:.3f}"
