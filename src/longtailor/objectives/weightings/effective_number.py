"""The effective number of samples.

Cui et al. 2019, Class-balanced loss based on effective number of samples, arXiv:1901.05555.
Balancing is this project's reading of arXiv:2305.04379 (abstract): beta -> 0 is the non-weighted
objective, beta -> 1 is inverse frequency. Label is the paper's own weight, scaled to a mean of 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from longtailor.objectives.parameters import Parameter
from longtailor.objectives.weightings.base import Weighting


class EffectiveNumber(Weighting):
    """Weigh by one over the effective number of samples, E(n) = (1 - beta^n) / (1 - beta)."""

    name = "effective_number"
    formula = (
        "balancing: w+ = s / E(n+), w- = s / E(n-), n+ w+ + n- w- = N;  "
        "label: w proportional to 1 / E(n+);  E(n) = (1 - beta^n) / (1 - beta)"
    )
    source = "Cui et al. 2019, arXiv:1901.05555; the balancing reading: this project's"
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
        # expm1 keeps every digit where beta is close to 1 and beta^n is too.
        log_beta = torch.tensor(self.beta, dtype=torch.float64).log()
        return torch.expm1(log_beta) / torch.expm1(count * log_beta)
