"""Binary cross-entropy of each label, the loss of logistic regression."""

from __future__ import annotations

import torch
from torch import Tensor

from longtailor.objectives.losses.base import Curve, ElementwiseLoss, softplus


class BinaryCrossEntropy(ElementwiseLoss):
    """Binary cross-entropy: the proper loss that every other is compared with."""

    name = "bce"
    formula = "-[y log p + (1 - y) log(1 - p)],  p = sigmoid(z)"
    source = "Cox 1958, The regression analysis of binary sequences"

    def positive(self, logits: Tensor) -> Curve:
        """Give -log p and p - 1."""
        return softplus(-logits), -torch.sigmoid(-logits)

    def negative(self, logits: Tensor) -> Curve:
        """Give -log(1 - p) and p."""
        return softplus(logits), torch.sigmoid(logits)

    def logit_shift(self) -> Tensor:
        """Give 0: the optimum is the true log-odds."""
        return torch.zeros(())
