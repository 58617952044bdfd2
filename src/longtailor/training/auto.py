"""The default recipe: two classifiers on all annotated products, averaged.

A linear logistic classifier and a ridge classifier with a Laplace kernel learn from train and val
together. Each chooses its penalty by cross-validation on all of them, so that no product is set
aside, and their scores of products that they did not see calibrate them and choose thresholds.
The logits are averaged; the values of an exclusive attribute compete, half. Figures, and what else
was tried: docs/what-we-tried.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from longtailor.classifiers import Block, LinearClassifier, compete
from longtailor.classifiers.blended import BlendedClassifier
from longtailor.errors import LongtailorError
from longtailor.evaluation.ranking import average_precision
from longtailor.labels import UNKNOWN, LabelMatrix, LabelSpace, LabelStatistics
from longtailor.objectives import Objective, build
from longtailor.training.design import Design
from longtailor.training.folds import deal_folds
from longtailor.training.kernel_ridge import KernelRidge, fit_kernel_ridge
from longtailor.training.linear import fit_linear
from longtailor.training.platt import platt

Floats = npt.NDArray[np.float64]

RECIPE = "auto"
"""How the recipe is asked for, in the place of an objective."""
FOLDS = 5
PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
"""Strengths of the L2 penalty of the linear classifier that are tried, the strongest first."""


@dataclass(frozen=True)
class LinearTrial:
    """One penalty of the linear classifier, and what its folds came to."""

    penalty: float
    iterations: int
    converged: bool
    held_out_map: float


@dataclass(frozen=True, eq=False)
class AutoFit:
    """What the recipe made.

    Attributes
    ----------
    classifier : BlendedClassifier
    objective : Objective
        Of the linear classifier.
    held_out : ndarray of float64, shape (products, labels)
        Logits of each product by classifiers that did not see its fold, calibrated as
        `classifier` is.
    chosen : LinearTrial
    trials : tuple of LinearTrial
    """

    classifier: BlendedClassifier
    objective: Objective
    held_out: Floats
    chosen: LinearTrial
    trials: tuple[LinearTrial, ...]


def fit_auto(
    embeddings: Tensor,
    matrix: LabelMatrix,
    space: LabelSpace,
    group: npt.NDArray[np.str_],
    blocks: Sequence[Block] | None = None,
    advance: Callable[[int], None] = lambda steps: None,
) -> AutoFit:
    """Fit the default recipe.

    Parameters
    ----------
    embeddings : Tensor of float32, shape (products, dim)
        Of all annotated products.
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1.
    space : LabelSpace
        The columns of the matrix.
    group : ndarray of str, shape (products,)
        Products of one group stay in one fold; `""` is a group of its own.
    blocks : sequence of Block, optional
        What the embeddings consist of.
    advance : callable
        Called with 1 after each fit.

    Raises
    ------
    LongtailorError
        If there are too few products to leave any out.
    """
    folds = deal_folds(matrix, group, FOLDS)
    if len(folds) < 2:
        raise LongtailorError(
            "the recipe auto learns from products left out, and needs two annotated products (or "
            "groups of them) at least: annotate more, or give another --objective"
        )
    design = Design.of(embeddings, blocks)
    # Kept in half precision, the landmarks are fitted as they are kept.
    features = design.features[:, :-1].half().float()
    kernel = fit_kernel_ridge(features, matrix, folds, advance=advance)
    objective = build("none", statistics=LabelStatistics.from_matrix(matrix))
    linear, left_out, trials = cross_validate_linear(design, matrix, objective, folds, advance)
    chosen = max(trials, key=lambda trial: trial.held_out_map)

    slope, offset = platt(kernel.held_out, matrix)
    blend = (left_out + slope * kernel.held_out + offset) / 2
    outer_slope, outer_offset = platt(blend, matrix)
    competing = [space.groups[attribute].tolist() for attribute in sorted(space.exclusive)]
    logits = torch.from_numpy(outer_slope * blend + outer_offset)
    held_out = (logits + compete(logits, competing)) / 2 if competing else logits
    classifier = _blend(
        design, linear, kernel, outer_slope / 2, slope, offset, outer_offset, competing
    )
    return AutoFit(classifier, objective, held_out.numpy(), chosen, tuple(trials))


def cross_validate_linear(
    design: Design,
    matrix: LabelMatrix,
    objective: Objective,
    folds: Sequence[npt.NDArray[np.intp]],
    advance: Callable[[int], None] = lambda steps: None,
) -> tuple[LinearClassifier, npt.NDArray[np.float32], list[LinearTrial]]:
    """Choose the penalty by scores of products left out, then fit all of them."""
    targets = torch.tensor(matrix, dtype=torch.float32)
    starts: list[Tensor | None] = [None] * len(folds)
    trials: list[LinearTrial] = []
    best: tuple[npt.NDArray[np.float32], Tensor] | None = None
    for penalty in PENALTIES:
        held_out = np.empty(matrix.shape, np.float32)
        iterations, converged = 0, True
        parameters = []
        for number, fold in enumerate(folds):
            hidden = targets.clone()
            hidden[fold] = UNKNOWN
            minimum = fit_linear(design, hidden, objective, penalty, starts[number])
            starts[number] = minimum.parameters
            parameters.append(minimum.parameters)
            held_out[fold] = (design.features[fold] @ minimum.parameters).numpy()
            iterations += minimum.iterations
            converged &= bool(minimum.converged.all())
            advance(1)
        reached = float(np.nanmean(average_precision(held_out, matrix)))
        better = not trials or reached > max(trial.held_out_map for trial in trials)
        trials.append(LinearTrial(penalty, iterations, converged, reached))
        if not better:
            break
        best = held_out, torch.stack(parameters).mean(dim=0)
    assert best is not None
    held_out, start = best
    penalty = max(trials, key=lambda trial: trial.held_out_map).penalty
    minimum = fit_linear(design, targets, objective, penalty, start)
    advance(1)
    return design.fold(minimum.parameters), held_out, trials


def _blend(
    design: Design,
    linear: LinearClassifier,
    kernel: KernelRidge,
    share: Floats,
    slope: Floats,
    offset: Floats,
    outer_offset: Floats,
    competing: list[list[int]],
) -> BlendedClassifier:
    """Fold the calibration into the weights."""
    own, kernels = torch.from_numpy(share), torch.from_numpy(share * slope)
    bias = (
        own * linear.bias.detach().double()
        + kernels * kernel.bias.double()
        + torch.from_numpy(share * offset + outer_offset)
    )
    return BlendedClassifier(
        LinearClassifier(
            (own[:, None] * linear.weight.detach().double()).float(),
            bias.float(),
            linear.blocks,
            linear.average,
        ),
        design.scale.float(),
        kernel.landmarks,
        torch.tensor(kernel.width),
        (kernels[:, None] * kernel.weight.double()).float(),
        competing,
    )
