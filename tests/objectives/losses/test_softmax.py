from __future__ import annotations

import math

import pytest
import torch

from longtailor.errors import UsageError
from longtailor.objectives import build

POSITIVES, KNOWN = [10, 60, 30, 5, 20], [100, 100, 100, 50, 80]
GROUPS = [[0, 2, 1]]


def objective(name: str = "softmax", **parameters):
    return build(name, positives=POSITIVES, known=KNOWN, groups=GROUPS, **parameters)


@pytest.fixture
def cells():
    torch.manual_seed(0)
    logits = 3 * torch.randn(30, 5, dtype=torch.float64)
    targets = torch.zeros(30, 5, dtype=torch.float64)
    targets[torch.arange(30), torch.randint(0, 3, (30,))] = 1
    targets[:, 3:] = torch.randint(-1, 2, (30, 2)).double()
    targets[0, :3] = -1
    return logits, targets


def test_is_cross_entropy_within_and_binary_outside(cells):
    logits, targets = cells
    terms = objective().unreduced(logits, targets)
    assert terms.shape == (30, 3)
    within = torch.nn.functional.cross_entropy(
        logits[1:, :3], targets[1:, :3].argmax(1), reduction="none"
    )
    torch.testing.assert_close(terms[1:, 0], within)
    assert terms[0, 0] == 0
    outside = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[:, 3:], targets[:, 3:].clamp(min=0), reduction="none"
    )
    torch.testing.assert_close(terms[:, 1:], outside * (targets[:, 3:] >= 0))
    known = 29 + (targets[:, 3:] >= 0).sum()
    torch.testing.assert_close(objective()(logits, targets), terms.sum() / known)


def test_logit_adjusted_adds_the_log_prior(cells):
    logits, targets = cells
    prior = torch.tensor([0.1, 0.6, 0.3, 5 / 45, 20 / 60], dtype=torch.float64).log()
    adjusted = objective(tau=1).unreduced(logits, targets)
    by_hand = objective().unreduced(logits + prior, targets)
    torch.testing.assert_close(adjusted, by_hand, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(objective(tau=1).correction().double(), -prior, rtol=1e-6, atol=1e-6)


def test_weights_labels(cells):
    logits, targets = cells
    weighted = objective("softmax+inverse_frequency")
    assert weighted.settings["reading"] == "label"
    plain, terms = objective().unreduced(logits, targets), weighted.unreduced(logits, targets)
    for row in range(1, 30):
        value = int(targets[row, :3].argmax())
        ratio = weighted.positive_weight[value].item()
        assert terms[row, 0].item() == pytest.approx(plain[row, 0].item() * ratio, rel=1e-5)


def test_leaves_unknown_cells_out(cells):
    logits, targets = cells
    targets[1, :3] = torch.tensor([1, -1, 0])
    leaf = logits.requires_grad_()
    chosen = objective()
    assert torch.autograd.gradcheck(lambda z: chosen(z, targets), leaf)
    (gradient,) = torch.autograd.grad(chosen(leaf, targets), leaf)
    assert (gradient[targets == -1] == 0).all()
    z = logits[1].tolist()
    expected = math.log(math.exp(z[0]) + math.exp(z[2])) - z[0]
    assert chosen.unreduced(logits, targets)[1, 0].item() == pytest.approx(expected)


def test_probabilities_sum_to_one_within():
    logits = torch.randn(8, 5)
    probabilities = objective().probabilities(logits)
    torch.testing.assert_close(probabilities[:, :3], logits[:, :3].softmax(1))
    torch.testing.assert_close(probabilities[:, 3:], logits[:, 3:].sigmoid())


def test_without_an_exclusive_attribute_it_is_binary_cross_entropy():
    logits = torch.randn(4, 5)
    targets = torch.randint(-1, 2, (4, 5))
    alone = build("softmax", positives=POSITIVES, known=KNOWN, groups=[])
    binary = build("bce", positives=POSITIVES, known=KNOWN)
    torch.testing.assert_close(alone(logits, targets), binary(logits, targets))


@pytest.mark.parametrize(
    ("groups", "named"),
    [
        (None, "groups"),
        ([[0]], "two or more"),
        ([[0, 9]], "0 to 4"),
        ([[0, 1], [1, 2]], "already"),
    ],
)
def test_refuses_groups_that_are_none(groups, named):
    with pytest.raises(UsageError, match=named):
        build("softmax", positives=POSITIVES, known=KNOWN, groups=groups)
