"""Ridge regression with a Laplace kernel, all labels at once.

The posterior mean of a Gaussian process (Rasmussen & Williams, "Gaussian Processes for Machine
Learning", section 2.2). What it says of products that it did not see follows from the same
inverse (section 5.4.2), so that the noise is chosen without fitting again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
MOST_LANDMARKS = 5000
"""Products that the kernel is spanned by, at most."""
WIDTH = 2.0
"""In median distances between training products."""
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
        Of each product, by the classifier that did not see its fold.
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
        Every product in one of them.
    advance : callable
        Called with 1 after each group of labels that are known for the same products.
    """
    known = matrix != UNKNOWN
    patterns, pattern_of = np.unique(known, axis=1, return_inverse=True)
    pattern_of = pattern_of.reshape(-1)
    chosen = choose_landmarks(matrix, patterns.shape[1])
    landmarks = features[chosen]
    width = _width(features)
    kernel = laplace_kernel(features, landmarks, width)
    labels = matrix.shape[1]
    weight, bias = torch.zeros(labels, len(chosen)), torch.zeros(labels)
    held_out = np.zeros(matrix.shape, np.float32)
    noises = np.full(labels, np.nan)
    for pattern in range(patterns.shape[1]):
        columns = np.flatnonzero(pattern_of == pattern)
        inside = np.flatnonzero(patterns[chosen, pattern])
        rows = chosen[inside]
        if len(rows):
            fold_of = np.full(len(matrix), -1)
            for number, fold in enumerate(folds):
                fold_of[fold] = number
            cells = matrix[np.ix_(rows, columns)]
            fit = _fit_known(kernel[torch.as_tensor(rows)][:, inside], cells, fold_of[rows])
            everywhere = (kernel[:, inside] @ fit.weight + fit.bias).numpy()
            everywhere[rows] = fit.held_out
            held_out[:, columns] = everywhere
            weight[np.ix_(columns, inside)] = fit.weight.T
            bias[columns] = fit.bias
            noises[columns] = fit.noise
        advance(1)
    return KernelRidge(landmarks, width, weight, bias, held_out, noises)


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


def _fit_known(kernel: Tensor, matrix: LabelMatrix, fold_of: Rows) -> _Known:
    """Fit labels that are known for all landmarks: kernel (landmarks, landmarks)."""
    targets = torch.from_numpy(matrix == POSITIVE).float()
    mean = targets.mean(dim=0)
    centred = targets - mean
    folds = [np.flatnonzero(fold_of == fold) for fold in np.unique(fold_of)]
    best: tuple[float, float, Floats] | None = None
    for noise in NOISES:
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(_covariance(kernel, noise)))
        weight = inverse @ centred
        held_out = np.empty(matrix.shape, np.float32)
        for at in folds:
            # Equation 5.12 for a whole fold: y - y_out = (inverse of its block)^-1 weight.
            block = inverse[at][:, at]
            held_out[at] = (targets[at] - torch.linalg.solve(block, weight[at])).numpy()
        ap = average_precision(held_out, matrix)
        score = float(np.nanmean(ap)) if not np.isnan(ap).all() else 0.0
        if best is not None and score <= best[0]:
            break
        best = score, noise, held_out
    assert best is not None
    _, noise, held_out = best
    lower = torch.linalg.cholesky(_covariance(kernel, noise).double())
    weight = torch.cholesky_solve(centred.double(), lower)
    bias = mean + INTERCEPT_VARIANCE * weight.sum(dim=0)
    return _Known(noise, weight.float(), bias.float(), held_out)


def _covariance(kernel: Tensor, noise: float) -> Tensor:
    covariance = kernel + INTERCEPT_VARIANCE
    covariance.diagonal().add_(noise)
    return covariance


def _width(features: Tensor) -> float:
    sample = features[:: -(-len(features) // SAMPLE)]
    distances = torch.pdist(sample)
    median = float(distances.median()) if len(distances) else 0.0
    return WIDTH * median if median > 0.0 else 1.0
