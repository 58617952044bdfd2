from __future__ import annotations

import numpy as np
import pytest

from longtailor.detector import Detector
from longtailor.evaluation.calibration import expected_calibration_error
from longtailor.labels import LabelSpace, LabelStatistics
from longtailor.training import fit_classifier

LABELS = LabelSpace(["a:x", "b:x", "c:x"])


@pytest.fixture(scope="module")
def world():
    """Embeddings, and labels drawn from known probabilities: common, rare and rarer."""
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(12_000, 8)).astype(np.float32)
    directions = random.normal(size=(8, 3))
    logits = embeddings @ directions + np.array([0.0, -3.0, -4.5])
    matrix = (random.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.int8)
    return embeddings, matrix


@pytest.mark.parametrize(
    "objective",
    [
        "none",
        "inverse_frequency",
        "effective_number:beta=0.9999",
        "inverse_frequency:cap=5",
        "logit_adjusted",
        "focal",
        "asl",
        "focal+effective_number:beta=0.9999",
    ],
)
def test_the_detector_takes_away_what_the_objective_added(world, objective):
    embeddings, matrix = world
    train, val, test = slice(0, 6000), slice(6000, 8000), slice(8000, None)
    fit = fit_classifier(
        embeddings[train], matrix[train], embeddings[val], matrix[val], LABELS, objective
    )
    counts = LabelStatistics.from_matrix(matrix[train])
    shift = fit.objective.correction()
    detector = Detector(
        LABELS,
        fit.classifier,
        np.full(3, 0.5),
        {},
        {
            "specification": fit.specification,
            "positives": counts.positive.tolist(),
            "known": counts.known.tolist(),
        },
        None if shift is None else shift.double().numpy(),
    )
    corrected = detector.probabilities(embeddings[test], corrected=True)
    raw = detector.probabilities(embeddings[test])
    assert expected_calibration_error(corrected, matrix[test]) < 0.02
    np.testing.assert_allclose(corrected.mean(axis=0), matrix[test].mean(axis=0), atol=0.015)
    if objective != "none":
        assert expected_calibration_error(raw, matrix[test]) > 0.03
    order = np.argsort(raw, axis=0, kind="stable")
    assert (np.diff(np.take_along_axis(corrected, order, axis=0), axis=0) >= -1e-9).all()
