"""Inverse frequency.

Balancing: King and Zeng 2001, Logistic regression in rare events data; scikit-learn's
`class_weight="balanced"`. Label: one over the share of known products that have the label, as in
Wu et al. 2020 (arXiv:2007.09654, its re-weighting baseline), scaled to a mean of 1 as timm does.
"""

from __future__ import annotations

from torch import Tensor

from longtailor.objectives.weightings.base import Weighting


class InverseFrequency(Weighting):
    """Weigh by one over the frequency."""

    name = "inverse_frequency"
    formula = "balancing: w+ = N / 2n+, w- = N / 2n-;  label: w proportional to N / n+"
    source = "King and Zeng 2001; scikit-learn class_weight='balanced'"

    def rarity(self, count: Tensor, known: Tensor) -> Tensor:
        """Give known / count."""
        return known / count
