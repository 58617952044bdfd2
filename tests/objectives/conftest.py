"""Every elementwise loss is held to a loop over cells in float64, written from its paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from longtailor.objectives import build, kernel

POSITIVES = [6, 100, 500, 40, 3]
KNOWN = [1000, 800, 1000, 1000, 30]

Naive = Callable[[float, bool, int], float]


def batch(rows: int, share: float, seed: int, *, soft: bool = False) -> tuple[Tensor, Tensor]:
    """Draw logits and targets with this share of positives and a tenth of the cells unknown."""
    generator = torch.Generator().manual_seed(seed)
    shape = (rows, len(POSITIVES))
    logits = 4 * torch.randn(shape, generator=generator, dtype=torch.float64)
    targets = (torch.rand(shape, generator=generator) < share).double()
    if soft:
        targets = 0.8 * targets + 0.1
    targets[torch.rand(shape, generator=generator) < 0.1] = -1
    targets[0, 0] = torch.nan
    return logits, targets


@pytest.fixture
def matches() -> Callable[..., None]:
    """Check an objective's cells, mean, sum and gradient against a loop over cells."""

    def check(name: str, naive: Naive, epoch: int = 0, **parameters: Any) -> None:
        objective = build(name, positives=POSITIVES, known=KNOWN, **parameters)
        objective.set_epoch(epoch)
        for seed, (share, soft) in enumerate(((0.05, False), (0.6, False), (0.3, True))):
            logits, targets = batch(12, share, seed, soft=soft)
            cells = torch.zeros_like(logits)
            slopes = torch.zeros_like(logits)
            known = 0
            step = 1e-5
            for row, column in torch.cartesian_prod(torch.arange(12), torch.arange(5)).tolist():
                y = targets[row, column].item()
                if not y >= 0:
                    continue
                known += 1

                def cell(z: float, y: float = y, column: int = column) -> float:
                    return y * naive(z, True, column) + (1 - y) * naive(z, False, column)

                z = logits[row, column].item()
                cells[row, column] = cell(z)
                slopes[row, column] = (cell(z + step) - cell(z - step)) / (2 * step)

            close = {"rtol": 3e-6, "atol": 3e-7}
            torch.testing.assert_close(objective.unreduced(logits, targets), cells, **close)
            for compute in (
                lambda z, t: objective(z, t) * (t >= 0).sum(),
                lambda z, t: kernel.fused_sum(objective, z, t)[0],
                lambda z, t: objective.unreduced(z, t).sum(),
            ):
                leaf = logits.clone().requires_grad_()
                total = compute(leaf, targets)
                torch.testing.assert_close(total, cells.sum(), **close)
                (gradient,) = torch.autograd.grad(total, leaf)
                torch.testing.assert_close(gradient, slopes, rtol=1e-5, atol=1e-6)
            single = objective(logits.float(), targets.float())
            torch.testing.assert_close(single.double(), cells.sum() / known, rtol=1e-5, atol=1e-6)
            assert torch.autograd.gradcheck(
                lambda z, t=targets: objective(z, t), logits.clone().requires_grad_(), eps=1e-6
            )

    return check


@pytest.fixture
def counts() -> tuple[list[int], list[int]]:
    """The positive and known products of the labels that `matches` uses."""
    return POSITIVES, KNOWN
