"""Logits of values that compete within an attribute."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def compete(logits: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
    """Turn softmax logits into the logits whose sigmoid is the softmax probability.

    For each column c of a group: log(p_c / (1 - p_c)) with p the softmax over the group. Columns
    outside the groups stay as they are.

    Parameters
    ----------
    logits : Tensor, shape (products, labels)
    groups : sequence of sequences of int
        The columns of each attribute that was trained with a softmax.
    """
    result = logits.clone()
    for columns in groups:
        at = torch.as_tensor(columns)
        # Only differences count, and near 0 they lose nothing to rounding.
        values = logits[:, at] - logits[:, at].amax(dim=1, keepdim=True)
        others = values.unsqueeze(1).expand(-1, len(at), -1)
        own = torch.eye(len(at), dtype=torch.bool)
        result[:, at] = values - others.masked_fill(own, -torch.inf).logsumexp(dim=2)
    return result
