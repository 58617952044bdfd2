"""Median frequency balancing.

Eigen and Fergus 2015, Predicting depth, surface normals and semantic labels with a common
multi-scale convolutional architecture, arXiv:1411.4734, section 6.3.2.
"""

from __future__ import annotations

from torch import Tensor

from longtailor.objectives.losses.base import LABEL
from longtailor.objectives.weightings.base import Weighting


class MedianFrequency(Weighting):
    """Weigh a label by the median frequency over its own, as published: the median label weighs 1.

    Up to that scale it is `inverse_frequency:reading=label`, whose known cells weigh 1 on average;
    here the average depends on the catalogue. Between a label's positives and negatives it would
    be inverse frequency itself, so that reading is refused.

    When to use it: to compare with work that did.

    When not: learning rates must be comparable with other objectives.
    """

    name = "median_frequency"
    title = "Median frequency"
    formula = "label: w = median(f) / f,  f = n+ / N"
    source = "Eigen and Fergus 2015, arXiv:1411.4734"
    readings = (LABEL,)

    def label(self, positives: Tensor, known: Tensor) -> Tensor:
        """Give the median frequency over the frequency; one without a positive counts as one."""
        frequency = positives.clamp(min=1) / known.clamp(min=1)
        return frequency.quantile(0.5) / frequency if len(frequency) else frequency
