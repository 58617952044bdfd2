from __future__ import annotations

import math

import pytest
import torch

from longtailor.objectives import build


def naive(correcting: bool):
    def cell(z: float, positive: bool, label: int) -> float:
        p = 1 / (1 + math.exp(-z))
        if positive or (correcting and p > 0.6):
            with_margin = 1 / (1 + math.exp(-(z - 1)))
            return -((1 - with_margin) ** 2) * math.log(with_margin)
        return -(p**2) * math.log(1 - p)

    return cell


@pytest.mark.parametrize("epoch", [0, 1, 5])
def test_matches_the_paper(matches, epoch):
    matches("splc", naive(correcting=epoch >= 1), epoch=epoch)


def test_start_is_the_epoch_that_corrects():
    logits, targets = torch.tensor([[3.0]]), torch.tensor([[0.0]])
    objective = build("splc", start=2)
    before = objective(logits, targets)
    objective.set_epoch(2)
    assert objective(logits, targets) < before / 10
    objective.set_epoch(1)
    assert objective(logits, targets) == before
