"""The default recipe: two classifiers on all annotated products, averaged.

A linear logistic classifier and a ridge classifier with a Laplace kernel learn from train and val
together. Each chooses its penalty by cross-validation on all of them, so that no product is set
aside, and their scores of products that they did not see calibrate them and choose thresholds.
The logits are averaged; the values of an exclusive attribute compete, half, and are calibrated
again. Figures, and what else was tried: docs/what-we-tried.md.
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
from longtailor.labels import POSITIVE, UNKNOWN, LabelMatrix, LabelSpace, LabelStatistics
from longtailor.objectives import Objective, build
from longtailor.training.design import Design
from longtailor.training.folds import deal_folds
from longtailor.training.kernel_ridge import KernelRidge, fit_kernel_ridge
from longtailor.training.lbfgs import Minimum
from longtailor.training.linear import fit_linear
from longtailor.training.platt import platt

Floats = npt.NDArray[np.float64]

RECIPE = "auto"
"""How the recipe is asked for, in the place of an objective."""
FOLDS = 5
PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
"""Strengths of the L2 penalty of the linear classifier that are tried, the strongest first."""
CELLS = 2**21
"""Folds are fitted side by side as long as their cells (products x labels) are no more."""


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
        `classifier` is; NaN for products that were not left out.
    chosen : LinearTrial
    trials : tuple of LinearTrial
    noises : ndarray of float64, shape (labels,)
        Noise variance of the kernel classifier, chosen for labels that are known for the same
        products together; NaN for a label that is known for none.
    """

    classifier: BlendedClassifier
    objective: Objective
    held_out: Floats
    chosen: LinearTrial
    trials: tuple[LinearTrial, ...]
    noises: Floats


