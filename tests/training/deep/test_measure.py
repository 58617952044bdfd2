from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import average_precision_score, f1_score

from longtailor.training.deep.measure import FIGURES, Validation


def test_figures_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    matrix = (random.random((60, 4)) < [0.5, 0.4, 0.2, 0.1]).astype(np.int8)
    logits = random.normal(size=(60, 4)) + 2 * matrix - 1
    bands = np.array(["head", "head", "tail", "tail"])
    figures = Validation(matrix, bands, []).figures(torch.from_numpy(logits))
    ap = average_precision_score(matrix, logits, average=None)
    f1 = f1_score(matrix, logits >= 0, average=None)
    assert set(figures) == set(FIGURES)
    assert figures["map"] == pytest.approx(ap.mean())
    assert figures["map_head"] == pytest.approx(ap[:2].mean())
    assert figures["map_tail"] == pytest.approx(ap[2:].mean())
    assert figures["map_medium"] is None
    assert figures["f1_macro_at_half"] == pytest.approx(f1.mean())


def test_values_of_an_attribute_compete():
    matrix = np.eye(3, dtype=np.int8)
    logits = torch.tensor([[5.0, 6.0, 0.0], [9.0, 12.0, 0.0], [1.0, 1.5, 3.0]])
    alone = Validation(matrix, np.array(["head"] * 3), []).figures(logits)
    together = Validation(matrix, np.array(["head"] * 3), [[0, 1, 2]]).figures(logits)
    probabilities = torch.softmax(logits, 1).numpy()
    expected = average_precision_score(matrix, probabilities, average=None).mean()
    assert together["map"] == pytest.approx(expected)
    assert alone["map"] == pytest.approx(
        average_precision_score(matrix, expit(logits.numpy()), average=None).mean()
    )
    assert together["map"] > alone["map"]
