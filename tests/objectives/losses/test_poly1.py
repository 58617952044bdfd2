from __future__ import annotations

import math

import pytest
import torch

from longtailor.objectives import build


@pytest.mark.parametrize(("epsilon", "gamma"), [(2, 0), (-1, 0), (1, 2), (0, 0)])
def test_matches_the_paper(matches, epsilon, gamma):
    def naive(z: float, positive: bool, label: int) -> float:
        p = 1 / (1 + math.exp(-z))
        p_t = p if positive else 1 - p
        focal = -((1 - p_t) ** gamma) * math.log(p_t)
        return focal + epsilon * (1 - p_t) ** (gamma + 1)

    matches("poly1", naive, epsilon=epsilon, gamma=gamma)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_is_timms(gamma):
    from timm.loss.poly_loss import PolyBinaryCrossEntropy

    torch.manual_seed(0)
    logits, targets = 3 * torch.randn(64, 7), (torch.rand(64, 7) < 0.2).float()
    expected = PolyBinaryCrossEntropy(gamma=gamma)(logits, targets)
    torch.testing.assert_close(build("poly1", gamma=gamma)(logits, targets), expected)
