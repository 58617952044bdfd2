"""Binary cross-entropy of each label, the loss of logistic regression.

Cox 1958, The regression analysis of binary sequences. As `torch.nn.BCEWithLogitsLoss`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from longtailor.objectives.losses.base import Curve, ElementwiseLoss
from longtailor.objectives.losses.curves import focused


class BinaryCrossEntropy(ElementwiseLoss):
    """Binary cross-entropy, the proper loss that every other is compared with.

    When to use it: first, always. Its probabilities are calibrated, its ranking is hard to beat
    where the classifier is linear.

    When not: when a decision at 0.5 must find rare labels; add a weighting, or choose thresholds.
    """

    name = "bce"
    title = "Binary cross-entropy"
    formula = "-[y log p + (1 - y) log(1 - p)],  p = sigmoid(z)"
    source = "Cox 1958, The regression analysis of binary sequences"

    def positive(self, logits: Tensor) -> Curve:
        """Give -log p."""
        return focused(logits, 0, positive=True)

    def negative(self, logits: Tensor) -> Curve:
        """Give -log(1 - p)."""
        return focused(logits, 0, positive=False)

    def logit_shift(self) -> Tensor:
        """Give 0: the optimum is the true log-odds."""
        return torch.zeros(())
