"""Training embeddings, normalised, and where they vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from longtailor.classifiers import Block, LinearClassifier, normalize_block

NEGLIGIBLE_LENGTH = 1e-10
NEGLIGIBLE_VARIANCE = 1e-6
"""Of that along the first axis."""
NULL = 1e-9
"""Of all variance: what lies along an axis with less is rounding."""
SAMPLE = 4096
"""So many rows tell the principal axes well enough to guide the fit."""


@dataclass(frozen=True)
class Design:
    """Normalised embeddings, each block centred and scaled by itself, and an intercept.

    The scale makes the mean squared length of a block 1, so that a penalty means the same whatever
    the encoder. A block that a product does not have is 0: as the average of those that have it.

    Attributes
    ----------
    features : Tensor of float32, shape (products, dim + 1)
        The last column is 1.
    blocks : tuple of Block
    mean : Tensor of float64, shape (dim,)
    scale : Tensor of float64, shape (dim,)
        What the centred columns were multiplied by; 0 where a block does not vary.
    axes : Tensor of float32, shape (dim, axes), or None
        Principal axes, estimated on a sample, one a column; with fewer products than numbers, those
        along which products vary. None where the features lie along them.
    variances : Tensor of float32, shape (axes,)
        Mean square of the features along each axis.
    """

    features: Tensor
    blocks: tuple[Block, ...]
    mean: Tensor
    scale: Tensor
    axes: Tensor | None
    variances: Tensor

    @classmethod
    def of(cls, embeddings: Tensor, blocks: Sequence[Block] | None = None) -> Design:
        """Prepare embeddings.

        Parameters
        ----------
        embeddings : Tensor, shape (products, dim)
            NaN in the blocks that a product does not have.
        blocks : sequence of Block, optional
            Default: one block of all numbers.
        """
        products, dim = embeddings.shape
        blocks = (Block(dim),) if blocks is None else tuple(blocks)
        features = torch.ones(products, dim + 1)
        mean, scale = (torch.zeros(dim, dtype=torch.float64) for _ in range(2))
        start = 0
        for block in blocks:
            columns = slice(start, start + block.dim)
            start += block.dim
            part = features[:, columns]
            part[:], missing = normalize_block(embeddings[:, columns], block)
            with_block = max(int((~missing).sum()), 1)
            mean[columns] = part.sum(dim=0, dtype=torch.float64) / with_block
            part -= mean[columns].to(part.dtype)
            part.masked_fill_(missing, 0.0)
            length = torch.linalg.vector_norm(part, dim=1).square().sum().item() / with_block
            # What is left of embeddings that are all alike is rounding, and not to be scaled up.
            scale[columns] = length**-0.5 if length > NEGLIGIBLE_LENGTH else 0.0
            part *= scale[start - 1].item()
        rows = features[:: -(-products // SAMPLE), :-1]
        if products < dim and products <= SAMPLE:
            variances, axes = _few_axes(rows)
        else:
            variances, axes = _principal_axes(rows.T @ rows / len(rows))
        return cls(features, blocks, mean, scale, axes, variances.clamp(min=0))

    def along_axes(self) -> tuple[Design, Tensor]:
        """Turn the features into their principal axes, for many fits to the same products.

        Returns
        -------
        design : Design
            Without the axes along which no product varies: a penalised fit makes no use of them.
        axes : Tensor of float32, shape (dim, axes)
            Parameters found with it are those of `features` times these.
        """
        assert self.axes is not None
        largest = self.variances.max() if len(self.variances) else 0.0
        kept = self.variances > NEGLIGIBLE_VARIANCE * largest
        if len(self.features) > SAMPLE:
            kept[:] = True
        axes = self.axes[:, kept]
        turned = torch.cat([self.features[:, :-1] @ axes, self.features[:, -1:]], dim=1)
        return replace(self, features=turned, axes=None, variances=self.variances[kept]), axes

    def fold(self, parameters: Tensor) -> LinearClassifier:
        """Give the classifier of embeddings as encoders make them.

        Parameters
        ----------
        parameters : Tensor, shape (dim + 1, labels)
            Fitted on `features`.
        """
        wide = parameters.double()
        weight = wide[:-1].T * self.scale
        bias = wide[-1] - weight @ self.mean
        return LinearClassifier(
            weight.float().contiguous(), bias.float(), self.blocks, self.mean.float()
        )


def _principal_axes(covariance: Tensor) -> tuple[Tensor, Tensor]:
    # In single precision LAPACK fails, or gives NaN, where most of the features are constant.
    variances, axes = torch.linalg.eigh(covariance.double())
    return variances.float(), axes.float()


def _few_axes(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Give the axes that fewer rows than columns have, from the products of rows with rows."""
    wide = rows.double()
    squares, mixed = torch.linalg.eigh(wide @ wide.T)
    kept = squares > NULL * squares.clamp(min=0).sum()
    squares = squares[kept]
    axes = wide.T @ mixed[:, kept] / squares.sqrt()
    return (squares / len(rows)).float(), axes.float()
