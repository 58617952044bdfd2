"""Zero-bounded log-sum-exp and pairwise rank-based loss.

Su et al. 2022, ZLPR: a novel loss for multi-label classification, arXiv:2208.02955, equation 12.
timm's `ZlprLoss` agrees. Unknown cells are in neither sum.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from longtailor.objectives.losses.base import SetLoss, Terms
from longtailor.objectives.losses.masked import masked_logsumexp


class ZeroBoundedRanking(SetLoss):
    """Softmax cross-entropy for several labels: positives above negatives, 0 between them.

    One term a row with a known cell. Targets above 0.5 are positives.

    When to use it: the best few labels of each product are what counts.

    When not: a score must be compared across products, or be a probability.
    """

    name = "zlpr"
    title = "Zero-bounded log-sum-exp and pairwise rank-based loss"
    formula = "log(1 + sum over negatives of exp(z)) + log(1 + sum over positives of exp(-z))"
    source = "Su et al. 2022, arXiv:2208.02955"

    def terms(self, logits: Tensor, targets: Tensor, weight: Tensor | None) -> list[Terms]:
        """Give one term a row."""
        positive, known = targets > 0.5, targets >= 0
        over = F.softplus(masked_logsumexp(logits, known & ~positive, 1))
        under = F.softplus(masked_logsumexp(-logits, positive, 1))
        return [(over + under, known.any(dim=1))]