def fit_auto(
    embeddings: Tensor,
    matrix: LabelMatrix,
    space: LabelSpace,
    group: npt.NDArray[np.str_],
    blocks: Sequence[Block] | None = None,
    advance: Callable[[int], None] = lambda steps: None,
    choose_by: npt.NDArray[np.intp] | None = None,
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
    choose_by : ndarray of int, optional
        Rows that are left out in turn, to choose and to calibrate by; the others are always
        learned from. Default, also where these rows are fewer than two groups or have no positive:
        all rows.

    Raises
    ------
    LongtailorError
        If there are too few products to leave any out.
    """
    rows = np.arange(len(matrix)) if choose_by is None else choose_by
    folds = deal_folds(matrix[rows], group[rows], FOLDS)
    if choose_by is not None and (len(folds) < 2 or not (matrix[rows] == POSITIVE).any()):
        return fit_auto(embeddings, matrix, space, group, blocks, advance)
    folds = [rows[fold] for fold in folds]
    if len(folds) < 2:
        raise LongtailorError(
            "the recipe auto learns from products left out, and needs two annotated products (or "
            "groups of them) at least: annotate more, or give another --objective"
        )
    design = Design.of(embeddings, blocks)
    kernel = fit_kernel_ridge(design.features[:, :-1], matrix, folds, advance=advance)
    linear, left_out, trials = cross_validate_linear(design, matrix, folds, advance)
    chosen = max(trials, key=lambda trial: trial.held_out_map)

    slope, offset = platt(kernel.held_out[rows], matrix[rows])
    blend = (left_out + slope * kernel.held_out + offset) / 2
    outer_slope, outer_offset = platt(blend[rows], matrix[rows])
    competing = [space.groups[attribute].tolist() for attribute in sorted(space.exclusive)]
    logits = outer_slope * blend + outer_offset
    last_slope, last_offset = np.ones(len(space)), np.zeros(len(space))
    if competing:
        logits = (logits + compete(torch.from_numpy(logits), competing).numpy()) / 2
        at = np.concatenate(competing)
        # Competition takes the evidence of the other values as if it were new.
        last_slope[at], last_offset[at] = platt(logits[np.ix_(rows, at)], matrix[np.ix_(rows, at)])
    held_out = last_slope * logits + last_offset
    classifier = BlendedClassifier(
        _blend(linear, kernel, outer_slope / 2, slope, offset, outer_offset),
        design.scale.float(),
        kernel.landmarks,
        torch.tensor(kernel.width),
        (torch.from_numpy(outer_slope / 2 * slope)[:, None] * kernel.weight.double()).float(),
        torch.from_numpy(last_slope).float(),
        torch.from_numpy(last_offset).float(),
        competing,
    )
    return AutoFit(classifier, _plain(matrix), held_out, chosen, tuple(trials), kernel.noises)


def cross_validate_linear(
    design: Design,
    matrix: LabelMatrix,
    folds: Sequence[npt.NDArray[np.intp]],
    advance: Callable[[int], None] = lambda steps: None,
) -> tuple[LinearClassifier, npt.NDArray[np.float32], list[LinearTrial]]:
    """Choose the penalty by scores of products left out, then fit all of them.

    The scores of products that are in no fold are NaN.
    """
    rows = np.concatenate(folds)
    turned, axes = design.along_axes()
    # Folds are fitted side by side, as labels of one problem: embeddings are read once for all.
    together = max(1, CELLS // max(matrix.size, 1))
    batches = [folds[at : at + together] for at in range(0, len(folds), together)]
    starts: list[Tensor | None] = [None] * len(batches)
    trials: list[LinearTrial] = []
    best: tuple[npt.NDArray[np.float32], Tensor] | None = None
    for penalty in PENALTIES:
        held_out = np.full(matrix.shape, np.nan, np.float32)
        iterations, converged = 0, True
        solutions: list[Tensor] = []
        for number, batch in enumerate(batches):
            seen = np.concatenate([_without(matrix, fold) for fold in batch], axis=1)
            minimum = _fit(turned, seen, penalty, starts[number])
            starts[number] = minimum.parameters
            for fold, own in zip(batch, minimum.parameters.chunk(len(batch), dim=1), strict=True):
                held_out[fold] = (turned.features[fold] @ own).numpy()
                solutions.append(own)
            iterations += minimum.iterations
            converged &= bool(minimum.converged.all())
            advance(1)
        reached = float(np.nanmean(average_precision(held_out[rows], matrix[rows])))
        better = not trials or reached > max(trial.held_out_map for trial in trials)
        trials.append(LinearTrial(penalty, iterations, converged, reached))
        if not better:
            break
        best = held_out, torch.stack(solutions).mean(dim=0)
    assert best is not None
    held_out, start = best
    penalty = max(trials, key=lambda trial: trial.held_out_map).penalty
    minimum = _fit(turned, matrix, penalty, start)
    advance(1)
    parameters = torch.cat([axes @ minimum.parameters[:-1], minimum.parameters[-1:]])
    return design.fold(parameters), held_out, trials


def _without(matrix: LabelMatrix, fold: npt.NDArray[np.intp]) -> LabelMatrix:
    seen = matrix.copy()
    seen[fold] = UNKNOWN
    return seen


def _plain(matrix: LabelMatrix) -> Objective:
    return build("none", statistics=LabelStatistics.from_matrix(matrix))


def _fit(design: Design, matrix: LabelMatrix, penalty: float, start: Tensor | None) -> Minimum:
    targets = torch.tensor(matrix, dtype=torch.float32)
    return fit_linear(design, targets, _plain(matrix), penalty, start)


def _blend(
    linear: LinearClassifier,
    kernel: KernelRidge,
    share: Floats,
    slope: Floats,
    offset: Floats,
    outer_offset: Floats,
) -> LinearClassifier:
    """Fold the calibration, and the kernel's bias, into the linear part."""
    own = torch.from_numpy(share)
    bias = (
        own * linear.bias.detach().double()
        + torch.from_numpy(share * slope) * kernel.bias.double()
        + torch.from_numpy(share * offset + outer_offset)
    )
    weight = own[:, None] * linear.weight.detach().double()
    return LinearClassifier(weight.float(), bias.float(), linear.blocks, linear.average)
