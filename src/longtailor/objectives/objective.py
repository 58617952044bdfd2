"""An objective: a loss, a weighting, a masking and a reduction, put together."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from longtailor.labels import LabelStatistics
from longtailor.objectives.losses import ElementwiseLoss, Loss
from longtailor.objectives.masking import Masking
from longtailor.objectives.reduction import reduce
from longtailor.objectives.weightings import Weighting


class Objective(nn.Module):
    """What training minimises. Made by `longtailor.objectives.build`.

    Attributes
    ----------
    name : str
        The canonical name, such as `asl+effective_number`.
    settings : dict
        Every parameter with its value, as JSON can hold them. (`parameters` is PyTorch's word for
        what is trained; an objective has none of those.)
    loss : Loss
    weighting : Weighting
    masking : Masking
    positive_weight, negative_weight : Tensor of shape (labels,) or None
        The weights in force; None for a weighting of cells, and where no statistics are known.
    """

    positive_weight: Tensor | None
    negative_weight: Tensor | None

    def __init__(
        self,
        name: str,
        settings: dict[str, Any],
        loss: Loss,
        weighting: Weighting,
        masking: Masking,
    ) -> None:
        super().__init__()
        self.name = name
        self.settings = settings
        self.loss = loss
        self.weighting = weighting
        self.masking = masking
        self.register_buffer("positive_weight", None)
        self.register_buffer("negative_weight", None)

    @property
    def elementwise(self) -> bool:
        """Whether the columns of labels are problems of their own."""
        return self.loss.elementwise

    def set_statistics(self, statistics: LabelStatistics) -> None:
        """Take the label statistics that weights, margins and priors come from."""
        positives = torch.from_numpy(statistics.positive).double()
        known = torch.from_numpy(statistics.known).double()
        self.loss.set_statistics(positives, known)
        self.masking.set_statistics(positives, known)
        positive, negative = self.weighting.weights(positives, known)
        self.positive_weight, self.negative_weight = positive.float(), negative.float()

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of a batch.

        Parameters
        ----------
        logits : Tensor of floats, shape (batch, labels)
        targets : Tensor, shape (batch, labels)
            1 positive, 0 negative, -1 or NaN unknown; between 0 and 1 for a soft target.

        Returns
        -------
        Tensor
            A scalar, unless the reduction is `none`.
        """
        loss = self.unreduced(logits, targets)
        return reduce(loss, (targets >= 0).sum(), self.settings["reduction"])

    def unreduced(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Give the weighted loss of each cell, shape (batch, labels), 0 where it is unknown."""
        loss = cast("ElementwiseLoss", self.loss)
        targets = self.masking(logits, targets.to(logits.dtype))
        known = targets >= 0
        targets = targets.masked_fill(~known, 0.0)
        positive, negative = loss.positive(logits)[0], loss.negative(logits)[0]
        if self.positive_weight is not None and self.negative_weight is not None:
            positive = positive * self.positive_weight.to(logits.dtype)
            negative = negative * self.negative_weight.to(logits.dtype)
        return torch.where(known, torch.lerp(negative, positive, targets), 0.0)

    def correction(self) -> Tensor | None:
        """Give what training with this objective adds to a label's optimal logit.

        Returns
        -------
        Tensor of shape (labels,) or None
            Subtract it from the logits, and their sigmoid is the probability in the world as it
            is, not as it was weighted. None where the shift is no constant.
        """
        shift = cast("ElementwiseLoss", self.loss).logit_shift()
        if shift is None or self.positive_weight is None or self.negative_weight is None:
            return None
        return shift.to(self.positive_weight) + torch.log(
            self.positive_weight / self.negative_weight
        )
