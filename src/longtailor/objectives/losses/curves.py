"""The curve most losses are made of: cross-entropy times a power of the error."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from longtailor.objectives.losses.base import Curve


def error(logits: Tensor, *, positive: bool) -> tuple[Tensor, Tensor]:
    """Give the error of a cell, sigmoid(x), and its cross-entropy, log(1 + exp(x)).

    x is -z for a positive and z for a negative.
    """
    if not torch.compiler.is_compiling():
        x = -logits if positive else logits
        return torch.sigmoid(x), F.softplus(x, threshold=40)
    # A compiler merges equal expressions: one exponential and one logarithm, of -|z|, serve the
    # curves of positives and of negatives.
    small = torch.exp(-logits.abs())
    large_side = 1 / (1 + small)
    sides = (small * large_side, large_side)
    above = logits >= 0
    excess = torch.clamp(-logits if positive else logits, min=0)
    return torch.where(above, *(sides if positive else sides[::-1])), torch.log1p(small) + excess


def power(base: Tensor, exponent: float) -> Tensor:
    """Give base ** exponent; `torch.pow` is slow but for a few exponents."""
    if exponent == 4:
        return base.square().square()
    return base.pow(exponent)


def focused(logits: Tensor, gamma: float, *, positive: bool) -> Curve:
    """Give error^gamma times cross-entropy, and its derivative by the logit.

    With e = sigmoid(x) and c = log(1 + exp(x)): the derivative of e^gamma c by x is
    e^gamma (gamma (1 - e) c + e).
    """
    mistake, entropy = error(logits, positive=positive)
    if gamma == 0:
        return entropy, -mistake if positive else mistake
    focus = power(mistake, gamma)
    slope = (torch.addcmul(entropy, entropy, mistake, value=-1) * gamma + mistake) * focus
    return focus * entropy, -slope if positive else slope
