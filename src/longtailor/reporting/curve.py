"""`curve.html`: quality against the number of annotated products, on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from longtailor.catalog import SPLITS
from longtailor.reporting.budget_plot import plot_budgets
from longtailor.reporting.metric_titles import title_of
from longtailor.reporting.page import render
from longtailor.reporting.study_page import command_line, key, panel
from longtailor.studies.results import Curve, Estimate, Saving
from longtailor.studies.savings import saving_sentence

_METRICS = ("map", "map_tail", "f1_macro", "f1_macro_at_half")


def build_curve(curve: Curve, identity: Mapping[str, Any]) -> str:
    """Write the page.

    Parameters
    ----------
    curve : Curve
    identity : mapping
        What `run.json` says of the command: `command`, `catalog`, `configuration`.
    """
    return render(
        "curve.html",
        curve=curve,
        catalog=curve.catalog,
        command=command_line(identity),
        splits={split: int(curve.catalog.in_split(split).sum()) for split in SPLITS},
        key=key(curve.objectives),
        panels=[
            _panel(title_of(metric), curve.products, estimates, "annotated products", "")
            for metric in _METRICS
            if _measured(estimates := _of_metric(curve, metric))
        ],
        savings=[_saving(one, curve.products) for one in curve.savings],
        labels=[
            _panel(
                one.label,
                one.positives,
                one.estimates,
                "training positives of the label",
                "average precision",
            )
            for one in curve.labels
        ],
        failures=[("", one) for one in curve.failures],
        warnings=list(dict.fromkeys((*curve.catalog.warnings, *curve.warnings))),
    )


def _of_metric(curve: Curve, metric: str) -> dict[str, list[Estimate]]:
    return {name: metrics[metric] for name, metrics in curve.estimates.items() if metric in metrics}


def _measured(estimates: Mapping[str, Sequence[Estimate]]) -> bool:
    return any(not np.isnan(one.mean) for each in estimates.values() for one in each)


def _panel(
    title: str,
    amounts: Sequence[int],
    estimates: Mapping[str, Sequence[Estimate]],
    what: str,
    note: str,
) -> dict[str, Any]:
    shown = panel(
        title,
        plot_budgets(amounts, estimates, what),
        f"{title} of each objective against {what}, with intervals",
        note,
    )
    table = [
        (amount, [each[place] for each in estimates.values()])
        for place, amount in enumerate(amounts)
    ]
    return {**shown, "objectives": list(estimates), "table": table}


def _saving(saving: Saving, products: Sequence[int]) -> dict[str, Any]:
    return {
        "saving": saving,
        "title": title_of(saving.metric),
        "sentence": saving_sentence(saving, products),
        "equivalent": _amount(saving.equivalent, products),
        "low": _amount(saving.low, products),
        "high": _amount(saving.high, products),
    }


def _amount(value: float, products: Sequence[int]) -> str:
    """Write a number of products, with what was measured as its limits."""
    if value > max(products):
        return f"more than {max(products):,}"
    if value < min(products):
        return f"fewer than {min(products):,}"
    # As many digits as the sentence has.
    return f"{float(f'{value:.3g}'):,.0f}"
