from __future__ import annotations

import math

import pytest
import torch

from longtailor.objectives import build

POSITIVES, PRODUCTS = [6, 100, 500, 40], 1000


def test_matches_the_paper_and_leaves_unknown_cells_out():
    torch.manual_seed(0)
    logits = torch.randn(30, 4, dtype=torch.float64)
    targets = torch.randint(-1, 2, (30, 4)).double()
    targets[0] = torch.tensor([-1, -1, -1, 1])
    targets[1] = torch.tensor([0, 0, -1, 0])
    targets[2] = torch.tensor([1, torch.nan, 0, 1])
    objective = build("distribution_balanced", positives=POSITIVES, known=[PRODUCTS] * 4)
    plain = build("none").unreduced(logits, targets)
    weighted = objective.unreduced(logits, targets)
    assert objective.positive_weight is None
    for row in range(30):
        instance = sum(
            1 / n for n, y in zip(POSITIVES, targets[row].tolist(), strict=True) if y == 1
        )
        for label in range(4):
            ratio = (1 / POSITIVES[label]) / instance if instance else math.inf
            weight = 0.1 + 1 / (1 + math.exp(-10 * (ratio - 0.2)))
            expected = weight * plain[row, label].item()
            assert weighted[row, label].item() == pytest.approx(expected, rel=1e-5)


def test_db_is_timms():
    from timm.loss import DistributionBalancedLoss

    torch.manual_seed(0)
    targets = (torch.rand(64, 4) < 0.3).float()
    ours = (3 * torch.randn(64, 4)).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    loss = build("db", positives=POSITIVES, known=[PRODUCTS] * 4)(ours, targets)
    expected = DistributionBalancedLoss(POSITIVES, PRODUCTS)(theirs, targets)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_cap_holds_for_cells():
    logits, targets = torch.zeros(1, 4), torch.tensor([[1, 0, 0, 0]])
    counts = {"positives": POSITIVES, "known": [PRODUCTS] * 4}
    capped = build("distribution_balanced", cap=0.5, **counts).unreduced(logits, targets)
    free = build("distribution_balanced", **counts).unreduced(logits, targets)
    torch.testing.assert_close(capped, free.clamp(max=0.5 * math.log(2)))
