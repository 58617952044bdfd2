"""What decisions of reviewers change: the cells, and what a detector can do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from longtailor.catalog import TEST, TRAIN
from longtailor.evaluation.metrics import Evaluation, evaluate
from longtailor.evaluation.resampling import bootstrap_weights
from longtailor.fitting import Embedded, FitOptions, Fitted, Laid, fit_embedded
from longtailor.studies.inputs import (
    METRICS,
    RESAMPLES,
    Difference,
    as_study_fit,
    paired_difference,
)
from longtailor.studies.resampled import Truth, resampled_figures


@dataclass(frozen=True, eq=False)
class LabelChange:
    """What decisions did to one label.

    Attributes
    ----------
    label : str
    cells : dict of (int, int) to int
        Cells by what they were and what they became: 1, 0, -1.
    positives_before, positives_after : int
        In train.
    ap_before, ap_after : float or None
        Average precision on test; None where the label was not learned, or has no test positive.
    difference : Difference
    """

    label: str
    cells: dict[tuple[int, int], int]
    positives_before: int
    positives_after: int
    ap_before: float | None
    ap_after: float | None
    difference: Difference


@dataclass(frozen=True, eq=False)
class Comparison:
    """The detector beside one fitted without the decisions, on the same test cells.

    Attributes
    ----------
    before, after : dict of str to float or None
        By metric, over the labels that both learned; bands by the training positives before.
    differences : dict of str to Difference
        After, less before.
    labels : int
        How many labels both learned.
    gained, lost : list of str
        Labels that only the one learned: they have enough training positives now, or no longer.
    corrected : dict of str to (float or None, float or None)
        By metric: before and after on the test cells with the decisions on them; empty if they
        change none.
    """

    before: dict[str, float | None]
    after: dict[str, float | None]
    differences: dict[str, Difference]
    labels: int
    gained: list[str]
    lost: list[str]
    corrected: dict[str, tuple[float | None, float | None]]


@dataclass(frozen=True, eq=False)
class Effect:
    """What decisions changed.

    Attributes
    ----------
    laid : Laid
    labels : list of LabelChange
        Those of which a cell changed, most changed first.
    comparison : Comparison or None
        None where the encoder was fine-tuned (a second training would take as long again), and
        where nothing could be learned without the decisions.
    """

    laid: Laid
    labels: list[LabelChange]
    comparison: Comparison | None


def compare_annotations(
    fitted: Fitted, laid: Laid, without: Embedded | None, options: FitOptions
) -> Effect:
    """Measure what decisions changed, by a fit without them.

    Parameters
    ----------
    fitted : Fitted
        Fitted to `laid.data`, labels too rare left out.
    laid : Laid
    without : Embedded or None
        The catalogue as it was, labels too rare left out; None if that are all.
    options : FitOptions
        Of both fits.
    """
    if without is None or options.finetune is not None:
        return Effect(laid, _label_changes(laid, {}), None)
    before = fit_embedded(without, options)
    old, new = (one.data.catalog.space.labels for one in (before, fitted))
    both = [label for label in old if label in set(new)]
    columns = {
        one: [one.data.catalog.space.labels.index(label) for label in both]
        for one in (before, fitted)
    }
    catalog = before.data.catalog
    test = catalog.in_split(TEST)
    weights = bootstrap_weights(int(test.sum()), RESAMPLES, options.seed, catalog.group[test])
    truth = Truth(
        catalog.matrix[test][:, columns[before]],
        before.bands[columns[before]],
        np.concatenate([np.ones((1, weights.shape[1]), np.float32), weights]),
        {"both": np.arange(len(both))},
    )
    ap, figures = {}, {}
    for one in (before, fitted):
        ap[one], scopes = resampled_figures(
            as_study_fit(one, options, np.array(columns[one], dtype=np.intp)), truth
        )
        figures[one] = scopes["both"]
    comparison = Comparison(
        {metric: _number(figures[before][metric][0]) for metric in METRICS},
        {metric: _number(figures[fitted][metric][0]) for metric in METRICS},
        {
            metric: paired_difference(figures[fitted][metric] - figures[before][metric])
            for metric in METRICS
        },
        len(both),
        [label for label in new if label not in set(old)],
        [label for label in old if label not in set(new)],
        _corrected(before, fitted, columns, laid, options),
    )
    by_label = {
        label: (
            _number(ap[before][0, at]),
            _number(ap[fitted][0, at]),
            paired_difference((ap[fitted] - ap[before])[:, at].astype(np.float64)),
        )
        for at, label in enumerate(both)
    }
    return Effect(laid, _label_changes(laid, by_label), comparison)


def _corrected(
    before: Fitted,
    fitted: Fitted,
    columns: dict[Fitted, list[int]],
    laid: Laid,
    options: FitOptions,
) -> dict[str, tuple[float | None, float | None]]:
    catalog = laid.data.catalog
    as_it_was = laid.before[catalog.in_split(TEST)]
    if np.array_equal(as_it_was, laid.test):
        return {}
    labels = [before.data.catalog.space.labels[at] for at in columns[before]]
    at = [catalog.space.labels.index(label) for label in labels]
    evaluations: list[Evaluation] = [
        evaluate(
            one.probabilities[TEST][:, columns[one]],
            laid.test[:, at],
            one.detector.thresholds[columns[one]],
            before.bands[columns[before]],
            resamples=1,
            seed=options.seed,
        )
        for one in (before, fitted)
    ]
    return {
        metric: tuple(one.summary[metric] for one in evaluations)  # type: ignore[misc]
        for metric in METRICS
    }


def _label_changes(
    laid: Laid, ap: dict[str, tuple[float | None, float | None, Difference]]
) -> list[LabelChange]:
    changed = laid.changed()
    total = np.sum(list(changed.values()), axis=0)
    catalog = laid.data.catalog
    train = catalog.in_split(TRAIN)
    before, after = ((one[train] == 1).sum(axis=0) for one in (laid.before, catalog.matrix))
    nothing = (None, None, Difference(None, None, None))
    found = []
    for at in np.argsort(-total, kind="stable")[: int((total > 0).sum())]:
        label = catalog.space.labels[at]
        found.append(
            LabelChange(
                label,
                {kind: int(counts[at]) for kind, counts in changed.items()},
                int(before[at]),
                int(after[at]),
                *ap.get(label, nothing),
            )
        )
    return found


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def effect_json(effect: Effect) -> dict[str, Any]:
    """Give what `run.json` says of decisions."""
    laid = effect.laid
    return {
        "annotated": {
            "rows": laid.annotations.rows,
            "products": int(laid.annotations.decided.sum()) + laid.joined,
            "joined": laid.joined,
            "set_aside": laid.set_aside,
            "skipped": len(laid.annotations.skipped),
            "cells": {_kind(kind): int(counts.sum()) for kind, counts in laid.changed().items()},
            "labels": [
                {
                    "label": one.label,
                    **{_kind(kind): count for kind, count in one.cells.items() if count},
                    "train_positive_before": one.positives_before,
                    "train_positive": one.positives_after,
                }
                for one in effect.labels
            ],
        }
    }


def comparison_json(effect: Effect) -> dict[str, Any]:
    """Give what `metrics.json` says of decisions."""
    comparison = effect.comparison
    if comparison is None:
        return {}
    return {
        "annotations": {
            "labels": comparison.labels,
            "labels_gained": comparison.gained,
            "labels_lost": comparison.lost,
            "test": {"without": comparison.before, "with": comparison.after},
            "paired": [
                {"a": "with", "b": "without", "metric": metric, **asdict(one)}
                for metric, one in comparison.differences.items()
            ],
            "test_corrected": {
                metric: {"without": one, "with": other}
                for metric, (one, other) in comparison.corrected.items()
            },
        }
    }


_NAMES = {1: "positive", 0: "negative", -1: "unknown"}


def _kind(kind: tuple[int, int]) -> str:
    was, now = kind
    return f"{_NAMES[was]}_to_{_NAMES[now]}"
