"""What a study comes to, as JSON can hold it: `comparison.json` and `curve.json`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from longtailor.catalog import TEST, Catalog
from longtailor.labels import POSITIVE
from longtailor.studies.results import (
    Comparison,
    Curve,
    Estimate,
    Figures,
    LabelCurve,
    LabelDifferences,
    Scope,
)


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Give a comparison; what could not be measured is None."""
    together = comparison.together
    return {
        "headline": comparison.headline,
        "trained": comparison.trained or None,
        **_scope(together),
        "separately": {name: _scope(scope) for name, scope in comparison.separately.items()},
        "seeds": list(comparison.seeds),
        "share": comparison.share,
        "products": {"annotated": comparison.products, **_tested(together.catalog)},
        "labels_dropped": comparison.dropped,
        "warnings": comparison.warnings,
    }


def curve_json(curve: Curve) -> dict[str, Any]:
    """Give a curve; what could not be measured is None."""
    return {
        "headline": curve.headline,
        "trained": curve.trained or None,
        "budgets": list(curve.budgets),
        "products": {"annotated": list(curve.products), **_tested(curve.catalog)},
        "objectives": {
            objective: {
                metric: [_estimate(one) for one in estimates]
                for metric, estimates in by_metric.items()
            }
            for objective, by_metric in curve.estimates.items()
        },
        "savings": [_plain(asdict(saving)) for saving in curve.savings],
        "labels": [_label_curve(label) for label in curve.labels],
        "seeds": list(curve.seeds),
        "failures": [asdict(failure) for failure in curve.failures],
        "labels_dropped": curve.dropped,
        "warnings": curve.warnings,
    }


def _scope(scope: Scope) -> dict[str, Any]:
    return {
        **_figures(scope.figures),
        "attributes": {name: _figures(figures) for name, figures in scope.by_attribute.items()},
        "labels": _labels(scope),
        "failures": [asdict(failure) for failure in scope.failures],
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "objectives": {
            objective: {metric: _estimate(one) for metric, one in by_metric.items()}
            for objective, by_metric in figures.estimates.items()
        },
        "paired": [_plain(asdict(difference)) for difference in figures.paired],
    }


def _labels(scope: Scope) -> list[dict[str, Any]]:
    """Give the figures of each label, most training positives first."""
    tests = (scope.catalog.matrix[scope.catalog.in_split(TEST)] == POSITIVE).sum(axis=0)
    return [
        {
            "label": scope.catalog.space.labels[at],
            "band": str(scope.bands[at]),
            "train_positive": int(scope.positives[at]),
            "test_positive": int(tests[at]),
            "ap": {objective: _number(values[at]) for objective, values in scope.ap.items()},
            "paired": [_label_difference(one, int(at)) for one in scope.labels],
        }
        for at in np.argsort(-scope.positives, kind="stable")
    ]


def _label_difference(differences: LabelDifferences, at: int) -> dict[str, Any]:
    numbers = ("difference", "low", "high", "p_adjusted")
    return {
        "a": differences.a,
        "b": differences.b,
        "metric": "ap",
        **{name: _number(getattr(differences, name)[at]) for name in numbers},
    }


def _label_curve(curve: LabelCurve) -> dict[str, Any]:
    return {
        "label": curve.label,
        "positives": list(curve.positives),
        "objectives": {
            objective: {"ap": [_estimate(one) for one in estimates]}
            for objective, estimates in curve.estimates.items()
        },
    }


def _tested(catalog: Catalog) -> dict[str, int]:
    tests = int(catalog.in_split(TEST).sum())
    return {"pool": len(catalog) - tests, "test": tests}


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return _plain(asdict(estimate))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _series(value)
        if isinstance(value, tuple)
        else _number(value)
        if isinstance(value, float)
        else value
        for name, value in values.items()
    }


def _series(values: Sequence[float]) -> list[float | None]:
    return [_number(value) for value in values]


def _number(value: float | npt.NDArray[np.float64]) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
