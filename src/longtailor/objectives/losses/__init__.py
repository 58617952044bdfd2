"""One loss a file."""

from longtailor.objectives.losses.asl import Asymmetric
from longtailor.objectives.losses.base import ElementwiseLoss, Loss, SetLoss
from longtailor.objectives.losses.bce import BinaryCrossEntropy
from longtailor.objectives.losses.focal import Focal
from longtailor.objectives.losses.hill import Hill
from longtailor.objectives.losses.ldam import LabelDistributionAwareMargin
from longtailor.objectives.losses.logit_adjusted import LogitAdjusted
from longtailor.objectives.losses.negative_tolerant import NegativeTolerant
from longtailor.objectives.losses.poly1 import Poly1
from longtailor.objectives.losses.softmax import Softmax
from longtailor.objectives.losses.splc import SelfPacedCorrection
from longtailor.objectives.losses.two_way import TwoWay
from longtailor.objectives.losses.zlpr import ZeroBoundedRanking

LOSSES: dict[str, type[Loss]] = {
    loss.name: loss
    for loss in (
        BinaryCrossEntropy,
        Focal,
        Asymmetric,
        Poly1,
        LogitAdjusted,
        LabelDistributionAwareMargin,
        NegativeTolerant,
        Hill,
        SelfPacedCorrection,
        ZeroBoundedRanking,
        TwoWay,
        Softmax,
    )
}

__all__ = ["LOSSES", "ElementwiseLoss", "Loss", "SetLoss", "Softmax"]
