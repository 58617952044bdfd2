"""Losses, weightings, maskings and reductions that combine. Depends on torch and labels alone."""

from longtailor.objectives.build import build, build_from_matrix
from longtailor.objectives.family import names
from longtailor.objectives.names import parse
from longtailor.objectives.objective import Objective

__all__ = ["Objective", "build", "build_from_matrix", "names", "parse"]
