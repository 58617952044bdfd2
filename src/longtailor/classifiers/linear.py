"""A linear classifier over all labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Block:
    """The part of an embedding that one encoder gave.

    Attributes
    ----------
    dim : int
        Numbers in it.
    root : bool
        Whether they are power-normalised, or scaled to length 1 only.
    length : bool
        Whether they are scaled to length 1 at all.
    """

    dim: int
    root: bool = True
    length: bool = True


def power_normalize(embeddings: Tensor) -> Tensor:
    """Take the signed square root of each number, then scale each row to length 1.

    Perronnin, Sanchez and Mensink, "Improving the Fisher Kernel for Large-Scale Image
    Classification" (ECCV 2010), section 3.2: it keeps a few strong features from deciding alone.
    The gradient at a number that is exactly 0, where the root has none, is 0.

    Parameters
    ----------
    embeddings : Tensor, shape (products, dim)
    """
    zero = embeddings == 0
    some = embeddings.masked_fill(zero, 1.0)
    # copysign has no counterpart in ONNX.
    roots = (some.abs().sqrt() * some.sign()).masked_fill(zero, 0.0)
    return nn.functional.normalize(roots, dim=1)


def normalize_block(embeddings: Tensor, block: Block) -> tuple[Tensor, Tensor]:
    """Normalise one block of embeddings, each row by itself.

    Parameters
    ----------
    embeddings : Tensor, shape (products, block.dim)
        NaN in the rows of products that have no such embedding.
    block : Block

    Returns
    -------
    features : Tensor, shape (products, block.dim)
        0 where there is no embedding.
    missing : Tensor of bool, shape (products, 1)
    """
    missing = embeddings.isnan().any(dim=1, keepdim=True)
    there = embeddings.masked_fill(missing, 0.0)
    if block.root:
        return power_normalize(there), missing
    return nn.functional.normalize(there, dim=1) if block.length else there, missing


class LinearClassifier(nn.Module):
    """Logits as an affine function of the normalised embedding.

    An embedding may consist of several blocks, one an encoder. A block that a product does not
    have (NaN) counts as the average one: it moves no logit from where the average moves it.

    Parameters
    ----------
    weight : Tensor of float32, shape (labels, dim)
    bias : Tensor of float32, shape (labels,)
    blocks : sequence of Block, optional
        Default: one block of all numbers.
    average : Tensor of float32, shape (dim,), optional
        What stands for a missing block: the mean of the normalised blocks in training. Default:
        zeros.

    Raises
    ------
    ValueError
        If the shapes do not match.
    """

    average: Tensor

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        blocks: Sequence[Block] | None = None,
        average: Tensor | None = None,
    ) -> None:
        super().__init__()
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise ValueError(
                f"weight has shape (labels, dim) and bias (labels,), "
                f"not {tuple(weight.shape)} and {tuple(bias.shape)}"
            )
        dim = weight.shape[1]
        self.blocks = (Block(dim),) if blocks is None else tuple(blocks)
        average = torch.zeros(dim) if average is None else average
        if sum(block.dim for block in self.blocks) != dim or average.shape != (dim,):
            raise ValueError(
                f"the blocks have {sum(block.dim for block in self.blocks)} numbers, the average "
                f"has shape {tuple(average.shape)}, and weight {dim} columns"
            )
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)
        self.register_buffer("average", average)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.weight.shape[1]

    @property
    def labels(self) -> int:
        """Number of labels."""
        return self.weight.shape[0]

    def forward(self, embeddings: Tensor) -> Tensor:
        """Give the logits of embeddings (products, dim): shape (products, labels)."""
        return nn.functional.linear(self.normalize(embeddings), self.weight, self.bias)

    def normalize(self, embeddings: Tensor) -> Tensor:
        """Normalise each block, the average in place of a missing one: shape (products, dim)."""
        sizes = [block.dim for block in self.blocks]
        parts = []
        for block, part, average in zip(
            self.blocks,
            torch.split(embeddings, sizes, dim=1),
            torch.split(self.average, sizes),
            strict=True,
        ):
            features, missing = normalize_block(part, block)
            parts.append(torch.where(missing, average, features))
        return torch.cat(parts, dim=1)
