"""No weighting: each known cell counts the same."""

from __future__ import annotations

import torch
from torch import Tensor

from longtailor.objectives.weightings.base import Weighting


class NoWeighting(Weighting):
    """Weigh every known cell 1."""

    name = "none"
    formula = "w+ = w- = 1"
    source = "the non-weighted baseline"
    needs_statistics = False

    def rarity(self, count: Tensor, known: Tensor) -> Tensor:
        """Give 1."""
        return torch.ones_like(count)
