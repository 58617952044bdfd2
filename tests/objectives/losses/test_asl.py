from __future__ import annotations

import math

import pytest
import torch

from longtailor.objectives import build


@pytest.mark.parametrize(
    ("gamma_neg", "gamma_pos", "margin"),
    [(4, 0, 0.05), (4, 1, 0.05), (2, 1, 0), (0, 0, 0.1), (0.5, 0.5, 0.2), (1, 0, 0.05)],
)
def test_matches_the_paper(matches, gamma_neg, gamma_pos, margin):
    def naive(z: float, positive: bool, label: int) -> float:
        p = 1 / (1 + math.exp(-z))
        shifted = max(p - margin, 0)
        if positive:
            return -((1 - p) ** gamma_pos) * math.log(p)
        return -(shifted**gamma_neg) * math.log(1 - shifted)

    matches("asl", naive, gamma_neg=gamma_neg, gamma_pos=gamma_pos, margin=margin)


def test_defaults_are_the_papers():
    settings = build("asl").settings
    assert (settings["gamma_neg"], settings["gamma_pos"], settings["margin"]) == (4, 0, 0.05)


def test_is_timms_for_hard_targets():
    from timm.loss import AsymmetricLossMultiLabel

    torch.manual_seed(0)
    targets = (torch.rand(64, 7) < 0.2).float()
    ours, theirs = (3 * torch.randn(64, 7)).requires_grad_(), None
    theirs = ours.detach().clone().requires_grad_()
    loss = build("asl", gamma_pos=1)(ours, targets)
    expected = AsymmetricLossMultiLabel(reduction="mean")(theirs, targets)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-8)
