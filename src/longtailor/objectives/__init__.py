"""Losses, weightings, maskings and reductions that combine. Depends on torch and labels alone.

`build` makes an objective by name, `build_for` one for each attribute; it is an `nn.Module` called
with `(logits, targets)`.
"""

from longtailor.objectives.build import build, build_from_matrix
from longtailor.objectives.by_attribute import (
    AnyObjective,
    ObjectiveByAttribute,
    build_for,
    is_by_attribute,
)
from longtailor.objectives.convert import (
    bce_arguments,
    class_weight,
    gradient_and_hessian,
    sample_weight,
)
from longtailor.objectives.describe import describe, family, weights_table
from longtailor.objectives.family import names
from longtailor.objectives.names import parse
from longtailor.objectives.objective import Objective

__all__ = [
    "AnyObjective",
    "Objective",
    "ObjectiveByAttribute",
    "bce_arguments",
    "build",
    "build_for",
    "build_from_matrix",
    "class_weight",
    "describe",
    "family",
    "gradient_and_hessian",
    "is_by_attribute",
    "names",
    "parse",
    "sample_weight",
    "weights_table",
]
