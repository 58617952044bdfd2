"""One loss a file."""

from longtailor.objectives.losses.base import ElementwiseLoss, Loss
from longtailor.objectives.losses.bce import BinaryCrossEntropy

LOSSES: dict[str, type[Loss]] = {loss.name: loss for loss in (BinaryCrossEntropy,)}

__all__ = ["LOSSES", "ElementwiseLoss", "Loss"]
