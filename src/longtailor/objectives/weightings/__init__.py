"""One weighting a file."""

from longtailor.objectives.weightings.base import Weighting
from longtailor.objectives.weightings.effective_number import EffectiveNumber
from longtailor.objectives.weightings.inverse_frequency import InverseFrequency
from longtailor.objectives.weightings.none import NoWeighting

WEIGHTINGS: dict[str, type[Weighting]] = {
    weighting.name: weighting for weighting in (NoWeighting, InverseFrequency, EffectiveNumber)
}

__all__ = ["WEIGHTINGS", "Weighting"]
