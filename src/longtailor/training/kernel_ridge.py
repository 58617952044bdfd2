"""Ridge regression with a Laplace kernel, all labels at once.

The posterior mean of a Gaussian process (Rasmussen & Williams, "Gaussian Processes for Machine
Learning", section 2.2). What it says of products that it did not see follows from the same
inverse (section 5.4.2), so that the noise is chosen without fitting again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from longtailor.classifiers.kernel import laplace_kernel
from longtailor.evaluation.ranking import average_precision
from longtailor.labels import POSITIVE, UNKNOWN, LabelMatrix

Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float32]

NOISES = (1.0, 0.3, 0.1, 0.03, 0.01)
"""Noise variances that are tried; the kernel of a product with itself is 1."""
FEW = 2000
"""With more landmarks than this,"""
FOLDS_TO_CHOOSE = 3
"""so many folds choose the noise, at half of what all would cost."""
MOST_LANDMARKS = 5000
"""Products that the kernel is spanned by, at most."""
WIDTH = 2.0
"""In median distances between training products."""
BLOCK = 512
"""Products whose kernel is made at a time."""
REFINEMENTS = 10
NEGLIGIBLE = 1e-6
"""Single precision's error is taken out of the weights until residuals are off by no more."""
SAMPLE = 2000
"""So many products tell the median distance well enough."""
INTERCEPT_VARIANCE = 10.0
"""Prior variance of a label's mean: wide, shares of positives lie in [0, 1]."""


@dataclass(frozen=True, eq=False)
class KernelRidge:
    """A fitted kernel classifier's tensors, and its scores of products that it had not seen.

    Attributes
    ----------
    landmarks : Tensor of float32, shape (landmarks, dim)
    width : float
    weight : Tensor of float32, shape (labels, landmarks)
    bias : Tensor of float32, shape (labels,)
    held_out : ndarray of float32, shape (products, labels)
        Of each product, by the classifier that did not see its fold; NaN for a product that is
        in no fold.
    noises : ndarray of float64, shape (labels,)
        Chosen by the mean average precision of the held-out scores, for labels that are known for
        the same products together. NaN for a label that is known for none.
    """

    landmarks: Tensor
    width: float
    weight: Tensor
    bias: Tensor
    held_out: Floats
    noises: npt.NDArray[np.float64]


def fit_kernel_ridge(
    features: Tensor,
    matrix: LabelMatrix,
    folds: Sequence[Rows],
    *,
    advance: Callable[[int], None] = lambda steps: None,
) -> KernelRidge:
    """Fit scores near 1 for positives and near 0 for negatives, unknown cells left out.

    Parameters
    ----------
    features : Tensor of float32, shape (products, dim)
        Normalised and centred.
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1.
    folds : sequence of ndarray of int
        No product in two of them. Those in none are always learned from.
    advance : callable
        Called with 1 after each group of labels that are known for the same products.
    """
    known = matrix != UNKNOWN
    patterns, pattern_of = np.unique(known, axis=1, return_inverse=True)
    pattern_of = pattern_of.reshape(-1)
    fold_of = np.full(len(matrix), -1)
    for number, fold in enumerate(folds):
        fold_of[fold] = number
    chosen = choose_landmarks(matrix, patterns.shape[1])
    chosen = chosen[np.argsort(fold_of[chosen], kind="stable")]
    # Kept in half precision, the landmarks are fitted as they are kept.
    landmarks = features[chosen].half().float()
    width = _width(features)
    kernel = _kernel(landmarks, landmarks, width)
    labels = matrix.shape[1]
    weight, bias = torch.zeros(labels, len(chosen)), torch.zeros(labels)
    held_out = np.full(matrix.shape, np.nan, np.float32)
    noises = np.full(labels, np.nan)
    for pattern in range(patterns.shape[1]):
        columns = np.flatnonzero(pattern_of == pattern)
        inside = np.flatnonzero(patterns[chosen, pattern])
        rows = chosen[inside]
        if len(rows):
            part = kernel if len(rows) == len(chosen) else kernel[np.ix_(inside, inside)]
            fit = _fit_known(part, matrix[np.ix_(rows, columns)], fold_of[rows])
            held_out[np.ix_(rows, columns)] = fit.held_out
            weight[np.ix_(columns, inside)] = fit.weight.T
            bias[columns] = fit.bias
            noises[columns] = fit.noise
        advance(1)
    # What taught nothing was left out by the fit of all.
    others = np.flatnonzero(np.isnan(held_out).any(axis=1) & (fold_of >= 0))
    for start in range(0, len(others), BLOCK):
        rows = others[start : start + BLOCK]
        scores = (_kernel(features[rows], landmarks, width) @ weight.T + bias).numpy()
        held_out[rows] = np.where(np.isnan(held_out[rows]), scores, held_out[rows])
    return KernelRidge(landmarks, width, weight, bias, held_out, noises)


def _kernel(left: Tensor, right: Tensor, width: float) -> Tensor:
    """Make a kernel block by block, with nothing of its size beside it."""
    kernel = torch.empty(len(left), len(right))
    for start in range(0, len(left), BLOCK):
        rows = slice(start, start + BLOCK)
        kernel[rows] = laplace_kernel(left[rows], right, width)
    return kernel


