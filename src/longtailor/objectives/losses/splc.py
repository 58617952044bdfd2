"""Self-paced loss correction.

Zhang et al. 2021, Simple and robust loss design for multi-label learning with missing labels,
arXiv:2112.07368, equation 11; threshold and first epoch as in the authors' code.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from longtailor.objectives.losses.base import Curve, ElementwiseLoss
from longtailor.objectives.losses.curves import focused
from longtailor.objectives.losses.hill import MARGIN_SETTINGS
from longtailor.objectives.parameters import Parameter


class SelfPacedCorrection(ElementwiseLoss):
    """Focal loss that takes a negative for a missed positive once the model is sure of it.

    Call `Objective.set_epoch` as each epoch begins: before `start` nothing is corrected.

    When to use it: as Hill, and the model is trained for several epochs.

    When not: with a full-batch solver, or where negatives were checked: the loss jumps at the
    threshold.
    """

    name = "splc"
    title = "Self-paced loss correction"
    formula = (
        "positive: -(1 - q)^gamma log q, q = sigmoid(z - margin);  negative: -p^gamma log(1 - p), "
        "or as a positive where p > threshold, from epoch start on"
    )
    source = "Zhang et al. 2021, arXiv:2112.07368"
    accepts = (
        Parameter("threshold", 0.6, "a negative above this probability is a positive", 0, 1),
        Parameter("start", 1, "the epoch, from 0, at which correcting begins", 0, whole=True),
        *MARGIN_SETTINGS,
    )
    invertible = False

    threshold: float
    start: int
    margin: float
    gamma: float
    correcting: Tensor

    def __init__(self, **settings: float) -> None:
        super().__init__(**settings)
        self.register_buffer("correcting", torch.tensor(self.start == 0), persistent=False)

    def set_epoch(self, epoch: int) -> None:
        """Correct from the epoch `start` on."""
        self.correcting.fill_(epoch >= self.start)

    def positive(self, logits: Tensor) -> Curve:
        """Give the focal loss of a positive at the logit less the margin."""
        return focused(logits - self.margin, self.gamma, positive=True)

    def negative(self, logits: Tensor) -> Curve:
        """Give the focal loss of a negative, or of a positive where it looks like one."""
        loss, slope = focused(logits, self.gamma, positive=False)
        if torch.compiler.is_compiling() or not logits.is_cpu:
            missed = (logits > self.cut) & self.correcting
            loss_missed, slope_missed = self.positive(logits)
            return torch.where(missed, loss_missed, loss), torch.where(missed, slope_missed, slope)
        if self.correcting:
            at = torch.from_numpy(np.flatnonzero(logits.numpy() > self.cut))
            loss_missed, slope_missed = self.positive(logits.view(-1).index_select(0, at))
            loss.view(-1).index_copy_(0, at, loss_missed)
            slope.view(-1).index_copy_(0, at, slope_missed)
        return loss, slope

    @property
    def cut(self) -> float:
        """The logit of the threshold."""
        if self.threshold in (0, 1):
            return math.inf if self.threshold else -math.inf
        return math.log(self.threshold / (1 - self.threshold))
