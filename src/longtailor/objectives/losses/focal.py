"""Focal loss.

Lin et al. 2017, Focal loss for dense object detection, arXiv:1708.02002, equation 5. The paper
and torchvision agree.
"""

from __future__ import annotations

from torch import Tensor

from longtailor.objectives.losses.base import Curve, ElementwiseLoss
from longtailor.objectives.losses.curves import focused
from longtailor.objectives.parameters import Parameter


class Focal(ElementwiseLoss):
    """Cross-entropy that counts cells the less, the better they are already predicted.

    When to use it: many easy negatives and a network trained end to end.

    When not: when its raw sigmoid is read as a probability: focusing pulls it towards 0.5
    (`Objective.probabilities` undoes that).
    """

    name = "focal"
    title = "Focal loss"
    formula = "-[alpha y (1 - p)^gamma log p + (1 - alpha) (1 - y) p^gamma log(1 - p)]"
    source = "Lin et al. 2017, arXiv:1708.02002"
    accepts = (
        Parameter("gamma", 2.0, "focus on hard cells; 0: none", 0, 100),
        Parameter(
            "alpha", 0.25, "weight of positives, 1 - alpha of negatives", 0, 1, optional=True
        ),
    )

    gamma: float
    alpha: float | None

    def positive(self, logits: Tensor) -> Curve:
        """Give -alpha (1 - p)^gamma log p."""
        scale = 1.0 if self.alpha is None else self.alpha
        return focused(logits, self.gamma, positive=True, scale=scale)

    def negative(self, logits: Tensor) -> Curve:
        """Give -(1 - alpha) p^gamma log(1 - p)."""
        scale = 1.0 if self.alpha is None else 1 - self.alpha
        return focused(logits, self.gamma, positive=False, scale=scale)
