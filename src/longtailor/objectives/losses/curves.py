"""The curve most losses are made of: cross-entropy times a power of the error."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from longtailor.objectives.losses.base import Curve


def error(logits: Tensor, *, positive: bool, steepness: float = 1.0) -> Curve:
    """Give the error of a cell, sigmoid(x), and its cross-entropy, log(1 + exp(x)).

    x is the logit times the steepness, negated for a positive.
    """
    x = turned(logits, positive, steepness)
    if not torch.compiler.is_compiling():
        return torch.sigmoid(x), F.softplus(x, threshold=40)
    small = decay(logits, steepness)
    return sigmoid(logits, positive=positive, steepness=steepness), log1p(small) + x.clamp(min=0)


def turned(logits: Tensor, positive: bool, steepness: float) -> Tensor:
    """Give the logit times the steepness, negated for a positive."""
    factor = -steepness if positive else steepness
    return logits if factor == 1 else logits * factor


def decay(logits: Tensor, steepness: float) -> Tensor:
    """Give exp(-|steepness z|).

    A compiler merges equal expressions: one exponential then serves the curves of positives and
    of negatives, and the square of it those of twice the steepness.
    """
    if steepness == 2:
        return torch.exp(-logits.abs()).square()
    return torch.exp(-(logits * steepness).abs())


def sigmoid(logits: Tensor, *, positive: bool = False, steepness: float = 1.0) -> Tensor:
    """Give the sigmoid of the logit times the steepness, negated if `positive`."""
    if not torch.compiler.is_compiling():
        return torch.sigmoid(turned(logits, positive, steepness))
    small = decay(logits, steepness)
    large_side = 1 / (1 + small)
    small_side = small * large_side
    above, below = (small_side, large_side) if positive else (large_side, small_side)
    return torch.where(logits >= 0, above, below)


def log1p(values: Tensor) -> Tensor:
    """Give log(1 + values), values above -1.

    Compiled, the plain logarithm is nearly twice as fast; it is off by no more than the spacing of
    numbers at 1, which is nothing beside the losses of other cells.
    """
    return torch.log(1 + values) if torch.compiler.is_compiling() else torch.log1p(values)


def log(values: Tensor) -> Tensor:
    """Give log(values); on a CPU without a compiler NumPy is more than twice as fast as PyTorch."""
    if torch.compiler.is_compiling() or values.device.type != "cpu":
        return torch.log(values)
    return torch.from_numpy(np.log(values.numpy()))


def power(base: Tensor, exponent: float) -> Tensor:
    """Give base ** exponent; `torch.pow` is slow but for a few exponents."""
    return base.square().square_() if exponent == 4 else base.pow(exponent)


def focused(
    logits: Tensor, gamma: float, *, positive: bool, scale: float = 1.0, steepness: float = 1.0
) -> Curve:
    """Give scale error^gamma cross-entropy, and its derivative by steepness times logit.

    With e = sigmoid(x) and c = log(1 + exp(x)) the derivative of e^gamma c by x is
    e^gamma (gamma (1 - e) c + e). Works in place where it can: each new buffer costs a pass over
    memory.
    """
    mistake, entropy = error(logits, positive=positive, steepness=steepness)
    if gamma == 0:
        slope = mistake
        focus: Tensor | float = scale
    else:
        focus = power(mistake, gamma).mul_(scale) if scale != 1 else power(mistake, gamma)
        remaining = torch.addcmul(entropy, entropy, mistake, value=-1)
        slope = mistake.add_(remaining, alpha=gamma)
    if gamma != 0 or scale != 1:
        entropy, slope = entropy.mul_(focus), slope.mul_(focus)
    return entropy, slope.neg_() if positive else slope
