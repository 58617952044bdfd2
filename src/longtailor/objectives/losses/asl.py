"""Asymmetric loss.

Ridnik et al. 2021, Asymmetric loss for multi-label classification, arXiv:2009.14119, equations 4
to 7. The paper's gamma_pos is 0; the authors' code and timm default to 1: here the paper's. For a
soft target timm and the authors blend the exponents as well; here it has the expected loss. They
clamp probabilities to 1e-8 before the logarithm, which ends the loss of a positive at 18.4; here
it goes on.
"""

from __future__ import annotations

from torch import Tensor

from longtailor.objectives.losses.base import Curve, ElementwiseLoss
from longtailor.objectives.losses.curves import focused, log, power, sigmoid
from longtailor.objectives.parameters import Parameter


class Asymmetric(ElementwiseLoss):
    """Focal loss with a stronger focus on negatives, and none on the easiest of them.

    When to use it: end-to-end training with many labels, few positives a product and some missing
    labels: a negative below the margin, and one that is surely a mistake, pull little.

    When not: where calibrated probabilities are wanted without `Objective.probabilities`; below
    the margin nothing orders the negatives.
    """

    name = "asl"
    title = "Asymmetric loss"
    formula = (
        "-[y (1 - p)^gamma_pos log p + (1 - y) q^gamma_neg log(1 - q)],  q = max(p - margin, 0)"
    )
    source = "Ridnik et al. 2021, arXiv:2009.14119"
    accepts = (
        Parameter("gamma_neg", 4.0, "focus on hard negatives", 0, 100),
        Parameter("gamma_pos", 0.0, "focus on hard positives", 0, 100),
        Parameter("margin", 0.05, "negatives below this are done", 0, 1, open_high=True),
    )

    gamma_neg: float
    gamma_pos: float
    margin: float

    def positive(self, logits: Tensor) -> Curve:
        """Give -(1 - p)^gamma_pos log p."""
        return focused(logits, self.gamma_pos, positive=True)

    def negative(self, logits: Tensor) -> Curve:
        """Give -q^gamma_neg log(1 - q), q the probability beyond the margin."""
        gamma = self.gamma_neg
        if self.margin == 0:
            return focused(logits, gamma, positive=False)
        probability = sigmoid(logits)
        mistake = (probability - self.margin).clamp_(min=0)
        rest = 1 - mistake
        log_rest = log(rest)
        # Not 1 - p, which has lost its digits where the mistake is greatest.
        steepness = probability.mul_(sigmoid(logits, positive=True))
        if gamma == 0:
            return log_rest.neg_(), steepness.mul_(mistake > 0).div_(rest)
        # The derivative has one power less; where gamma < 1 that power has no value at 0.
        less = power(mistake if gamma >= 1 else mistake.clamp(min=1e-30), gamma - 1)
        slope = (mistake / rest).add_(log_rest, alpha=-gamma).mul_(less).mul_(steepness)
        return less.mul_(mistake).mul_(log_rest).neg_(), slope
