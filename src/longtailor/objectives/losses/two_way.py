"""Two-way multi-label loss.

Kobayashi 2023, Two-way multi-label loss, CVPR 2023, equations 4 to 9. timm's `TwoWayLoss` agrees.
Unknown cells are in neither sum.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from longtailor.objectives.losses.base import SetLoss, Terms
from longtailor.objectives.losses.masked import masked_logsumexp
from longtailor.objectives.parameters import Parameter


class TwoWay(SetLoss):
    """Rank positives above negatives, among the labels of a row and among the rows of a label.

    One term a row and one a label, of those with a positive in the batch; the loss is the mean of
    the rows' terms plus the mean of the labels'. Targets above 0.5 are positives.

    When to use it: ranking products by a label counts, and batches are large enough to hold
    positives of rare labels.

    When not: small batches; where a score must be a probability.
    """

    name = "two_way"
    title = "Two-way multi-label loss"
    formula = (
        "softplus(Tn log sum over negatives of exp(z / Tn) + Tp log sum over positives of "
        "exp(-z / Tp)), over each row and over each label"
    )
    source = "Kobayashi 2023, Two-way multi-label loss, CVPR 2023"
    accepts = (
        Parameter("temperature_pos", 4.0, "softness among positives (Tp)", 0, 1000, open_low=True),
        Parameter("temperature_neg", 1.0, "softness among negatives (Tn)", 0, 1000, open_low=True),
    )

    temperature_pos: float
    temperature_neg: float

    def terms(self, logits: Tensor, targets: Tensor, weight: Tensor | None) -> list[Terms]:
        """Give one term a row, and one a label."""
        positive, negative = targets > 0.5, (targets >= 0) & (targets <= 0.5)
        up, down = self.temperature_pos, self.temperature_neg
        terms = []
        for dim in (1, 0):
            hardest_negative = masked_logsumexp(logits / down, negative, dim) * down
            hardest_positive = masked_logsumexp(-logits / up, positive, dim) * up
            terms.append((F.softplus(hardest_negative + hardest_positive), positive.any(dim=dim)))
        return terms
