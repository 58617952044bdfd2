"""Hill loss.

Zhang et al. 2021, Simple and robust loss design for multi-label learning with missing labels,
arXiv:2112.07368, equations 7 and 9.
"""

from __future__ import annotations

from torch import Tensor

from longtailor.objectives.losses.base import Curve, ElementwiseLoss
from longtailor.objectives.losses.curves import focused, sigmoid
from longtailor.objectives.parameters import Parameter

MARGIN_SETTINGS = (
    Parameter("margin", 1.0, "logit margin asked of positives", 0, 100),
    Parameter("gamma", 2.0, "focus on hard positives", 0, 100),
)


class Hill(ElementwiseLoss):
    """A loss for negatives that falls again for those that look like positives.

    When to use it: `labels` columns in which absence only means that nobody tagged it, so that
    part of the negatives are missed positives.

    When not: where negatives were checked.
    """

    name = "hill"
    title = "Hill loss"
    formula = "-y (1 - q)^gamma log q + (1 - y) (lamb - p) p^2,  q = sigmoid(z - margin)"
    source = "Zhang et al. 2021, arXiv:2112.07368"
    accepts = (
        Parameter("lamb", 1.5, "where the loss of a negative turns (lambda)", 1.5, 100),
        *MARGIN_SETTINGS,
    )

    lamb: float
    margin: float
    gamma: float

    def positive(self, logits: Tensor) -> Curve:
        """Give the focal loss of a positive at the logit less the margin."""
        return focused(logits - self.margin, self.gamma, positive=True)

    def negative(self, logits: Tensor) -> Curve:
        """Give (lamb - p) p^2."""
        p = sigmoid(logits)
        square = p * p
        slope = (2 * self.lamb - 3 * p).mul_(square).mul_(1 - p)
        return square.mul_(self.lamb - p), slope
