"""A linear and a kernel classifier that speak as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from longtailor.classifiers.competition import compete
from longtailor.classifiers.kernel import laplace_kernel
from longtailor.classifiers.linear import Block, LinearClassifier


class BlendedClassifier(nn.Module):
    """Logits of a linear classifier plus those of a Laplace kernel's.

    With x the normalised embedding and u = scale * (x - average):

        logits = weight x + bias + kernel_weight exp(-|u - landmarks| / width)

    and, where values of an attribute compete, slope times the mean of these and of `compete` of
    these, plus offset: the competition counts evidence twice, and the slope takes that back.

    Parameters
    ----------
    linear : LinearClassifier
    scale : Tensor of float32, shape (dim,)
    landmarks : Tensor of float16 or float32, shape (landmarks, dim)
        Training products, as u.
    width : Tensor of float32, shape ()
    kernel_weight : Tensor of float32, shape (labels, landmarks)
    slope, offset : Tensor of float32, shape (labels,), optional
        Default: 1 and 0. Without a column that competes they are not used.
    competing : sequence of sequences of int, optional
        Columns of each attribute of which a product has exactly one value.

    Raises
    ------
    ValueError
        If the shapes do not match.
    """

    scale: Tensor
    landmarks: Tensor
    width: Tensor
    slope: Tensor
    offset: Tensor

    def __init__(
        self,
        linear: LinearClassifier,
        scale: Tensor,
        landmarks: Tensor,
        width: Tensor,
        kernel_weight: Tensor,
        slope: Tensor | None = None,
        offset: Tensor | None = None,
        competing: Sequence[Sequence[int]] = (),
    ) -> None:
        super().__init__()
        shapes = tuple(scale.shape), tuple(landmarks.shape), tuple(kernel_weight.shape)
        count = len(landmarks)
        if shapes != ((linear.dim,), (count, linear.dim), (linear.labels, count)):
            raise ValueError(
                f"scale, landmarks and kernel_weight have shapes {shapes}; a linear classifier of "
                f"{linear.dim} numbers and {linear.labels} labels asks for (dim,), "
                "(landmarks, dim) and (labels, landmarks)"
            )
        slope = torch.ones(linear.labels) if slope is None else slope
        offset = torch.zeros(linear.labels) if offset is None else offset
        if slope.shape != (linear.labels,) or offset.shape != (linear.labels,):
            raise ValueError(
                f"slope and offset have shapes {tuple(slope.shape)} and {tuple(offset.shape)}, "
                f"not ({linear.labels},)"
            )
        self.linear = linear
        self.register_buffer("scale", scale)
        self.register_buffer("landmarks", landmarks.float())
        self.register_buffer("width", width)
        self.register_buffer("slope", slope)
        self.register_buffer("offset", offset)
        self.kernel_weight = nn.Parameter(kernel_weight)
        self.competing = [list(columns) for columns in competing]

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.linear.dim

    @property
    def labels(self) -> int:
        """Number of labels."""
        return self.linear.labels

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The parts of an embedding."""
        return self.linear.blocks

    def forward(self, embeddings: Tensor) -> Tensor:
        """Give the logits of embeddings (products, dim): shape (products, labels)."""
        features = self.linear.normalize(embeddings)
        inputs = self.scale * (features - self.linear.average)
        similar = laplace_kernel(inputs, self.landmarks, self.width)
        logits = nn.functional.linear(features, self.linear.weight, self.linear.bias)
        logits = logits + nn.functional.linear(similar, self.kernel_weight)
        if not self.competing:
            return logits
        return self.slope * (logits + compete(logits, self.competing)) / 2 + self.offset
