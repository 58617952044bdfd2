"""Inverse square root of the frequency.

Mahajan et al. 2018, Exploring the limits of weakly supervised pretraining, arXiv:1805.00932, where
it sets how often hashtags are sampled; as loss weights in Wu et al. 2020, arXiv:2007.09654.
"""

from __future__ import annotations

from torch import Tensor

from longtailor.objectives.weightings.base import Weighting


class InverseSquareRoot(Weighting):
    """Weigh by one over the square root of the frequency.

    When to use it: a compromise between no weighting and inverse frequency, without a parameter.

    When not: beta of `effective_number` can be chosen on a validation split.
    """

    name = "inverse_sqrt"
    title = "Inverse square root"
    formula = (
        "balancing: w+ = s / sqrt(n+), w- = s / sqrt(n-), n+ w+ + n- w- = N;  "
        "label: w proportional to sqrt(N / n+)"
    )
    source = "Mahajan et al. 2018, arXiv:1805.00932"

    def rarity(self, count: Tensor, known: Tensor) -> Tensor:
        """Give sqrt(known / count)."""
        return (known / count).sqrt()
