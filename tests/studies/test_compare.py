from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longtailor
from longtailor.catalog import Catalog
from longtailor.errors import UsageError
from longtailor.fitting import Embedded
from longtailor.labels import Bands
from longtailor.studies import fits as fits_module
from longtailor.studies.compare import (
    OBJECTIVES,
    CompareOptions,
    compare_embedded,
    default_objectives,
)
from longtailor.studies.draws import annotate
from longtailor.training.deep.options import FineTuning

pytestmark = pytest.mark.usefixtures("light_encoder")


def test_a_comparison(shop: Path) -> None:
    found = longtailor.compare(
        Catalog.read(shop), ["none", "inverse_frequency"], seeds=2, seed=7, bands="20,5"
    )
    assert (found.objectives, found.seeds) == (("none", "inverse_frequency"), (7, 8))
    scope = found.together
    tests = int(scope.catalog.in_split("test").sum())
    assert found.products == 120 - tests
    assert {(fit.objective, fit.seed) for fit in scope.fits} == {
        (name, seed) for name in found.objectives for seed in (7, 8)
    }
    assert all(fit.probabilities.shape == (tests, len(scope.catalog.space)) for fit in scope.fits)
    drawn = [annotate(scope.catalog, seed).draw().train for seed in (7, 8)]
    counts = np.mean([(scope.catalog.matrix[rows] == 1).sum(axis=0) for rows in drawn], axis=0)
    np.testing.assert_allclose(scope.positives, counts, atol=0.5)
    np.testing.assert_array_equal(scope.bands, Bands(20, 5).assign(scope.positives))
    assert list(scope.by_attribute) == list(scope.catalog.space.attributes)
    assert len(scope.figures.estimates["none"]["map"].seeds) == 2
    assert not found.separately
    assert found.headline


def test_each_attribute_alone(embedded_shop: Embedded) -> None:
    options = CompareOptions(("none", "asl"), seeds=1, separately=True)
    found = compare_embedded(embedded_shop, options)
    assert list(found.separately) == ["sleeve", "pattern", "detail"]
    for attribute, scope in found.separately.items():
        assert scope.attributes == (attribute,)
        assert len(scope.fits) == 2
        assert scope.fits[0].thresholds.shape == (len(scope.catalog.space),)


def test_a_share_of_the_products(embedded_shop: Embedded) -> None:
    whole, half = (
        compare_embedded(embedded_shop, CompareOptions(("none", "asl"), seeds=2, share=share))
        for share in (1.0, 0.5)
    )
    assert half.products == pytest.approx(whole.products / 2, abs=1)
    assert half.together.positives.sum() < 0.6 * whole.together.positives.sum()
    assert len(half.together.catalog.space) == len(whole.together.catalog.space)


def test_an_objective_whose_fits_all_fail_is_told(
    embedded_shop: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit_detector = fits_module.fit_detector

    def broken(data: Embedded, options: Any, **more: Any) -> Any:
        if options.objective == "asl":
            raise RuntimeError("no minimum")
        return fit_detector(data, options, **more)

    monkeypatch.setattr(fits_module, "fit_detector", broken)
    found = compare_embedded(
        embedded_shop, CompareOptions(("none", "asl", "inverse_frequency"), seeds=2)
    )
    assert [failure.seed for failure in found.together.failures] == [0, 1]
    assert np.isnan(found.together.figures.estimates["asl"]["map"].mean)
    assert not np.isnan(found.together.figures.estimates["none"]["map"].mean)
    assert "asl" in found.headline


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"objectives": ("none",)}, "two objectives"),
        ({"seeds": 0}, "seeds 0"),
        ({"share": 0.0}, "share 0"),
        ({"share": 1.1}, "share 1.1"),
        ({"objectives": ("none", "none")}, "give it once"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        CompareOptions(**options).check()


def test_bands_that_cannot_be_read_are_wrong_usage(shop: Path) -> None:
    with pytest.raises(UsageError, match="bands"):
        longtailor.compare(Catalog.read(shop), bands="few")


def test_fewer_objectives_are_the_default_where_each_is_a_training() -> None:
    assert default_objectives() == OBJECTIVES
    assert default_objectives(FineTuning()) == OBJECTIVES[:3]
