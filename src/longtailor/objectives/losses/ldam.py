"""Label-distribution-aware margins in sigmoid form.

Cao et al. 2019, Learning imbalanced datasets with label-distribution-aware margin loss,
arXiv:1906.07413, equations 11 to 13, for one label against its absence: the margin is asked of
positives. The paper's scale of 30 is for logits that are cosines; logits here are not, so it is 1.
Deferred re-weighting, the paper's other half, is `ldam+effective_number:reading=label,defer=..`.
"""

from __future__ import annotations

from torch import Tensor

from longtailor.objectives.losses.base import Curve, ElementwiseLoss
from longtailor.objectives.losses.curves import focused
from longtailor.objectives.parameters import Parameter


class LabelDistributionAwareMargin(ElementwiseLoss):
    """Cross-entropy that asks a margin of positives, the larger the rarer the label.

    When to use it: with a cosine classifier and `scale=30`, with deferred weights.

    When not: with a strongly regularised linear classifier: the margin only shifts the logits.
    """

    name = "ldam"
    title = "Label-distribution-aware margin loss"
    formula = "cross-entropy of scale (z - y margin),  margin = max_margin (min n+ / n+)^(1/4)"
    source = "Cao et al. 2019, arXiv:1906.07413"
    accepts = (
        Parameter("max_margin", 0.5, "margin of the rarest label", 0, 100),
        Parameter("scale", 1.0, "factor of the logits; 30 for cosines", 0, 1000, open_low=True),
    )
    needs_statistics = True

    max_margin: float
    scale: float

    def set_statistics(self, positives: Tensor, known: Tensor) -> None:
        """Derive the margin of each label; one without a positive counts as having one."""
        counts = positives.clamp(min=1)
        rarest = counts.min() if len(counts) else 1.0
        self.positive_shift = (-self.max_margin * (rarest / counts) ** 0.25).float()

    def positive(self, logits: Tensor) -> Curve:
        """Give the loss of a positive at the logit less its margin."""
        return self._scaled(logits, positive=True)

    def negative(self, logits: Tensor) -> Curve:
        """Give the loss of a negative."""
        return self._scaled(logits, positive=False)

    def _scaled(self, logits: Tensor, *, positive: bool) -> Curve:
        loss, slope = focused(logits, 0, positive=positive, steepness=self.scale)
        return loss, slope if self.scale == 1 else slope.mul_(self.scale)
