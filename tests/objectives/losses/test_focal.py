from __future__ import annotations

import math

import pytest
import torch

from longtailor.objectives import build


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 3.5, 4.0])
@pytest.mark.parametrize("alpha", [None, 0.25])
def test_matches_the_paper(matches, gamma, alpha):
    def naive(z: float, positive: bool, label: int) -> float:
        p = 1 / (1 + math.exp(-z))
        p_t, alpha_t = (p, alpha) if positive else (1 - p, None if alpha is None else 1 - alpha)
        return -(1.0 if alpha_t is None else alpha_t) * (1 - p_t) ** gamma * math.log(p_t)

    matches("focal", naive, gamma=gamma, alpha=alpha)


def test_is_torchvisions():
    from torchvision.ops import sigmoid_focal_loss

    torch.manual_seed(0)
    logits, targets = 3 * torch.randn(64, 7), (torch.rand(64, 7) < 0.2).float()
    expected = sigmoid_focal_loss(logits, targets, reduction="mean")
    torch.testing.assert_close(build("focal")(logits, targets), expected)
