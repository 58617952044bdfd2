from __future__ import annotations

import math

import pytest
import torch

from longtailor.objectives import build


def naive_terms(logits, targets, tp, tn):
    terms = []
    for z, y in zip(logits.tolist(), targets.tolist(), strict=True):
        if 1 not in y:
            continue
        negatives = sum(math.exp(a / tn) for a, b in zip(z, y, strict=True) if b == 0)
        positives = sum(math.exp(-a / tp) for a, b in zip(z, y, strict=True) if b == 1)
        hardest = tn * math.log(negatives) + tp * math.log(positives) if negatives else -math.inf
        terms.append(math.log1p(math.exp(hardest)))
    return sum(terms) / len(terms)


@pytest.mark.parametrize(("tp", "tn"), [(4, 1), (1, 2)])
def test_matches_the_paper_and_leaves_unknown_cells_out(tp, tn):
    torch.manual_seed(0)
    logits = 3 * torch.randn(20, 6, dtype=torch.float64)
    targets = torch.randint(-1, 2, (20, 6)).double()
    targets[3], targets[4], targets[5], targets[:, 2], targets[:, 3] = -1, 0, 1, 0, -1
    expected = naive_terms(logits, targets, tp, tn) + naive_terms(logits.T, targets.T, tp, tn)
    objective = build("two_way", temperature_pos=tp, temperature_neg=tn)
    leaf = logits.requires_grad_()
    loss = objective(leaf, targets)
    assert loss.item() == pytest.approx(expected)
    assert torch.autograd.gradcheck(lambda z: objective(z, targets), leaf)
    (gradient,) = torch.autograd.grad(loss, leaf)
    assert (gradient[targets == -1] == 0).all()


def test_is_timms():
    from timm.loss import TwoWayLoss

    torch.manual_seed(0)
    logits, targets = 3 * torch.randn(64, 7), (torch.rand(64, 7) < 0.2).float()
    targets[0], targets[:, 1] = 0, 0
    torch.testing.assert_close(build("two_way")(logits, targets), TwoWayLoss()(logits, targets))
