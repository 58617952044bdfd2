"""Fit a linear classifier to all labels at once."""

from __future__ import annotations

import torch
from torch import Tensor

from longtailor.labels import POSITIVE, UNKNOWN
from longtailor.objectives import AnyObjective
from longtailor.training.design import Design
from longtailor.training.lbfgs import Loss, Minimum, minimize


def fit_linear(
    design: Design,
    targets: Tensor,
    objective: AnyObjective,
    penalty: float,
    start: Tensor | None = None,
    *,
    max_iterations: int = 200,
    tolerance: float = 1e-2,
) -> Minimum:
    """Minimise the objective, summed over the known cells, plus an L2 penalty on the weights.

    For each label c: sum_i loss_ic + penalty * |w_c|^2 / 2, the intercept free. The loss is summed
    and not averaged, so that a label with few known cells is held back as much as its prior says
    (`penalty` is the inverse of scikit-learn's `C`, on embeddings whose mean squared length is 1).

    Parameters
    ----------
    design : Design
        Training embeddings.
    targets : Tensor of float32, shape (products, labels)
        1 positive, 0 negative, -1 unknown.
    objective : Objective or ObjectiveByAttribute
        What to minimise; its reduction is not used.
    penalty : float
        Strength of the L2 penalty, above 0.
    start : Tensor, shape (dim + 1, labels), optional
        Where to start, such as the solution for a stronger penalty. Default: all weights 0 and
        each label's smoothed share of positives.
    max_iterations, tolerance
        See `longtailor.training.lbfgs.minimize`.

    Returns
    -------
    Minimum
        Its parameters belong to the features of the design: see `Design.fold`.
    """
    products, features = design.features.shape

    def loss(logits: Tensor) -> tuple[Tensor, Tensor]:
        if objective.elementwise:
            cells, slope = objective.unreduced_with_slopes(logits, targets)
            return cells.sum(dim=0, dtype=torch.float64), slope
        with torch.enable_grad():
            leaf = logits.detach().requires_grad_()
            total = objective.unreduced(leaf, targets).sum(dtype=torch.float64)
            (slope,) = torch.autograd.grad(total, leaf)
        return total.detach().expand(leaf.shape[1]) / leaf.shape[1], slope

    if start is None:
        start = torch.zeros(features, targets.shape[1])
        start[-1] = _prior_logits(targets)
    strengths = torch.full((features, 1), penalty)
    strengths[-1] = 0.0
    curvature = _curvature(loss, start[-1].expand(products, -1))
    stiffness = design.variances[:, None] * curvature + penalty

    def precondition(gradient: Tensor) -> Tensor:
        if design.axes is None:
            step = gradient[:-1] / stiffness
        else:
            # Off the axes no product varies, and only the penalty is stiff.
            along = design.axes.T @ gradient[:-1]
            step = gradient[:-1] / penalty + design.axes @ (along / stiffness - along / penalty)
        return torch.cat([step, gradient[-1:] / curvature])

    return minimize(
        design.features,
        loss,
        strengths,
        start,
        precondition,
        joint=not objective.elementwise,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )


def _prior_logits(targets: Tensor) -> Tensor:
    positive = (targets == POSITIVE).sum(dim=0) + 0.5
    known = (targets != UNKNOWN).sum(dim=0) + 1.0
    shares: Tensor = positive / known
    return shares.logit()


def _curvature(loss: Loss, logits: Tensor, step: float = 0.1) -> Tensor:
    """Estimate the second derivative by each label's logits, summed over products.

    The logits are moved by random signs (Hutchinson 1990): losses that compare labels do not
    change when all logits rise together.
    """
    random = torch.Generator().manual_seed(0)
    move = step * (2.0 * torch.randint(0, 2, logits.shape, generator=random) - 1.0)
    rise = loss(logits + move)[1] - loss(logits - move)[1]
    return ((move * rise).sum(dim=0) / (2 * step**2)).clamp(min=1e-3)
