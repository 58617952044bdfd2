"""Re-balanced weighting, the weighting part of the distribution-balanced loss.

Wu et al. 2020, Distribution-balanced loss for multi-label classification in long-tailed datasets,
arXiv:2007.09654, equations 3 to 6. The constructor defaults of the authors' code are permuted;
these are the values of their configurations for COCO, and timm's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from longtailor.objectives.parameters import Parameter
from longtailor.objectives.weightings.base import CellWeighting


class DistributionBalanced(CellWeighting):
    """Weigh a cell by how much too often its product is seen, were labels sampled evenly.

    A row's known positives alone say how often it is seen. A row without one has no such number:
    its cells weigh the most, 1 + map_alpha, as in timm; the paper leaves it open.

    When to use it: products with several labels of very different frequency, trained end to end.

    When not: most products have one label or none: all weights are then nearly the same.
    """

    name = "distribution_balanced"
    title = "Distribution-balanced"
    formula = (
        "w = map_alpha + sigmoid(map_beta (r - map_mu)),  "
        "r = (1 / n+) / sum over the row's positives of 1 / n+"
    )
    source = "Wu et al. 2020, arXiv:2007.09654"
    accepts = (
        Parameter("map_alpha", 0.1, "least weight", 0, 100),
        Parameter("map_beta", 10.0, "steepness", 0, 1000),
        Parameter("map_mu", 0.2, "ratio that weighs 0.5 + map_alpha", -100, 100),
    )

    map_alpha: float
    map_beta: float
    map_mu: float
    inverse: Tensor | None

    def __init__(self, reading: str | None, **settings: float) -> None:
        super().__init__(reading, **settings)
        self.register_buffer("inverse", None, persistent=False)

    def set_statistics(self, positives: Tensor, known: Tensor) -> None:
        """Derive 1 / n+; a label without a positive counts as having one."""
        self.inverse = (1 / positives.clamp(min=1)).float()

    def cells(self, targets: Tensor) -> Tensor:
        """Give the weight of each cell of targets of shape (batch, labels), -1 unknown."""
        inverse = torch.as_tensor(self.inverse).to(targets)
        # Not a matrix product: autocast would make that one a product of bfloat16.
        row = (targets.clamp(min=0) * inverse).sum(dim=1, keepdim=True)
        row = row.clamp(min=torch.finfo(targets.dtype).tiny)
        # One division a row; it overflows where there is no positive, and the weight is the most.
        steep = inverse * (self.map_beta / row)
        return steep.sub_(self.map_beta * self.map_mu).sigmoid_().add_(self.map_alpha)
