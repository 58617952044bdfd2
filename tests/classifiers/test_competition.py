from __future__ import annotations

import pytest
import torch

from longtailor.classifiers import compete


@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0])
def test_the_sigmoid_is_the_softmax_within_a_group(scale):
    logits = scale * torch.randn(40, 7, generator=torch.Generator().manual_seed(0))
    groups = [[0, 2, 5], [1, 6]]
    before = logits.clone()
    result = compete(logits, groups)
    for columns in groups:
        torch.testing.assert_close(
            result[:, columns].sigmoid(), logits[:, columns].softmax(dim=1), atol=1e-6, rtol=1e-4
        )
    torch.testing.assert_close(result[:, [3, 4]], before[:, [3, 4]], atol=0, rtol=0)
    torch.testing.assert_close(logits, before, atol=0, rtol=0)


def test_huge_logits():
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, -1e4]])
    result = compete(logits, [[0, 1, 2]])
    assert result.isfinite().all()
    torch.testing.assert_close(result.sigmoid(), logits.softmax(dim=1))
    # Far out the logit still tells how far: here a float32 sigmoid would not.
    assert result[0].tolist() == [1e4, -2e4, -1e4]


def test_without_groups_or_products_nothing_changes():
    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(compete(logits, []), logits)
    assert compete(torch.zeros(0, 4), [[0, 1]]).shape == (0, 4)
