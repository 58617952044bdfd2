"""Log-sum-exp over the cells that take part."""

from __future__ import annotations

import torch
from torch import Tensor


def masked_logsumexp(values: Tensor, taken: Tensor, dim: int) -> Tensor:
    """Give log of the sum of exp over the cells taken, -1e30 where none is.

    Finite throughout: the gradient of log-sum-exp over nothing but -inf would not be a number.
    """
    some = taken.any(dim=dim, keepdim=True)
    filled = values.masked_fill(~taken & some, -torch.inf)
    return filled.logsumexp(dim=dim).masked_fill(~some.squeeze(dim), -1e30)
