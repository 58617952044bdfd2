from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longtailor
from longtailor.catalog import Catalog
from longtailor.errors import UsageError
from longtailor.fitting import Embedded
from longtailor.studies.curve import CurveOptions, curve_embedded
from longtailor.studies.resampled import METRICS

pytestmark = pytest.mark.usefixtures("light_encoder")


def test_a_curve(shop: Path) -> None:
    found = longtailor.curve(
        Catalog.read(shop), ["none", "inverse_frequency"], budgets=[0.3, 1], seeds=2
    )
    pool = int((~found.catalog.in_split("test")).sum())
    assert found.products[1] == pool
    assert found.products[0] == pytest.approx(0.3 * pool, abs=1)
    for name in found.objectives:
        assert set(found.estimates[name]) == set(METRICS)
        assert [len(one.seeds) for one in found.estimates[name]["map"]] == [2, 2]
    none = found.estimates["none"]["map"]
    assert none[0].mean < none[1].mean
    assert {(saving.a, saving.b, saving.metric) for saving in found.savings} == {
        ("inverse_frequency", "none", "map")
    }
    assert [saving.products for saving in found.savings] == list(found.products)
    assert found.headline
    assert not found.labels
    assert not found.failures


def test_the_positives_of_one_label(embedded_shop: Embedded) -> None:
    options = CurveOptions(
        ("none", "asl"),
        (1.0,),
        seeds=2,
        labels=("sleeve:short", "sleeve:bell"),
        positives=(1, 4),
    )
    short, bell = curve_embedded(embedded_shop, options).labels
    assert (short.label, short.positives) == ("sleeve:short", (1, 4))
    assert bell.label == "sleeve:bell"
    assert list(short.estimates) == ["none", "asl"]
    one, four = short.estimates["none"]
    assert len(one.seeds) == 2
    assert one.mean < four.mean


def test_counts_by_default_are_those_that_there_are(embedded_shop: Embedded) -> None:
    options = CurveOptions(("none",), (1.0,), seeds=1, labels=("sleeve:short",))
    assert curve_embedded(embedded_shop, options).labels[0].positives == (3, 6, 12, 24)


def test_counts_beyond_what_there_is_are_refused_by_name(embedded_shop: Embedded) -> None:
    options = CurveOptions(("none",), seeds=1, labels=("sleeve:bell",), positives=(3, 200))
    with pytest.raises(UsageError, match=r"sleeve:bell has \d training positives, fewer than 200"):
        curve_embedded(embedded_shop, options)


def test_an_unknown_label_is_refused(embedded_shop: Embedded) -> None:
    options = CurveOptions(("none",), seeds=1, labels=("sleeve:none",))
    with pytest.raises(UsageError, match="'sleeve:none' is none of those"):
        curve_embedded(embedded_shop, options)


def test_the_whole_of_a_curve_is_what_compare_measures(embedded_shop: Embedded) -> None:
    from longtailor.studies.compare import CompareOptions, compare_embedded

    objectives = ("none", "asl")
    curve = curve_embedded(embedded_shop, CurveOptions(objectives, (0.4, 1.0), seeds=2))
    compared = compare_embedded(embedded_shop, CompareOptions(objectives, seeds=2))
    for name in objectives:
        at_end = curve.estimates[name]["f1_macro"][1]
        np.testing.assert_equal(at_end, compared.together.figures.estimates[name]["f1_macro"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"objectives": ()}, "needs an objective"),
        ({"seeds": 0}, "seeds 0"),
        ({"budgets": ()}, "budgets"),
        ({"budgets": (0.5, 0.2)}, "rising"),
        ({"budgets": (0.5, 0.5)}, "rising"),
        ({"budgets": (0.0, 1.0)}, "above 0"),
        ({"budgets": (float("nan"),)}, "above 0"),
        ({"metric": "accuracy"}, "metric 'accuracy'"),
        ({"positives": (3,)}, "of which labels"),
        ({"labels": ("a:b",), "positives": (6, 3)}, "rising"),
        ({"labels": ("a:b",), "positives": (0, 3)}, "from 1 up"),
        ({"labels": ("a:b", "a:b")}, "each once"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        CurveOptions(**options).check()
