"""The plots of `comparison.html`: small ones, many of a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from longtailor.labels import BANDS, POSITIVE, UNKNOWN, LabelMatrix
from longtailor.reporting.comparison_tables import against_first, of_metric
from longtailor.reporting.differences_plot import plot_differences
from longtailor.reporting.estimates_plot import common_limits, plot_estimates
from longtailor.reporting.metric_titles import LOWER_IS_BETTER, title_of
from longtailor.reporting.recall_plot import plot_recall, precision_by_recall
from longtailor.reporting.reliability_plot import plot_reliability, reliability
from longtailor.reporting.study_page import panel
from longtailor.studies.results import Estimate, Figures, Scope, StudyFit

_GAIN = (
    "map",
    "map_tail",
    "f1_macro_at_half",
    "f1_macro",
    "threshold_gain",
    "ece",
    "ece_corrected",
)
_SHARE_AN_AXIS = (("f1_macro_at_half", "f1_macro"), ("ece", "ece_corrected"))
_FOREST = (
    "map",
    "map_tail",
    "f1_macro_at_half",
    "f1_macro_tail_at_half",
    "f1_macro",
    "f1_macro_tail",
)
_BAND_POINTS, _LABEL_POINTS = 10, 4


def gain_panels(figures: Figures) -> list[dict[str, Any]]:
    """Draw ranking, decisions and calibration of all objectives, a panel a metric."""
    limits: dict[str, tuple[float, float] | None] = {}
    for metrics in _SHARE_AN_AXIS:
        shared = common_limits(*(of_metric(figures, metric) for metric in metrics))
        limits.update(dict.fromkeys(metrics, shared))
    return [
        panel(
            title_of(metric),
            plot_estimates(of_metric(figures, metric), limits.get(metric)),
            f"{title_of(metric)} of each objective with its interval",
            "lower is better" if metric in LOWER_IS_BETTER else "",
        )
        for metric in _GAIN
        if _measured(of_metric(figures, metric))
    ]


def forest_panels(figures: Figures) -> list[dict[str, Any]]:
    """Draw what each objective adds to the first, a panel a metric."""
    objectives = list(figures.estimates)
    return [
        panel(
            title_of(metric),
            plot_differences(against_first(figures, metric), objectives),
            f"{title_of(metric)}: each objective minus {objectives[0]}, with its interval",
        )
        for metric in _FOREST
        if any(not np.isnan(one.difference) for one in against_first(figures, metric))
    ]


def reliability_panels(
    scope: Scope,
    fits: Mapping[str, Sequence[StudyFit]],
    matrix: LabelMatrix,
    rarest: Sequence[int],
    least: int,
) -> list[dict[str, Any]]:
    """Draw reliability of each band and of some labels.

    Parameters
    ----------
    fits : mapping of str to sequence of StudyFit
        By objective.
    least : int
        What has fewer test positives is left out.
    """
    chosen = [
        (f"{band} labels", "all known cells", np.flatnonzero(scope.bands == band), _BAND_POINTS)
        for band in BANDS
    ]
    chosen += [
        (*name_and_counts(scope, label, matrix), np.array([label]), _LABEL_POINTS)
        for label in rarest
    ]
    panels = []
    for title, note, columns, points in chosen:
        known = matrix[:, columns] != UNKNOWN
        positive = matrix[:, columns][known] == POSITIVE
        if positive.sum() < least:
            continue
        curves = {
            name: reliability(
                np.concatenate([fit.probabilities[:, columns][known] for fit in each]),
                np.tile(positive, len(each)),
                points,
            )
            for name, each in fits.items()
            if each
        }
        table = [(name, curve.tolist()) for name, curve in curves.items()]
        shown = panel(
            title,
            plot_reliability(curves, list(fits)),
            f"{title}: share of positives against probability, each objective",
            note,
        )
        panels.append({**shown, "table": table})
    return panels


def recall_panels(
    scope: Scope,
    fits: Mapping[str, Sequence[StudyFit]],
    matrix: LabelMatrix,
    rarest: Sequence[int],
) -> list[dict[str, Any]]:
    """Draw precision against recall of some labels that have a test positive."""
    panels = []
    for label in rarest:
        cells = matrix[:, label]
        curves = {
            name: precision_by_recall([fit.probabilities[:, label] for fit in each], cells)
            for name, each in fits.items()
            if each
        }
        title, note = name_and_counts(scope, label, matrix)
        guessing = float((cells == POSITIVE).sum() / (cells != UNKNOWN).sum())
        shown = panel(
            title,
            plot_recall(curves, guessing, list(fits)),
            f"{title}: precision against recall, each objective",
            note,
        )
        quarters = [
            (
                name,
                *(float(curve[-(-len(curve) * part // 4) - 1]) for part in (1, 2, 3, 4)),
                float(curve.mean()),
            )
            for name, curve in curves.items()
        ]
        panels.append({**shown, "table": quarters})
    return panels


def name_and_counts(scope: Scope, label: int, matrix: LabelMatrix) -> tuple[str, str]:
    """Give a label and, in words, how many positives it has."""
    test = int((matrix[:, label] == POSITIVE).sum())
    return (
        scope.catalog.space.labels[label],
        f"{scope.positives[label]:,} positives in train, {test:,} in test",
    )


def _measured(estimates: Mapping[str, Estimate]) -> bool:
    return any(not np.isnan(one.mean) for one in estimates.values())
