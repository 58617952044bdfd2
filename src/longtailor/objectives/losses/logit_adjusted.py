"""Logit adjustment in sigmoid form, also called balanced sigmoid.

Menon et al. 2021, Long-tail learning via logit adjustment, arXiv:2007.07314, equation 10, for one
label against its absence: the prior log-odds take the place of the log-priors.
"""

from __future__ import annotations

from torch import Tensor

from longtailor.objectives.losses.base import Curve, ElementwiseLoss, log_prior_odds
from longtailor.objectives.losses.curves import focused
from longtailor.objectives.parameters import Parameter


class LogitAdjusted(ElementwiseLoss):
    """Cross-entropy on logits to which the label's prior log-odds are added while training.

    When to use it: instead of inverse frequency when its large weights make training unstable:
    it asks for the same balanced decision at 0.5 and no cell weighs more than another.

    When not: when probabilities are read without their correction.
    """

    name = "logit_adjusted"
    title = "Logit-adjusted (balanced sigmoid) cross-entropy"
    formula = "cross-entropy of z + tau log(n+ / n-)"
    source = "Menon et al. 2021, arXiv:2007.07314"
    accepts = (Parameter("tau", 1.0, "how much of the prior; 0: none, 1: all", 0, 10),)
    needs_statistics = True

    tau: float

    def set_statistics(self, positives: Tensor, known: Tensor) -> None:
        """Derive the shift of each label."""
        shift = self.tau * log_prior_odds(positives, known)
        self.positive_shift = self.negative_shift = shift.float()

    def positive(self, logits: Tensor) -> Curve:
        """Give -log p of the adjusted logit."""
        return focused(logits, 0, positive=True)

    def negative(self, logits: Tensor) -> Curve:
        """Give -log(1 - p) of the adjusted logit."""
        return focused(logits, 0, positive=False)

    def logit_shift(self) -> Tensor | None:
        """Give -tau log(n+ / n-)."""
        return None if self.positive_shift is None else -self.positive_shift
