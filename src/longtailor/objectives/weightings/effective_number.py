"""The effective number of samples.

Cui et al. 2019, Class-balanced loss based on effective number of samples, arXiv:1901.05555.
Balancing is this project's reading of the abstract of arXiv:2305.04379: beta -> 0 is the
non-weighted objective, beta -> 1 inverse frequency. Label is Cui's own weight, scaled to a mean of
1 as there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from longtailor.objectives.parameters import Parameter
from longtailor.objectives.weightings.base import Weighting


class EffectiveNumber(Weighting):
    """Weigh by one over the effective number of samples.

    E(n) grows like n for few samples and levels off at 1 / (1 - beta), so that beyond that many
    samples a label is no longer held down for being frequent.

    When to use it: decisions at 0.5 must find rare labels; `beta=auto` in `longtailor fit` chooses
    how strongly on the validation split.

    When not: probabilities are read without their correction.
    """

    name = "effective_number"
    title = "Effective number of samples"
    formula = (
        "balancing: w+ = s / E(n+), w- = s / E(n-), n+ w+ + n- w- = N;  "
        "label: w proportional to 1 / E(n+);  E(n) = (1 - beta^n) / (1 - beta)"
    )
    source = "Cui et al. 2019, arXiv:1901.05555; balancing: our reading of arXiv:2305.04379"
    accepts = (
        Parameter(
            "beta",
            0.999,
            "0: no weighting, near 1: inverse frequency",
            0,
            1,
            open_high=True,
            auto=True,
        ),
    )

    beta: float

    def rarity(self, count: Tensor, known: Tensor) -> Tensor:
        """Give 1 / E(count)."""
        if self.beta == 0:
            return torch.ones_like(count)
        # expm1 keeps the digits that 1 - beta^n loses where beta is close to 1.
        return (self.beta - 1) / torch.expm1(count * math.log(self.beta))
