from __future__ import annotations

import json
import math

from longtailor.fitting import Embedded
from longtailor.studies.compare import CompareOptions, compare_embedded
from longtailor.studies.curve import CurveOptions, curve_embedded
from longtailor.studies.exchange import comparison_json, curve_json
from longtailor.studies.resampled import METRICS
from longtailor.studies.results import Saving


def test_a_comparison_as_json(embedded_shop: Embedded) -> None:
    objectives = ("none", "asl", "inverse_frequency")
    options = CompareOptions(objectives, seeds=2, separately=True)
    comparison = compare_embedded(embedded_shop, options)
    told = json.loads(json.dumps(comparison_json(comparison), allow_nan=False))
    assert list(told["objectives"]) == list(objectives)
    estimate = comparison.together.figures.estimates["asl"]["map"]
    assert told["objectives"]["asl"]["map"] == {
        "mean": estimate.mean,
        "low": estimate.low,
        "high": estimate.high,
        "seeds": list(estimate.seeds),
    }
    # No label of the shop is head: what cannot be measured is null.
    assert told["objectives"]["asl"]["map_head"] == {
        "mean": None,
        "low": None,
        "high": None,
        "seeds": [None, None],
    }
    assert {(one["a"], one["b"], one["metric"]) for one in told["paired"]} == {
        (a, b, metric)
        for a, b in (("none", "asl"), ("none", "inverse_frequency"), ("asl", "inverse_frequency"))
        for metric in METRICS
    }
    assert set(told["paired"][0]) == {
        *("a", "b", "metric", "difference", "low", "high", "p_value", "p_adjusted")
    }
    attributes = list(comparison.together.catalog.space.attributes)
    assert list(told["attributes"]) == list(told["separately"]) == attributes
    for part in (*told["attributes"].values(), *told["separately"].values()):
        assert set(part) >= {"objectives", "paired"}
    assert told["labels"][0]["label"] == "pattern:plain"
    label = told["labels"][-1]
    assert set(label["ap"]) == set(objectives)
    assert [(one["a"], one["b"]) for one in label["paired"]] == [
        ("asl", "none"),
        ("inverse_frequency", "none"),
    ]
    assert sum(label["test_positive"] for label in told["labels"]) == int(
        (
            comparison.together.catalog.matrix[comparison.together.catalog.in_split("test")] == 1
        ).sum()
    )
    assert told["seeds"] == [0, 1]
    assert told["failures"] == []
    assert told["products"]["annotated"] == told["products"]["pool"] == comparison.products


def test_a_curve_as_json(embedded_shop: Embedded) -> None:
    options = CurveOptions(
        ("none", "asl"), (0.5, 1.0), seeds=2, labels=("sleeve:short",), positives=(2, 5)
    )
    curve = curve_embedded(embedded_shop, options)
    curve.savings.append(Saving("asl", "none", "map", 9, math.inf, 0.0, math.nan))
    told = json.loads(json.dumps(curve_json(curve), allow_nan=False))
    assert told["budgets"] == [0.5, 1.0]
    assert told["products"]["annotated"] == list(curve.products)
    for at, estimate in enumerate(told["objectives"]["asl"]["map"]):
        assert estimate["mean"] == curve.estimates["asl"]["map"][at].mean
        assert set(estimate) == {"mean", "low", "high", "seeds"}
    (label,) = told["labels"]
    assert (label["label"], label["positives"]) == ("sleeve:short", [2, 5])
    assert len(label["objectives"]["none"]["ap"]) == 2
    # JSON knows no infinity: what is beyond what was measured is null.
    assert told["savings"][-1] == {
        **{"a": "asl", "b": "none", "metric": "map", "products": 9},
        **{"equivalent": None, "low": 0.0, "high": None},
    }