def choose_landmarks(matrix: LabelMatrix, patterns: int = 1) -> Rows:
    """Choose the products that the kernel is spanned by, those with the rarest labels first.

    Rising rows, each with a known label. There are fewer where labels are known for many different
    sets of products, each of which is a fit of its own, so that the work stays about the same.
    """
    most = int(MOST_LANDMARKS / math.cbrt(patterns))
    usable = np.flatnonzero((matrix != UNKNOWN).any(axis=1))
    if len(usable) <= most:
        return usable
    positive = matrix[usable] == POSITIVE
    rarity = np.where(positive, 1 / np.maximum(positive.sum(axis=0), 1), 0.0).max(axis=1)
    mixed = np.random.default_rng(0).permutation(len(usable))
    # Half by rarity, half at random: common labels need the breadth.
    by_rarity = np.lexsort([mixed, -rarity])
    rare, rest = by_rarity[: most // 2], by_rarity[most // 2 :]
    others = rest[np.argsort(mixed[rest])][: most - len(rare)]
    return np.sort(usable[np.concatenate([rare, others])])


@dataclass(frozen=True, eq=False)
class _Known:
    noise: float
    weight: Tensor
    bias: Tensor
    held_out: Floats


@dataclass(frozen=True, eq=False)
class _Trial:
    noise: float
    lower: Tensor
    score: float


def _fit_known(kernel: Tensor, matrix: LabelMatrix, fold_of: Rows) -> _Known:
    """Fit labels that are known for all landmarks, which stand fold by fold, the foldless first."""
    targets = torch.from_numpy(matrix == POSITIVE).float()
    mean = targets.mean(dim=0)
    centred = targets - mean
    numbers, starts = np.unique(fold_of, return_index=True)
    parts = [slice(*ends) for ends in pairwise([*starts.tolist(), len(fold_of)])]
    folds = [part for number, part in zip(numbers, parts, strict=True) if number >= 0]
    last = folds if len(targets) <= FEW else folds[-FOLDS_TO_CHOOSE:]
    judged = slice(_first(last, len(targets)), None)

    def attempt(noise: float) -> _Trial:
        covariance = kernel + INTERCEPT_VARIANCE
        covariance.diagonal().add_(noise)
        lower = torch.linalg.cholesky(covariance)
        scores = targets[judged] - _residuals(lower, centred, last)
        ap = average_precision(scores.numpy(), matrix[judged])
        return _Trial(noise, lower, float(np.nanmean(ap)) if not np.isnan(ap).all() else 0.0)

    best = _choose_noise(attempt)
    held_out = np.full(matrix.shape, np.nan, np.float32)
    out = slice(_first(folds, len(targets)), None)
    held_out[out] = (targets[out] - _residuals(best.lower, centred, folds)).numpy()
    weight = _solve(kernel, best, centred)
    bias = mean + INTERCEPT_VARIANCE * weight.sum(dim=0)
    return _Known(best.noise, weight.float(), bias.float(), held_out)


def _choose_noise(attempt: Callable[[float], _Trial]) -> _Trial:
    """Go from the middle of `NOISES` as long as it gets better, upwards or else downwards."""
    middle = len(NOISES) // 2
    best = first = attempt(NOISES[middle])
    for noises in (NOISES[:middle][::-1], NOISES[middle + 1 :]):
        for noise in noises:
            trial = attempt(noise)
            if trial.score <= best.score:
                break
            best = trial
        if best is not first:
            break
    return best


def _first(folds: Sequence[slice], products: int) -> int:
    return int(folds[0].start) if folds else products


def _residuals(lower: Tensor, targets: Tensor, folds: Sequence[slice]) -> Tensor:
    """Give what targets differ by from what the rest says of each fold.

    Equation 5.12 for a whole fold: (block of the inverse)^-1 (rows of the inverse) targets. What is
    asked of the inverse for the last folds alone follows from the last corner of its factor.

    Parameters
    ----------
    lower : Tensor, shape (landmarks, landmarks)
        Cholesky factor of the covariance.
    targets : Tensor, shape (landmarks, labels)
    folds : sequence of slice
        The last ones, or all.
    """
    first = _first(folds, len(lower))
    corner = lower[first:, first:].contiguous()
    half = torch.linalg.solve_triangular(lower, targets, upper=False)[first:]
    weight = torch.linalg.solve_triangular(corner.T, half, upper=True)
    inverse = torch.cholesky_inverse(corner)
    residuals = torch.empty_like(weight)
    for fold in folds:
        at = slice(fold.start - first, fold.stop - first)
        residuals[at] = torch.linalg.solve(inverse[at, at], weight[at])
    return residuals


def _solve(kernel: Tensor, trial: _Trial, targets: Tensor) -> Tensor:
    """Multiply by the inverse of the covariance, as if its factor were in double precision."""
    wide = targets.double()
    weight = torch.zeros_like(wide)
    residual = wide
    for _ in range(REFINEMENTS):
        weight += torch.cholesky_solve(residual.float(), trial.lower).double()
        fitted = trial.noise * weight + INTERCEPT_VARIANCE * weight.sum(dim=0)
        for start in range(0, len(kernel), BLOCK):
            rows = slice(start, start + BLOCK)
            fitted[rows] += kernel[rows].double() @ weight
        residual = wide - fitted
        if residual.abs().max() < NEGLIGIBLE:
            break
    return weight


def _width(features: Tensor) -> float:
    sample = features[:: -(-len(features) // SAMPLE)]
    distances = torch.pdist(sample)
    median = float(distances.median()) if len(distances) else 0.0
    return WIDTH * median if median > 0.0 else 1.0
