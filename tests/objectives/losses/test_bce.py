from __future__ import annotations

import math

import torch

from longtailor.objectives import build


def naive(z: float, positive: bool, label: int) -> float:
    p = 1 / (1 + math.exp(-z))
    return -math.log(p) if positive else -math.log(1 - p)


def test_matches_the_formula(matches):
    matches("bce", naive)


def test_is_what_pytorch_has():
    torch.manual_seed(0)
    logits, targets = torch.randn(64, 7), torch.rand(64, 7)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
    torch.testing.assert_close(build("bce")(logits, targets), expected)


def test_positive_weights_are_pytorchs_pos_weight():
    torch.manual_seed(0)
    logits, targets = torch.randn(64, 3), (torch.rand(64, 3) < 0.3).float()
    objective = build("inverse_frequency", positives=[5, 50, 90], known=[100, 100, 100])
    ratio = objective.positive_weight / objective.negative_weight
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, targets, weight=objective.negative_weight, pos_weight=ratio
    )
    torch.testing.assert_close(objective(logits, targets), expected)


def test_is_timms():
    from timm.loss import BinaryCrossEntropy

    torch.manual_seed(0)
    logits, targets = torch.randn(64, 7), (torch.rand(64, 7) < 0.2).float()
    expected = BinaryCrossEntropy(smoothing=0)(logits, targets)
    torch.testing.assert_close(build("none")(logits, targets), expected)
