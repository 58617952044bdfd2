"""Negative-tolerant regularisation, the loss part of the distribution-balanced loss.

Wu et al. 2020, Distribution-balanced loss for multi-label classification in long-tailed datasets,
arXiv:2007.09654, equations 7 to 9, with the focal factor and its scale of 2 of the authors'
configurations, as in timm's `DistributionBalancedLoss`. The constructor defaults of the authors'
code are permuted; these are the values of their configurations for COCO.
"""

from __future__ import annotations

from torch import Tensor

from longtailor.objectives.losses.base import Curve, ElementwiseLoss, log_prior_odds
from longtailor.objectives.losses.curves import focused
from longtailor.objectives.parameters import Parameter


class NegativeTolerant(ElementwiseLoss):
    """Cross-entropy that stops pushing a negative down sooner than a positive up.

    When to use it: with the distribution-balanced weighting, as `db`.

    When not: on few labels, or where products have one label each.
    """

    name = "ntr"
    title = "Negative-tolerant regularisation"
    formula = (
        "x = z + init_bias log(n+ / n-) / neg_scale;  e = sigmoid(-x) if y = 1 else "
        "sigmoid(neg_scale x);  balance e^gamma [-y log sigmoid(x) + "
        "(1 - y) log(1 + exp(neg_scale x)) / neg_scale]"
    )
    source = "Wu et al. 2020, arXiv:2007.09654"
    accepts = (
        Parameter("neg_scale", 2.0, "steepness for negatives (lambda)", 0, 100, open_low=True),
        Parameter("init_bias", 0.05, "share of the prior in the logits (kappa)", 0, 10),
        Parameter("gamma", 2.0, "focus on hard cells; 0: none, and no balance", 0, 100),
        Parameter("balance", 2.0, "factor that makes up for the focus", 0, 100, open_low=True),
    )
    needs_statistics = True

    neg_scale: float
    init_bias: float
    gamma: float
    balance: float

    def set_statistics(self, positives: Tensor, known: Tensor) -> None:
        """Derive the bias of each label."""
        bias = log_prior_odds(positives, known) * (self.init_bias / self.neg_scale)
        self.positive_shift = self.negative_shift = bias.float()

    def positive(self, logits: Tensor) -> Curve:
        """Give the loss of a positive."""
        return focused(logits, self.gamma, positive=True, scale=self._balance)

    def negative(self, logits: Tensor) -> Curve:
        """Give the loss of a negative."""
        loss, slope = focused(
            logits, self.gamma, positive=False, scale=self._balance, steepness=self.neg_scale
        )
        return loss.mul_(1 / self.neg_scale), slope

    @property
    def _balance(self) -> float:
        return self.balance if self.gamma else 1.0
