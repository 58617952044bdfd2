"""Logits from distances to landmarks."""

from __future__ import annotations

from torch import Tensor


def laplace_kernel(left: Tensor, right: Tensor, width: float | Tensor) -> Tensor:
    """Give exp(-|a - b| / width) for each pair of rows.

    Parameters
    ----------
    left : Tensor, shape (n, dim)
    right : Tensor, shape (m, dim)
    width : float or Tensor of shape ()

    Returns
    -------
    Tensor, shape (n, m)
        In (0, 1].
    """
    squares = left.square().sum(dim=1)[:, None] + right.square().sum(dim=1)
    return (squares - 2 * left @ right.T).clamp(min=0.0).sqrt().div(width).neg().exp()
