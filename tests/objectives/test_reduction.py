from __future__ import annotations

import pytest
import torch

from longtailor.objectives import build

LABELS = [10, 100, 1000, 10_000]


def test_mean_sum_and_none():
    logits, targets = torch.randn(5, 3), torch.tensor([[1, 0, -1]] * 5)
    each = build("asl", reduction="none")(logits, targets)
    assert each.shape == (5, 3)
    torch.testing.assert_close(build("asl", reduction="sum")(logits, targets), each.sum())
    torch.testing.assert_close(build("asl")(logits, targets), each.sum() / 10)


def catalogue(shares: torch.Tensor, products: int = 256) -> torch.Tensor:
    """Draw targets of labels with these shares of positives, a fifth of the cells unknown."""
    generator = torch.Generator().manual_seed(0)
    shape = (products, len(shares))
    targets = (torch.rand(shape, generator=generator) < shares).float()
    targets[torch.rand(shape, generator=generator) < 0.2] = -1
    return targets


def push(name: str, targets: torch.Tensor) -> float:
    """Give the sum of the sizes of the gradient by the logits, at initialisation."""
    known = (targets >= 0).sum(0)
    objective = build(name, positives=(targets == 1).sum(0), known=known)
    logits = torch.zeros_like(targets, requires_grad=True)
    objective(logits, targets).backward()
    return logits.grad.abs().sum().item()


# Not db: its weights depend on how many positives a row has, which grows with the labels here.
@pytest.mark.parametrize(
    "name",
    [
        "none",
        "inverse_frequency",
        "effective_number",
        "focal",
        "asl",
        "poly1",
        "logit_adjusted",
        "ldam",
        "hill",
        "splc",
        "zlpr",
        "two_way",
    ],
)
def test_the_gradient_keeps_its_size_from_ten_labels_to_ten_thousand(name):
    tail = torch.tensor([0.3, 0.2, 0.1, 0.1, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02])
    sizes = [push(name, catalogue(tail.repeat(labels // 10))) for labels in LABELS]
    assert max(sizes) < 2 * min(sizes)


@pytest.mark.parametrize("labels", [10, 1000])
def test_the_gradient_keeps_its_size_between_weightings(labels):
    rank = torch.arange(1, labels + 1)
    targets = catalogue((4 / rank / (1 / rank).sum()).clamp(max=0.6))
    names = [
        "none",
        "inverse_frequency",
        "inverse_sqrt",
        "effective_number",
        "inverse_frequency:reading=label",
        "inverse_sqrt:reading=label",
        "effective_number:reading=label",
        "median_frequency",
        "distribution_balanced",
    ]
    sizes = {name: push(name, targets) for name in names}
    assert max(sizes.values()) < 2 * min(sizes.values()), sizes
