from __future__ import annotations

import pytest
import torch

from longtailor.training.deep.network import GentleRoot


def test_the_root_has_the_slope_of_the_square_root_and_is_bounded():
    values = torch.tensor([4.0, -0.25, 0.0, 1e-9], requires_grad=True)
    roots = GentleRoot.apply(values)
    assert roots.tolist() == pytest.approx([2.0, -0.5, 0.0, 1e-9**0.5])
    roots.sum().backward()
    # At the bound: 1 / (2 sqrt(0.001)).
    assert values.grad.tolist() == pytest.approx([0.25, 1.0, 15.811388, 15.811388])
