"""No weighting: each known cell counts the same."""

from __future__ import annotations

import torch
from torch import Tensor

from longtailor.objectives.weightings.base import Weighting


class NoWeighting(Weighting):
    """Weigh every known cell 1.

    When to use it: as the baseline, and whenever probabilities or ranking are what counts.

    When not: decisions at 0.5 must find rare labels.
    """

    name = "none"
    title = "Non-weighted"
    formula = "w+ = w- = 1"
    source = "the baseline"
    readings = ()
    needs_statistics = False

    def rarity(self, count: Tensor, known: Tensor) -> Tensor:
        """Give 1."""
        return torch.ones_like(count)
