"""Logits from distances to landmarks."""

from __future__ import annotations

from torch import Tensor

SOFTENING = 0.002
"""Distances below about this are softened, in widths."""


def laplace_kernel(left: Tensor, right: Tensor, width: float | Tensor) -> Tensor:
    """Give exp(-distance / width) for each pair of rows.

    With s = `SOFTENING` times the width, the distance is sqrt(|a - b|^2 + s^2) - s: a product that
    is a landmark is at 0 from itself, and where it is within rounding of that, rounding does not
    show. (A root alone turns an error of 1e-7 in the square into one of 3e-4.) The kernel stays
    positive definite: the softened distance is a Bernstein function of the square, as the root is.

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
    squares = (squares - 2 * left @ right.T).clamp(min=0.0)
    soft = SOFTENING * width
    distances = (squares + soft**2).sqrt() - soft
    return distances.div(width).neg().exp()
