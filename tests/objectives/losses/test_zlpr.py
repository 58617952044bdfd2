from __future__ import annotations

import math

import torch

from longtailor.objectives import build


def test_matches_the_paper_and_leaves_unknown_cells_out():
    torch.manual_seed(0)
    logits = 3 * torch.randn(20, 6, dtype=torch.float64)
    targets = torch.randint(-1, 2, (20, 6)).double()
    targets[3], targets[4], targets[5] = -1, 0, 1
    expected = []
    for z, y in zip(logits.tolist(), targets.tolist(), strict=True):
        negatives = sum(math.exp(a) for a, b in zip(z, y, strict=True) if b == 0)
        positives = sum(math.exp(-a) for a, b in zip(z, y, strict=True) if b == 1)
        expected.append(math.log1p(negatives) + math.log1p(positives))
    objective = build("zlpr")
    terms = objective.unreduced(logits, targets)
    torch.testing.assert_close(terms, torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(objective(logits, targets), terms.sum() / 19)
    leaf = logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: objective(z, targets), leaf)
    (gradient,) = torch.autograd.grad(objective(leaf, targets), leaf)
    assert (gradient[targets == -1] == 0).all()
    assert (gradient[targets >= 0] != 0).all()


def test_is_timms():
    from timm.loss import ZlprLoss

    torch.manual_seed(0)
    logits, targets = 3 * torch.randn(64, 7), (torch.rand(64, 7) < 0.2).float()
    torch.testing.assert_close(build("zlpr")(logits, targets), ZlprLoss()(logits, targets))
