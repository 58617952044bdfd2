"""Inverse frequency.

Balancing: King and Zeng 2001, Logistic regression in rare events data; scikit-learn's
`class_weight="balanced"`. Label: one over the share of the known products that have the label, as
the re-weighting baseline of Wu et al. 2020, arXiv:2007.09654, scaled to a mean of 1 as timm does.
"""

from __future__ import annotations

from torch import Tensor

from longtailor.objectives.weightings.base import Weighting


class InverseFrequency(Weighting):
    """Weigh by one over the frequency: a label's positives weigh as much as its negatives.

    When to use it: decisions at 0.5 must find rare labels, and labels have tens of positives.

    When not: labels with a handful of positives; each becomes as heavy as hundreds of negatives.
    `effective_number`, `inverse_sqrt` and `cap=` are milder.
    """

    name = "inverse_frequency"
    title = "Inverse frequency"
    formula = "balancing: w+ = N / 2n+, w- = N / 2n-;  label: w proportional to N / n+"
    source = "King and Zeng 2001; scikit-learn's class_weight='balanced'"

    def rarity(self, count: Tensor, known: Tensor) -> Tensor:
        """Give known / count."""
        return known / count
