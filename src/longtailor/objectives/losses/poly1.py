"""Poly-1 loss.

Leng et al. 2022, PolyLoss: a polynomial expansion perspective of classification loss functions,
arXiv:2204.12511, equations 5 and 7 in sigmoid form. timm's `PolyBinaryCrossEntropy` agrees.
"""

from __future__ import annotations

import torch
from torch import Tensor

from longtailor.objectives.losses.base import Curve, ElementwiseLoss
from longtailor.objectives.losses.curves import error, power
from longtailor.objectives.parameters import Parameter


class Poly1(ElementwiseLoss):
    """Cross-entropy (or focal loss) with the first term of its expansion strengthened.

    When to use it: as a mild change of cross-entropy, one parameter to tune.

    When not: as a remedy for rare labels; it does not know how rare a label is.
    """

    name = "poly1"
    title = "Poly-1 loss"
    formula = "e^gamma [-log(1 - e)] + epsilon e^(gamma + 1),  e = 1 - p if y = 1 else p"
    source = "Leng et al. 2022, arXiv:2204.12511"
    accepts = (
        Parameter("epsilon", 2.0, "weight of the first term; 0: none", -1, 100),
        Parameter("gamma", 0.0, "focus on hard cells; 0: none", 0, 100),
    )

    epsilon: float
    gamma: float

    def positive(self, logits: Tensor) -> Curve:
        """Give the loss of a positive."""
        return self._curve(logits, positive=True)

    def negative(self, logits: Tensor) -> Curve:
        """Give the loss of a negative."""
        return self._curve(logits, positive=False)

    def _curve(self, logits: Tensor, *, positive: bool) -> Curve:
        mistake, entropy = error(logits, positive=positive)
        rest = 1 - mistake
        slope = torch.addcmul(mistake, mistake, rest, value=self.epsilon * (self.gamma + 1))
        loss = torch.add(entropy, mistake, alpha=self.epsilon)
        if self.gamma:
            focus = power(mistake, self.gamma)
            loss.mul_(focus)
            slope.add_(rest.mul_(entropy), alpha=self.gamma).mul_(focus)
        return loss, slope.neg_() if positive else slope
