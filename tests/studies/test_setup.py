from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from longtailor.catalog import Catalog
from longtailor.errors import CatalogError, UsageError
from longtailor.fitting import Embedded, FitOptions
from longtailor.labels import Bands
from longtailor.studies.draws import Draw
from longtailor.studies.results import StudyFit
from longtailor.studies.setup import (
    check_seeds,
    check_tuning,
    embed_study,
    joined,
    mean_positives,
    products_drawn,
    seeds_from,
    study_fit,
    study_warnings,
    trained_sentence,
)
from longtailor.training.deep.options import FineTuning

pytestmark = pytest.mark.usefixtures("light_encoder")


def given_splits(path: Path, split: Callable[[int], str]) -> Path:
    lines = path.read_text().splitlines()
    rows = [f"{line},{split(number)}" for number, line in enumerate(lines[1:])]
    path.write_text("\n".join([lines[0] + ",split", *rows]))
    return path


def test_a_test_split_that_is_given_stays(shop: Path) -> None:
    given_splits(shop, lambda number: "test" if number % 3 == 0 else "train")
    data = embed_study(Catalog.read(shop), FitOptions())
    np.testing.assert_array_equal(np.flatnonzero(data.catalog.in_split("test")), range(0, 120, 3))


def test_a_test_split_is_carved_with_the_seed(shop: Path) -> None:
    tests = [
        embed_study(Catalog.read(shop), FitOptions(seed=seed)).catalog.in_split("test")
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(tests[0], tests[1])
    assert (tests[0] != tests[2]).any()
    assert 20 <= tests[0].sum() <= 28


@pytest.mark.parametrize("only", ["train", "test"])
def test_a_catalogue_without_train_or_test_is_refused(shop: Path, only: str) -> None:
    given_splits(shop, lambda number: only)
    missing = "test" if only == "train" else "train"
    with pytest.raises(CatalogError, match=f"has no {missing} product"):
        embed_study(Catalog.read(shop), FitOptions())


def test_labels_go_by_all_annotated_positives(shop: Path) -> None:
    everything = embed_study(Catalog.read(shop), FitOptions(min_positives=1))
    pool = ~everything.catalog.in_split("test")
    positives = (everything.catalog.matrix[pool] == 1).sum(axis=0)
    data = embed_study(Catalog.read(shop), FitOptions(min_positives=8))
    assert data.dropped == {
        label: count
        for label, count in zip(everything.catalog.space.labels, positives, strict=True)
        if count < 8
    }
    assert data.dropped
    assert not set(data.dropped) & set(data.catalog.space.labels)


def test_means_over_draws(embedded_shop: Embedded) -> None:
    catalog = embedded_shop.catalog
    draws = [Draw(np.arange(10), np.arange(10, 12)), Draw(np.arange(20), np.arange(20, 25))]
    assert products_drawn(draws) == round((12 + 25) / 2)
    ten, twenty = ((catalog.matrix[:size] == 1).sum(axis=0) for size in (10, 20))
    np.testing.assert_array_equal(mean_positives(catalog, draws), np.rint((ten + twenty) / 2))


def test_labels_without_a_test_positive_are_told(embedded_shop: Embedded) -> None:
    catalog = embedded_shop.catalog
    assert not study_warnings(catalog)
    catalog.matrix[catalog.in_split("test"), 0] = 0
    assert study_warnings(catalog) == [
        f"no test positive, so in no figure: {catalog.space.labels[0]}"
    ]


def test_options() -> None:
    assert seeds_from(5, 3) == (5, 6, 7)
    options = study_fit("resnet18", 3, "50,10", 2, True)
    assert options == FitOptions(
        encoder="resnet18", min_positives=3, bands=Bands(50, 10), seed=2, strict=True
    )
    with pytest.raises(UsageError, match="bands"):
        study_fit("resnet18", 3, "10,50", 2, True)
    with pytest.raises(UsageError, match="seeds 0"):
        check_seeds(0)


def test_a_training_on_several_machines_is_refused() -> None:
    check_tuning(None)
    check_tuning(FineTuning(devices=2))
    with pytest.raises(UsageError, match="one machine"):
        check_tuning(FineTuning(nodes=2))


def trained(steps: int, epochs: int) -> StudyFit:
    none = np.empty(0)
    training = {"steps": steps, "epochs": [{}] * epochs}
    return StudyFit("none", 0, none, none, none, none, 1.0, 1.0, training)


def test_what_was_trained_is_told(embedded_shop: Embedded) -> None:
    tuning = FineTuning(epochs=3)
    assert trained_sentence(embedded_shop, None, []) == ""
    told = trained_sentence(embedded_shop, tuning, [trained(1200, 3), trained(1200, 3)])
    assert "thumbnails at 16 px, 3 epochs (1,200 steps)." in told
    budget = replace(tuning, time_budget=240.0)
    told = trained_sentence(embedded_shop, budget, [trained(30, 1), trained(90, 3)])
    assert "1 to 3 epochs (30 to 90 steps), as many as 240 s hold." in told
    told = trained_sentence(embedded_shop, tuning, [trained(30, 1)])
    assert "1 epoch (30 steps)." in told
    assert joined("", "a.", "", "b.") == "a. b."
