"""`comparison.html`: what objectives do to a catalogue, on one page that opens offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from longtailor.catalog import SPLITS, TEST, TRAIN, VAL
from longtailor.labels import BANDS, POSITIVE, UNKNOWN, LabelMatrix
from longtailor.reporting.differences_plot import SIGNIFICANT, p_text, plot_differences
from longtailor.reporting.disagreements import disagree
from longtailor.reporting.estimates_plot import common_limits, plot_estimates
from longtailor.reporting.heat import heat_color, heat_reach
from longtailor.reporting.metric_titles import (
    LOWER_IS_BETTER,
    NEITHER_IS_BETTER,
    TITLES,
    title_of,
)
from longtailor.reporting.page import figure_data_uri, render
from longtailor.reporting.photos import thumbnail
from longtailor.reporting.recall_plot import plot_recall, precision_by_recall
from longtailor.reporting.reliability_plot import plot_reliability, reliability
from longtailor.reporting.study_page import command_line, key, panel
from longtailor.reporting.tail_plot import plot_tail
from longtailor.studies.results import (
    Comparison,
    Difference,
    Estimate,
    Figures,
    Scope,
    StudyFit,
)

RAREST = 6
"""So many of the rarest labels get curves, and so many get examples."""
FEWEST_POSITIVES = 5
"""A label needs so many test positives for a curve or an example."""
PHOTOS = 6
"""At most so many examples of a kind."""
LONGEST_TEXT = 200

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
_BY_ATTRIBUTE = ("map", "f1_macro_at_half", "f1_macro")
_BAND_POINTS, _LABEL_POINTS = 10, 4


def build_comparison(comparison: Comparison, identity: Mapping[str, Any]) -> str:
    """Write the page.

    Parameters
    ----------
    comparison : Comparison
    identity : mapping
        What `run.json` says of the command: `command`, `catalog`, `configuration`.
    """
    scope, objectives = comparison.together, comparison.objectives
    catalog = scope.catalog
    matrix = catalog.matrix[catalog.in_split(TEST)]
    test_positives = (matrix == POSITIVE).sum(axis=0)
    fits = {name: [fit for fit in scope.fits if fit.objective == name] for name in objectives}
    rarest_first = [
        int(label)
        for label in np.argsort(scope.positives, kind="stable")
        if test_positives[label] >= FEWEST_POSITIVES
    ]
    annotated = int((catalog.in_split(TRAIN) | catalog.in_split(VAL)).sum())
    against_first = _against_first(scope.figures.paired, objectives[0])
    tail = plot_tail(catalog.space.labels, scope.positives, scope.bands)
    return render(
        "comparison.html",
        comparison=comparison,
        first=objectives[0],
        catalog=catalog,
        command=command_line(identity),
        splits={split: int(catalog.in_split(split).sum()) for split in SPLITS},
        annotated=annotated,
        fewest=FEWEST_POSITIVES,
        key=key(objectives),
        bands=_bands(scope, test_positives),
        tail=figure_data_uri(tail),
        tail_width=round(tail.get_figwidth() * 96),
        labels=_labels(scope, matrix, objectives[0]),
        figures=_figure_rows(scope.figures, objectives, _present(scope.figures)),
        gains=_gain_panels(scope.figures),
        forest=_forest_panels(against_first, objectives),
        pairs={
            title_of(metric): [_pair(one) for one in scope.figures.paired if one.metric == metric]
            for metric in _present(scope.figures)
        },
        heat_reach=heat_reach([one.difference for one in scope.labels]),
        attributes=_attribute_rows(comparison, test_positives),
        reliability=_reliability_panels(scope, fits, matrix, rarest_first[:RAREST]),
        recall=_recall_panels(scope, fits, matrix, rarest_first[:RAREST]),
        examples=_examples(scope, fits, matrix, rarest_first, objectives),
        failures=[
            *(("together", one) for one in scope.failures),
            *(
                (f"{attribute} alone", one)
                for attribute, alone in comparison.separately.items()
                for one in alone.failures
            ),
        ],
        warnings=list(dict.fromkeys((*catalog.warnings, *comparison.warnings))),
    )


def _against_first(paired: Sequence[Difference], first: str) -> dict[str, list[Difference]]:
    """Give by metric the differences to the first objective, all told the same way round."""
    found: dict[str, list[Difference]] = {}
    for one in paired:
        if one.b == first:
            found.setdefault(one.metric, []).append(one)
        elif one.a == first:
            turned = replace(
                one,
                a=one.b,
                b=one.a,
                difference=-one.difference,
                low=-one.high,
                high=-one.low,
            )
            found.setdefault(one.metric, []).append(turned)
    return found


def _present(figures: Figures) -> list[str]:
    """Give the metrics that were estimated, in the order in which pages tell them."""
    estimated = list(
        dict.fromkeys(metric for metrics in figures.estimates.values() for metric in metrics)
    )
    known = [metric for metric in TITLES if metric in estimated]
    return known + [metric for metric in estimated if metric not in TITLES]


def _of_metric(figures: Figures, metric: str) -> dict[str, Estimate]:
    return {
        name: metrics[metric] for name, metrics in figures.estimates.items() if metric in metrics
    }


def _figure_rows(
    figures: Figures, objectives: Sequence[str], metrics: Sequence[str]
) -> list[dict[str, Any]]:
    differ = {
        (one.metric, one.a)
        for paired in _against_first(figures.paired, objectives[0]).values()
        for one in paired
        if one.p_adjusted < SIGNIFICANT
    }
    rows = []
    for metric in metrics:
        estimates = _of_metric(figures, metric)
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
                        "differs": (metric, name) in differ,
                    }
                    for name in objectives
                ],
            }
        )
    return rows


def _bands(scope: Scope, test_positives: npt.NDArray[np.int64]) -> dict[str, dict[str, int]]:
    return {
        band: {
            "labels": int((scope.bands == band).sum()),
            "scored": int(((scope.bands == band) & (test_positives > 0)).sum()),
            "train": int(scope.positives[scope.bands == band].sum()),
            "test": int(test_positives[scope.bands == band].sum()),
        }
        for band in BANDS
    }


def _labels(scope: Scope, matrix: LabelMatrix, first: str) -> list[dict[str, Any]]:
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
                    "differs": bool(one.p_adjusted[label] < SIGNIFICANT),
                    "color": heat_color(float(one.difference[label]), reach),
                }
                for one in scope.labels
            ],
        }
        for label in np.argsort(-scope.positives, kind="stable")
    ]


def _gain_panels(figures: Figures) -> list[dict[str, Any]]:
    limits: dict[str, tuple[float, float] | None] = {}
    for metrics in _SHARE_AN_AXIS:
        shared = common_limits(*(_of_metric(figures, metric) for metric in metrics))
        limits.update(dict.fromkeys(metrics, shared))
    return [
        panel(
            title_of(metric),
            plot_estimates(_of_metric(figures, metric), limits.get(metric)),
            f"{title_of(metric)} of each objective with its interval",
            "lower is better" if metric in LOWER_IS_BETTER else "",
        )
        for metric in _GAIN
        if _measured(_of_metric(figures, metric))
    ]


def _measured(estimates: Mapping[str, Estimate]) -> bool:
    return any(not np.isnan(one.mean) for one in estimates.values())


def _forest_panels(
    against_first: Mapping[str, Sequence[Difference]], objectives: Sequence[str]
) -> list[dict[str, Any]]:
    return [
        panel(
            title_of(metric),
            plot_differences(against_first[metric], objectives),
            f"{title_of(metric)}: each objective minus {objectives[0]}, with its interval",
        )
        for metric in _FOREST
        if any(not np.isnan(one.difference) for one in against_first.get(metric, ()))
    ]


def _pair(one: Difference) -> dict[str, Any]:
    return {
        "difference": one,
        "p": p_text(one.p_value),
        "p_adjusted": p_text(one.p_adjusted),
        "differs": one.p_adjusted < SIGNIFICANT,
    }


def _attribute_rows(
    comparison: Comparison, test_positives: npt.NDArray[np.int64]
) -> list[dict[str, Any]]:
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
            for row in _figure_rows(figures, comparison.objectives, [metric])
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


def _name(scope: Scope, label: int, matrix: LabelMatrix) -> tuple[str, str]:
    test = int((matrix[:, label] == POSITIVE).sum())
    return (
        scope.catalog.space.labels[label],
        f"{scope.positives[label]:,} positives in train, {test:,} in test",
    )


def _reliability_panels(
    scope: Scope,
    fits: Mapping[str, Sequence[StudyFit]],
    matrix: LabelMatrix,
    rarest: Sequence[int],
) -> list[dict[str, Any]]:
    chosen = [
        (f"{band} labels", "all known cells", np.flatnonzero(scope.bands == band), _BAND_POINTS)
        for band in BANDS
    ]
    chosen += [(*_name(scope, label, matrix), np.array([label]), _LABEL_POINTS) for label in rarest]
    panels = []
    for title, note, columns, points in chosen:
        known = matrix[:, columns] != UNKNOWN
        positive = matrix[:, columns][known] == POSITIVE
        if positive.sum() < FEWEST_POSITIVES:
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
            plot_reliability(curves),
            f"{title}: share of positives against probability, each objective",
            note,
        )
        panels.append({**shown, "table": table})
    return panels


def _recall_panels(
    scope: Scope,
    fits: Mapping[str, Sequence[StudyFit]],
    matrix: LabelMatrix,
    rarest: Sequence[int],
) -> list[dict[str, Any]]:
    panels = []
    for label in rarest:
        cells = matrix[:, label]
        curves = {
            name: precision_by_recall([fit.probabilities[:, label] for fit in each], cells)
            for name, each in fits.items()
            if each
        }
        title, note = _name(scope, label, matrix)
        guessing = float((cells == POSITIVE).sum() / (cells != UNKNOWN).sum())
        shown = panel(
            title,
            plot_recall(curves, guessing),
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


def _examples(
    scope: Scope,
    fits: Mapping[str, Sequence[StudyFit]],
    matrix: LabelMatrix,
    rarest_first: Sequence[int],
    objectives: Sequence[str],
) -> dict[str, Any] | None:
    """Compare the first objective with the best other one by macro F1, on the rarest labels."""
    means = {name: one.mean for name, one in _of_metric(scope.figures, "f1_macro").items()}
    others = [name for name in objectives[1:] if fits[name] and not np.isnan(means[name])]
    if not others or not fits[objectives[0]]:
        return None
    a, b = max(others, key=lambda name: means[name]), objectives[0]
    shown = []
    for label in rarest_first:
        seen = disagree(fits[a], fits[b], matrix[:, label], label)
        if not len(seen.only_a) and not len(seen.only_b):
            continue
        name, note = _name(scope, label, matrix)
        sides = [
            {
                "finds": finds,
                "misses": misses,
                "count": len(at),
                "products": [_product(scope, product) for product in at[:PHOTOS]],
            }
            for finds, misses, at in ((a, b, seen.only_a), (b, a, seen.only_b))
        ]
        shown.append({"label": name, "note": note, "seen": seen, "sides": sides})
        if len(shown) == RAREST:
            break
    return {"a": a, "b": b, "labels": shown}


def _product(scope: Scope, tested: int) -> dict[str, Any]:
    catalog = scope.catalog
    product = np.flatnonzero(catalog.in_split(TEST))[tested]
    text = catalog.texts[product] or ""
    src = thumbnail(catalog.images[product])
    return {
        "id": catalog.ids[product],
        "src": src,
        "text": "" if src else text[:LONGEST_TEXT] + ("…" if len(text) > LONGEST_TEXT else ""),
    }
