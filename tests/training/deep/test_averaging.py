from __future__ import annotations

import pytest
import torch

from longtailor.training.deep.averaging import Averaging


def test_forgets_faster_in_the_beginning():
    means = [torch.zeros(2), torch.zeros(3, 1)]
    now = [torch.ones(2), torch.full((3, 1), 2.0)]
    # After 0 steps the decay is 1 / 10, after 2 it is 3 / 12, and never above 0.5.
    Averaging(0.5)(means, now, torch.tensor(0))
    assert means[0].tolist() == pytest.approx([0.9, 0.9])
    Averaging(0.5)(means, now, torch.tensor(2))
    assert means[0].tolist() == pytest.approx([0.975, 0.975])
    Averaging(0.5)(means, now, torch.tensor(1000))
    assert means[0].tolist() == pytest.approx([0.9875, 0.9875])
    assert means[1].flatten().tolist() == pytest.approx([1.975] * 3)
