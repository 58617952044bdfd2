"""Weights and gradients in the form that other libraries take."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from longtailor.errors import UsageError
from longtailor.objectives import kernel
from longtailor.objectives.losses.bce import BinaryCrossEntropy
from longtailor.objectives.objective import Objective

Array = npt.NDArray[np.float64]

LONGEST_STEP = 100.0
"""No Newton step from `gradient_and_hessian` is longer, in units of the logit."""

STEP = 1e-4


def bce_arguments(objective: Objective) -> dict[str, Tensor]:
    """Give the arguments that make PyTorch's `BCEWithLogitsLoss` weigh as the objective does.

    Parameters
    ----------
    objective : Objective
        Binary cross-entropy with any weighting of labels.

    Returns
    -------
    dict
        `pos_weight`, w+ / w- of each label, and `weight`, w- of each label, both of shape
        (labels,). Training with `pos_weight` alone weighs labels against one another otherwise.

    Raises
    ------
    UsageError
        If the objective is more than that, or was built without statistics.
    """
    positive, negative = _weights(objective)
    if not isinstance(objective.loss, BinaryCrossEntropy):
        raise UsageError(f"{objective.name} is more than a weighted binary cross-entropy")
    return {"pos_weight": positive / negative, "weight": negative.clone()}


def class_weight(objective: Objective) -> list[dict[int, float]]:
    """Give scikit-learn's `class_weight` of each label's classifier, `{0: w-, 1: w+}`.

    The list as a whole is what scikit-learn's multi-output trees take.

    Raises
    ------
    UsageError
        If the weights are not by label.
    """
    positive, negative = _weights(objective)
    pairs = zip(negative.tolist(), positive.tolist(), strict=True)
    return [{0: low, 1: high} for low, high in pairs]


def sample_weight(objective: Objective, targets: npt.ArrayLike) -> Array:
    """Give scikit-learn's `sample_weight`, one column a label.

    Parameters
    ----------
    objective : Objective
        With any weighting. Its loss is not looked at.
    targets : array_like, shape (products, labels)
        1 positive, 0 negative, -1 or NaN unknown; soft targets weigh in between.

    Returns
    -------
    ndarray of float64, shape (products, labels)
        0 where unknown, so that a classifier can be fitted to all products.
    """
    cells = torch.as_tensor(np.asarray(targets), dtype=torch.float64)
    kernel.check_targets(cells)
    known = cells >= 0
    share = cells.masked_fill(~known, 0.0)
    weight = objective.cell_weight(cells.masked_fill(~known, -1.0))
    if weight is None:
        positive, negative = (weights.double() for weights in _weights(objective))
        weight = negative + share * (positive - negative)
    return weight.masked_fill(~known, 0.0).numpy()


def gradient_and_hessian(
    objective: Objective, logits: npt.ArrayLike, targets: npt.ArrayLike
) -> tuple[Array, Array]:
    """Give what gradient-boosted trees ask of an objective: its derivatives cell by cell.

    Parameters
    ----------
    objective : Objective
        An elementwise one.
    logits, targets : array_like, shape (products, labels)

    Returns
    -------
    gradient, hessian : ndarray of float64, shape (products, labels)
        0 where unknown. Where the loss bends the wrong way, or hardly at all, the Hessian is
        raised so that no Newton step exceeds `LONGEST_STEP`.

    Raises
    ------
    UsageError
        If the objective is not elementwise.
    """
    z = torch.as_tensor(np.asarray(logits), dtype=torch.float64)
    t = torch.as_tensor(np.asarray(targets), dtype=torch.float64)
    _, gradient = objective.unreduced_with_slopes(z, t)
    _, above = objective.unreduced_with_slopes(z + STEP, t)
    _, below = objective.unreduced_with_slopes(z - STEP, t)
    hessian = torch.maximum((above - below) / (2 * STEP), gradient.abs() / LONGEST_STEP)
    return gradient.numpy(), hessian.numpy()


def _weights(objective: Objective) -> tuple[Tensor, Tensor]:
    if objective.positive_weight is None or objective.negative_weight is None:
        raise UsageError(f"{objective.name} has no weights by label")
    return objective.positive_weight, objective.negative_weight
