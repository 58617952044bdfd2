"""The recipe `auto` through the main job: fitted, measured, saved and loaded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit

import longtailor
from longtailor import Catalog
from longtailor.classifiers import BlendedClassifier
from longtailor.errors import LongtailorError, UsageError
from longtailor.fitting import (
    FitOptions,
    Fitted,
    before_tuning,
    default_objective,
    embed_catalog,
    fit_detector,
    fit_embedded,
)
from longtailor.studies.fits import check_objectives, check_parts
from longtailor.training.deep.options import FineTuning

pytestmark = pytest.mark.usefixtures("light_encoder")


@pytest.fixture
def fitted(shop: Path) -> Fitted:
    options = FitOptions(objective="auto")
    return fit_embedded(embed_catalog(Catalog.read(shop), options), options)


def test_a_detector_comes_back_the_same(fitted: Fitted, tmp_path: Path) -> None:
    fitted.detector.save(tmp_path)
    loaded = longtailor.Detector.load(tmp_path)
    assert isinstance(loaded.classifier, BlendedClassifier)
    embeddings = fitted.data.embeddings
    np.testing.assert_array_equal(
        loaded.probabilities(embeddings), fitted.detector.probabilities(embeddings)
    )
    assert loaded.objective["name"] == "auto"
    np.testing.assert_array_equal(
        loaded.probabilities(embeddings, corrected=True), loaded.probabilities(embeddings)
    )


def test_it_learns(fitted: Fitted) -> None:
    assert fitted.evaluations["test"].summary["map"] > 0.8


def test_figures_of_val_are_by_classifiers_that_did_not_see_it(fitted: Fitted) -> None:
    catalog = fitted.data.catalog
    assert fitted.fit.held_out is not None
    before = int(catalog.in_split("train").sum())
    np.testing.assert_array_equal(fitted.probabilities["val"], expit(fitted.fit.held_out[before:]))
    seen = fitted.detector.probabilities(fitted.data.of("val"))
    truth = catalog.matrix[catalog.in_split("val")]
    brier = [np.mean((given - truth) ** 2) for given in (seen, fitted.probabilities["val"])]
    assert brier[0] < brier[1]


def test_groups_are_left_out_together(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from longtailor.training import auto

    given = []

    def deal(matrix, group, folds):  # type: ignore[no-untyped-def]
        given.append(group)
        return [np.arange(len(matrix))[start::folds] for start in range(folds)]

    monkeypatch.setattr(auto, "deal_folds", deal)
    options = FitOptions(objective="auto")
    data = embed_catalog(Catalog.read(shop), options)
    catalog = data.catalog
    catalog.group[:] = [f"g{row}" for row in range(len(catalog))]
    fit_embedded(data, options)
    expected = [catalog.group[catalog.in_split(split)] for split in ("train", "val")]
    np.testing.assert_array_equal(given[0], np.concatenate(expected))


def test_a_damaged_detector_is_refused(fitted: Fitted, tmp_path: Path) -> None:
    fitted.detector.save(tmp_path)
    path = tmp_path / "detector.json"
    described = json.loads(path.read_text())
    for damage in ({"competing": [[0, 999]]}, {}, None):
        path.write_text(json.dumps({**described, "blended": damage}))
        with pytest.raises(LongtailorError, match="damaged"):
            longtailor.Detector.load(tmp_path)


def test_after_a_fine_tuning_it_needs_val_to_choose_by() -> None:
    options = FitOptions(objective="auto", finetune=FineTuning())
    assert before_tuning(options).objective == "none"
    assert before_tuning(FitOptions(objective="auto")).objective == "auto"
    with pytest.raises(UsageError, match="another --objective"):
        before_tuning(replace(options, precision=0.9))


def test_where_train_was_seen_val_alone_is_left_out(shop: Path) -> None:
    options = FitOptions(objective="auto")
    data = embed_catalog(Catalog.read(shop), options)
    _, fit = fit_detector(data, options, train_was_seen=True)
    assert fit.held_out is not None
    before = int(data.catalog.in_split("train").sum())
    assert np.isnan(fit.held_out[:before]).all()
    assert np.isfinite(fit.held_out[before:]).all()
    assert 0 < fit.chosen.val_map <= 1


def test_studies_take_it_beside_objectives(shop: Path) -> None:
    catalog = Catalog.read(shop)
    check_objectives(["none", "auto"])
    check_parts(["none", "auto"], catalog.matrix, catalog.space)
    with pytest.raises(UsageError, match="give it once"):
        check_objectives(["auto", " auto"])
    with pytest.raises(UsageError):
        check_objectives(["auto:beta=1"])


def test_it_exports_as_plain_tensor_algebra(fitted: Fitted) -> None:
    classifier = fitted.detector.classifier
    inputs = torch.from_numpy(fitted.data.embeddings[:4])
    exported = torch.export.export(classifier, (inputs,)).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(inputs), classifier(inputs))


def test_it_is_what_is_fitted_where_nothing_is_asked_for(shop: Path) -> None:
    assert longtailor.fit(Catalog.read(shop)).objective["name"] == "auto"
    assert default_objective() == "auto"
    assert default_objective(FineTuning()) == "none"
