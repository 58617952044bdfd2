"""Limited-memory BFGS for linear models, many columns at once.

Nocedal & Wright, "Numerical Optimization", 2nd ed., algorithms 7.4 and 7.5, with three
things that linear models allow:

- each column (label) is a problem of its own with its own history and step length, and all share
  two matrix products an iteration;
- a step changes the logits linearly, so that trying a shorter one costs no matrix product;
- columns that have converged take no part in the matrix products of the rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Loss = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Logits (products, labels) -> loss of each column (labels,) in float64, and the gradient of the
sum of the losses with respect to the logits (products, labels)."""

Precondition = Callable[[Tensor], Tensor]
"""A gradient (features, labels) -> about what the inverse Hessian makes of it; linear, symmetric
and positive definite in each column."""

SUFFICIENT_DECREASE = 1e-4
SHORTEST_STEP = 1e-8


@dataclass(frozen=True)
class Minimum:
    """Where the minimiser stopped.

    Attributes
    ----------
    parameters : Tensor, shape (features, labels)
    iterations : int
    converged : Tensor of bool, shape (labels,)
    """

    parameters: Tensor
    iterations: int
    converged: Tensor


def minimize(
    features: Tensor,
    loss: Loss,
    penalty: Tensor,
    start: Tensor,
    precondition: Precondition,
    *,
    joint: bool = False,
    history: int = 10,
    max_iterations: int = 200,
    tolerance: float = 1e-4,
) -> Minimum:
    """Minimise, for each column c, loss_c(features @ w_c) + sum_j penalty_j w_jc^2 / 2.

    Parameters
    ----------
    features : Tensor of float32, shape (products, features)
    loss : callable
        See `Loss`.
    penalty : Tensor, shape (features, 1)
        Strength of the L2 penalty on each feature; 0 for an intercept.
    start : Tensor, shape (features, labels)
        Where to start.
    precondition : callable
        See `Precondition`.
    joint : bool
        Whether the columns depend on each other through the loss, and so form one problem.
    history : int
        Number of past steps that the Hessian is approximated from.
    max_iterations : int
        At most so many iterations.
    tolerance : float
        A column has converged when the decrease that its next step promises is below `tolerance`
        in units of the loss (a sum over products).

    Returns
    -------
    Minimum
    """
    inner = _joint_inner if joint else _column_inner
    weights = start.clone()
    logits = features @ weights
    values, slope = loss(logits)
    objective = _reduce(values, joint) + _penalty(penalty, weights, joint)
    gradient = features.T @ slope + penalty * weights
    steps: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=history)
    scale = torch.ones_like(objective)
    converged = torch.zeros_like(objective, dtype=torch.bool)
    iteration = 0
    for iteration in range(1, max_iterations + 1):  # noqa: B007
        direction = -_apply_inverse(gradient, steps, precondition, scale, inner)
        descent = inner(gradient, direction)
        uphill = descent >= 0
        if uphill.any():
            direction = torch.where(uphill, -precondition(gradient), direction)
            descent = inner(gradient, direction)
        converged |= -descent / 2 <= tolerance
        if converged.all():
            break
        active = (~converged).expand(start.shape[1]).nonzero().squeeze(1)
        along = _spread(features @ direction[:, active], active, logits)
        length, values, slope, objective = _search(
            loss,
            logits,
            along,
            weights,
            direction,
            penalty,
            objective,
            descent,
            (~converged).to(weights.dtype),
            joint,
        )
        step = length * direction
        weights = weights + step
        logits = logits + length * along
        fresh = features.T @ slope[:, active] + penalty * weights[:, active]
        change = _spread(fresh - gradient[:, active], active, gradient)
        gradient = gradient + change
        product = inner(step, change)
        usable = product > 1e-10 * inner(step, step).sqrt() * inner(change, change).sqrt()
        inverse = torch.where(usable, 1 / product, 0.0).to(weights.dtype)
        steps.append((step, change, inverse))
        ratio = product / inner(change, precondition(change))
        scale = torch.where(usable, ratio, scale.to(ratio.dtype))
        if not (length > 0).any():
            break
    return Minimum(weights, iteration, converged.expand(start.shape[1]).clone())


def _search(
    loss: Loss,
    logits: Tensor,
    along: Tensor,
    weights: Tensor,
    direction: Tensor,
    penalty: Tensor,
    objective: Tensor,
    descent: Tensor,
    moves: Tensor,
    joint: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Find, for each column, a step length that lowers its objective sufficiently (Armijo)."""
    linear = (penalty * weights * direction).sum(dim=0, dtype=torch.float64)
    quadratic = (penalty * direction * direction).sum(dim=0, dtype=torch.float64)
    if joint:
        linear, quadratic = linear.sum().reshape(1), quadratic.sum().reshape(1)
    base = _penalty(penalty, weights, joint)
    length = moves
    while True:
        values, slope = loss(logits + length * along)
        wide = length.double()
        value = _reduce(values, joint) + base + wide * linear + wide**2 / 2 * quadratic
        # Rounding of the loss in single precision must not look like an increase.
        slack = 1e-7 * objective.abs()
        enough = value <= objective + SUFFICIENT_DECREASE * wide * descent + slack
        enough |= length == 0
        if enough.all():
            return length, values, slope, value
        parabola = -descent * wide**2 / (2 * (value - objective - descent * wide))
        shorter = torch.nan_to_num(parabola, nan=0.0).clamp(0.1 * wide, 0.5 * wide)
        shorter = torch.where(shorter < SHORTEST_STEP, 0.0, shorter)
        length = torch.where(enough, length, shorter.to(length.dtype))


def _apply_inverse(
    gradient: Tensor,
    steps: deque[tuple[Tensor, Tensor, Tensor]],
    precondition: Precondition,
    scale: Tensor,
    inner: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Multiply the gradient by the inverse Hessian's approximation (two-loop recursion)."""
    result = gradient
    shares: list[Tensor] = []
    for step, change, inverse in reversed(steps):
        share = inverse * inner(step, result).to(inverse.dtype)
        result = result - share * change
        shares.append(share)
    result = scale.to(result.dtype) * precondition(result)
    for (step, change, inverse), share in zip(steps, reversed(shares), strict=True):
        result = result + (share - inverse * inner(change, result).to(inverse.dtype)) * step
    return result


def _spread(columns: Tensor, at: Tensor, like: Tensor) -> Tensor:
    """Lay columns out where they belong, zeros elsewhere."""
    if len(at) == like.shape[1]:
        return columns
    return torch.zeros_like(like).index_copy_(1, at, columns)


def _column_inner(left: Tensor, right: Tensor) -> Tensor:
    return (left * right).sum(dim=0).double()


def _joint_inner(left: Tensor, right: Tensor) -> Tensor:
    return _column_inner(left, right).sum().reshape(1)


def _reduce(values: Tensor, joint: bool) -> Tensor:
    return values.sum().reshape(1) if joint else values


def _penalty(penalty: Tensor, weights: Tensor, joint: bool) -> Tensor:
    return _reduce((penalty * weights * weights).sum(dim=0, dtype=torch.float64) / 2, joint)
