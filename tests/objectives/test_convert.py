from __future__ import annotations

import numpy as np
import pytest
import torch

from longtailor.errors import UsageError
from longtailor.objectives import (
    bce_arguments,
    build,
    class_weight,
    gradient_and_hessian,
    sample_weight,
)

COUNTS = {"positives": [5, 50], "known": [100, 80]}


@pytest.mark.parametrize("reading", ["balancing", "label"])
def test_bce_arguments_make_pytorchs_loss_the_same(reading):
    torch.manual_seed(0)
    logits, targets = torch.randn(32, 2), (torch.rand(32, 2) < 0.4).float()
    objective = build("effective_number", reading=reading, **COUNTS)
    theirs = torch.nn.BCEWithLogitsLoss(**bce_arguments(objective))
    torch.testing.assert_close(objective(logits, targets), theirs(logits, targets))


def test_pos_weight_of_inverse_frequency_is_timms_neg_pos():
    from timm.loss.class_weights import compute_class_weights

    kind, expected = compute_class_weights([5, 50], 100, method="neg_pos")
    assert kind == "pos_weight"
    objective = build("inverse_frequency", positives=[5, 50], known=[100, 100])
    torch.testing.assert_close(bce_arguments(objective)["pos_weight"], expected)


def test_class_weight_is_scikit_learns():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    y = (x[:, 0] + rng.normal(size=300) > 1.5).astype(int)
    objective = build("inverse_frequency", positives=[y.sum()], known=[300])
    ours = LogisticRegression(class_weight=class_weight(objective)[0]).fit(x, y)
    theirs = LogisticRegression(class_weight="balanced").fit(x, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4)


def test_sample_weight_is_the_weight_of_each_cell():
    targets = np.array([[1, 0], [0, -1], [np.nan, 1], [0.25, 0]])
    for name in ("effective_number", "distribution_balanced"):
        objective = build(name, **COUNTS)
        weight = sample_weight(objective, targets)
        assert (weight[np.isnan(targets) | (targets == -1)] == 0).all()
        hard = torch.from_numpy(np.where(targets == 0.25, 0, targets))
        cells = objective.unreduced(torch.zeros(4, 2, dtype=torch.float64), hard)
        np.testing.assert_allclose(
            sample_weight(objective, hard) * np.log(2), cells.numpy(), rtol=1e-6
        )


def test_gradient_and_hessian_of_cross_entropy():
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(40, 2)), rng.integers(-1, 2, size=(40, 2))
    objective = build("inverse_frequency", **COUNTS)
    gradient, hessian = gradient_and_hessian(objective, logits, targets)
    p = 1 / (1 + np.exp(-logits))
    weight = sample_weight(objective, targets)
    np.testing.assert_allclose(gradient, weight * (p - targets), atol=1e-6)
    np.testing.assert_allclose(hessian, weight * p * (1 - p), rtol=1e-5, atol=1e-6)


def test_newton_steps_are_bounded_where_the_loss_is_not_convex():
    logits = np.linspace(-20, 20, 201)[:, None]
    for target in (0, 1):
        gradient, hessian = gradient_and_hessian(build("asl"), logits, np.full((201, 1), target))
        assert (hessian >= 0).all()
        assert (np.abs(gradient) <= 100 * hessian + 1e-12).all()


def test_refuses_what_has_no_such_form():
    with pytest.raises(UsageError, match="no weights by label"):
        class_weight(build("db", **COUNTS))
    with pytest.raises(UsageError, match="more than a weighted"):
        bce_arguments(build("asl+effective_number", **COUNTS))
    with pytest.raises(UsageError, match="no derivative cell by cell"):
        gradient_and_hessian(build("zlpr"), [[0.0]], [[1]])
    with pytest.raises(UsageError, match="target 3 in row 0, column 1"):
        sample_weight(build("inverse_sqrt", **COUNTS), [[1, 3]])
