"""One weighting a file."""

from longtailor.objectives.weightings.base import CellWeighting, Weighting
from longtailor.objectives.weightings.distribution_balanced import DistributionBalanced
from longtailor.objectives.weightings.effective_number import EffectiveNumber
from longtailor.objectives.weightings.inverse_frequency import InverseFrequency
from longtailor.objectives.weightings.inverse_sqrt import InverseSquareRoot
from longtailor.objectives.weightings.median_frequency import MedianFrequency
from longtailor.objectives.weightings.none import NoWeighting

WEIGHTINGS: dict[str, type[Weighting]] = {
    weighting.name: weighting
    for weighting in (
        NoWeighting,
        InverseFrequency,
        InverseSquareRoot,
        MedianFrequency,
        EffectiveNumber,
        DistributionBalanced,
    )
}

__all__ = ["WEIGHTINGS", "CellWeighting", "NoWeighting", "Weighting"]
