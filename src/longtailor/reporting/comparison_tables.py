"""The tables of `comparison.html`: rows of values, without markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from longtailor.labels import BANDS, POSITIVE, UNKNOWN, LabelMatrix
from longtailor.reporting.differences_plot import p_text
from longtailor.reporting.heat import heat_color, heat_reach
from longtailor.reporting.metric_titles import (
    LOWER_IS_BETTER,
    NEITHER_IS_BETTER,
    TITLES,
    title_of,
)
from longtailor.studies.headline import SURE, against
from longtailor.studies.results import Comparison, Difference, Estimate, Figures, Scope

_BY_ATTRIBUTE = ("map", "f1_macro_at_half", "f1_macro")


def of_metric(figures: Figures, metric: str) -> dict[str, Estimate]:
    """Give the estimates of a metric, by objective."""
    return {
        name: metrics[metric] for name, metrics in figures.estimates.items() if metric in metrics
    }


def against_first(figures: Figures, metric: str) -> list[Difference]:
    """Give the differences of all other objectives to the first."""
    first, *others = figures.estimates
    return [against(figures, metric, other, first) for other in others]


def figure_rows(
    figures: Figures, objectives: Sequence[str], metrics: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Give a row for each metric (default: all) with a cell for each objective."""
    rows = []
    for metric in metrics or present_metrics(figures):
        estimates = of_metric(figures, metric)
        differ = {one.a for one in against_first(figures, metric) if one.p_adjusted < SURE}
        means = [one.mean for one in estimates.values() if not np.isnan(one.mean)]
        best = (min if metric in LOWER_IS_BETTER else max)(means, default=None)
        one_leads = metric not in NEITHER_IS_BETTER and len(set(means)) > 1
        rows.append(
            {
                "title": title_of(metric),
                "lower": metric in LOWER_IS_BETTER,
                "cells": [
                    {
                        "estimate": estimates.get(name),
                        "best": one_leads and name in estimates and estimates[name].mean == best,
                        "differs": name in differ,
                    }
                    for name in objectives
                ],
            }
        )
    return rows


def band_counts(scope: Scope, test_positives: npt.NDArray[np.int64]) -> dict[str, dict[str, int]]:
    """Count labels and positives by band."""
    return {
        band: {
            "labels": int((scope.bands == band).sum()),
            "scored": int(((scope.bands == band) & (test_positives > 0)).sum()),
            "train": int(scope.positives[scope.bands == band].sum()),
            "test": int(test_positives[scope.bands == band].sum()),
        }
        for band in BANDS
    }


def label_rows(scope: Scope, matrix: LabelMatrix, first: str) -> list[dict[str, Any]]:
    """Give the rows of the heat map: labels, most positives first."""
    reach = heat_reach([one.difference for one in scope.labels])
    return [
        {
            "label": scope.catalog.space.labels[label],
            "band": str(scope.bands[label]),
            "train": int(scope.positives[label]),
            "test": int((matrix[:, label] == POSITIVE).sum()),
            "unknown": int((matrix[:, label] == UNKNOWN).sum()),
            "first": float(scope.ap[first][label]) if first in scope.ap else None,
            "cells": [
                {
                    "ap": float(scope.ap[one.a][label]),
                    "difference": float(one.difference[label]),
                    "low": float(one.low[label]),
                    "high": float(one.high[label]),
                    "p": p_text(float(one.p_adjusted[label])),
                    "differs": bool(one.p_adjusted[label] < SURE),
                    "color": heat_color(float(one.difference[label]), reach),
                }
                for one in scope.labels
            ],
        }
        for label in np.argsort(-scope.positives, kind="stable")
    ]


def pair_rows(figures: Figures) -> dict[str, list[dict[str, Any]]]:
    """Give all paired differences, by the title of their metric."""
    return {
        title_of(metric): [_pair(one) for one in figures.paired if one.metric == metric]
        for metric in present_metrics(figures)
    }


def attribute_rows(
    comparison: Comparison, test_positives: npt.NDArray[np.int64]
) -> list[dict[str, Any]]:
    """Give the figures of each attribute, fitted together and, if it was, alone."""
    scope = comparison.together
    rows = []
    for attribute, columns in scope.catalog.space.groups.items():
        fitted = {"together": scope.by_attribute.get(attribute)}
        if attribute in comparison.separately:
            fitted["alone"] = comparison.separately[attribute].figures
        lines = [
            {"fitted": how, **row}
            for metric in _BY_ATTRIBUTE
            for how, figures in fitted.items()
            if figures is not None
            for row in figure_rows(figures, comparison.objectives, [metric])
        ]
        rows.append(
            {
                "attribute": attribute,
                "labels": len(columns),
                "test": int(test_positives[columns].sum()),
                "lines": lines,
            }
        )
    return [row for row in rows if row["lines"]]


def present_metrics(figures: Figures) -> list[str]:
    """Give the metrics that were estimated, in the order in which pages tell them."""
    estimated = list(
        dict.fromkeys(metric for metrics in figures.estimates.values() for metric in metrics)
    )
    known = [metric for metric in TITLES if metric in estimated]
    return known + [metric for metric in estimated if metric not in TITLES]


def _pair(one: Difference) -> dict[str, Any]:
    return {
        "difference": one,
        "p": p_text(one.p_value),
        "p_adjusted": p_text(one.p_adjusted),
        "differs": one.p_adjusted < SURE,
    }
